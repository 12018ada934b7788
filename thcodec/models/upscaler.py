"""Source stills back to the size the animator works at."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from PIL import Image

from thcodec.bitstream.header import ModelIdentity


class Upscaler(Protocol):
    """Enlarges a decoded still; ``identity`` is what the stream header says of it."""

    identity: ModelIdentity

    def upscale(self, picture: np.ndarray, size: int) -> np.ndarray:
        """Picture (h, w, 3) uint8 RGB -> (size, size, 3) uint8 RGB."""


class Resampler:
    """Interpolation without weights; a picture that already has the size passes unchanged."""

    def __init__(self, name: str, method: Image.Resampling) -> None:
        self.identity = ModelIdentity(name, "1")
        self._method = method

    def upscale(self, picture: np.ndarray, size: int) -> np.ndarray:
        """Picture (h, w, 3) uint8 RGB -> (size, size, 3) uint8 RGB."""
        if picture.shape[:2] == (size, size):
            return picture
        return np.asarray(Image.fromarray(picture).resize((size, size), self._method))


RESAMPLERS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}

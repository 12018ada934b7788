"""A network behind the Upscaler interface: tiles, factors it was not made for, colour kept. No
torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from thcodec.bitstream.header import ModelIdentity

TILE = 128  # pixels of the still at a time: 512x512 made of it at factor 4
OVERLAP = 16  # pixels that neighbouring tiles see of each other
_PIXELS = (2, 3)  # axes


# float32 (1, 3, h, w) in [0, 1], factor -> (1, 3, factor h, factor w)
Enlarge = Callable[[np.ndarray, int], np.ndarray]


class NetworkUpscaler:
    """Enlarges by the smallest factor of the network that suffices, else by its largest one, and
    resamples (Lanczos) what is missing or too much.

    The result has the still's mean colour in every channel, so sources made by the same network
    agree in colour as far as their stills do. ``scales`` are the factors the network has.
    """

    def __init__(
        self, net: Enlarge, scales: Sequence[int], identity: ModelIdentity, tile: int = TILE
    ) -> None:
        self.identity = identity
        self.scales = tuple(sorted(scales))
        self._net = net
        self._tile = tile

    def upscale(self, picture: np.ndarray, size: int) -> np.ndarray:
        """Picture (h, w, 3) uint8 RGB -> (size, size, 3) uint8 RGB."""
        if max(picture.shape[:2]) < size:
            picture = self._enlarge(picture, self._factor(size / min(picture.shape[:2])))
        if picture.shape[:2] == (size, size):
            return picture
        resized = Image.fromarray(picture).resize((size, size), Image.Resampling.LANCZOS)
        return np.asarray(resized)

    def _factor(self, wanted: float) -> int:
        return next((scale for scale in self.scales if scale >= wanted), self.scales[-1])

    def _enlarge(self, picture: np.ndarray, scale: int) -> np.ndarray:
        still = network_input(picture)
        large = tiled(self._net, still, scale, self._tile)
        large += still.mean(_PIXELS, keepdims=True) - large.mean(_PIXELS, keepdims=True)
        pixels = np.rint(large[0].clip(0, 1) * 255).astype(np.uint8)
        return np.ascontiguousarray(pixels.transpose(1, 2, 0))


def network_input(picture: np.ndarray) -> np.ndarray:
    """Picture (h, w, 3) uint8 RGB as a network takes it."""
    return picture.transpose(2, 0, 1)[None].astype(np.float32) / 255


def tiled(net: Enlarge, still: np.ndarray, scale: int, tile: int = TILE) -> np.ndarray:
    """Run ``net`` over (1, 3, h, w) in squares of ``tile`` pixels, so that memory has a bound.

    Each square is computed with OVERLAP pixels of its neighbours around it, which are cut away.
    """
    height, width = still.shape[-2:]
    large = np.empty((*still.shape[:2], scale * height, scale * width), np.float32)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            y, x = max(0, top - OVERLAP), max(0, left - OVERLAP)
            part = still[..., y : top + tile + OVERLAP, x : left + tile + OVERLAP]
            done = net(_multiple_of_four(part), scale)
            bottom, right = min(top + tile, height), min(left + tile, width)
            large[..., scale * top : scale * bottom, scale * left : scale * right] = done[
                ...,
                scale * (top - y) : scale * (bottom - y),
                scale * (left - x) : scale * (right - x),
            ]
    return large


def _multiple_of_four(still: np.ndarray) -> np.ndarray:
    """Networks that fold or halve their input take no other sizes."""
    height, width = still.shape[-2:]
    return np.pad(still, ((0, 0), (0, 0), (0, -height % 4), (0, -width % 4)), mode="edge")

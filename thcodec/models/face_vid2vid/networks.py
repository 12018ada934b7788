"""What the animator asks of the compact network, whatever it runs on. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from thcodec.models.face_vid2vid.alignment import Reach

Pictures = Sequence[np.ndarray]  # each (S, S, 3) uint8 RGB
Found = tuple[np.ndarray, np.ndarray]  # keypoints in a picture, and canonical ones; (K, 3) each


@dataclass(frozen=True)
class Placed:
    """A source with what carries it to N driving frames.

    appearance: as ``Networks.prepare`` gives it; keypoints: of the source, (K, 3); driving: those
    of the driving frames as seen from it, (N, K, 3); jacobian: J_s J_d^-1, (N, 3, 3).
    """

    appearance: Any
    keypoints: np.ndarray
    driving: np.ndarray
    jacobian: np.ndarray


class Networks(Protocol):
    """The five parts of a compact network. Implemented by TorchNetworks and OpenVinoNetworks, whose
    pictures differ by no more than a grey level here and there; in int8 by two on average."""

    def extracting(self, pictures: Pictures) -> Callable[[], list[Found]]:
        """What finds keypoints in each picture, K being those with a teacher; begun, where the
        runtime can go on by itself."""

    def field(
        self, small: np.ndarray, keypoints: np.ndarray, driving: np.ndarray, jacobian: np.ndarray
    ) -> Reach:
        """What the keypoints of one driving frame (K, 3) do to a source, which is given at the
        field's size, (h, w, 3) uint8, with its keypoints (K, 3) and a jacobian (3, 3)."""

    def prepare(self, picture: np.ndarray) -> Any:
        """A source's appearance, which goes back into ``synthesising``."""

    def synthesising(self, placed: Placed) -> Callable[[], list[np.ndarray]]:
        """What makes the source in N motions: pictures (S, S, 3) uint8 RGB; begun likewise."""

    def blend(self, first: Placed, second: Placed, weights: np.ndarray) -> list[np.ndarray]:
        """Two sources mixed in N motions, the second with ``weights`` (N,) in 0..1."""

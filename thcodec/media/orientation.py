"""How a camera was held: the display matrix of phones' videos."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways a rectangle can lie: transposed first, then mirrored."""

    transposed: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """Return ``picture`` (H, W, 3) as it is meant to be seen."""
        if self.transposed:
            picture = picture.transpose(1, 0, 2)
        if self.mirror_x:
            picture = picture[:, ::-1]
        if self.mirror_y:
            picture = picture[::-1]
        return np.ascontiguousarray(picture)


def orientation_of(frame: Any) -> Orientation:
    """Read the display matrix of a decoded PyAV video frame; upright where there is none.

    The matrix maps a stored point to a shown one, x' = a x + c y and y' = b x + d y with y down,
    and only turns by multiples of 90 degrees and mirrorings are in use; anything else goes to the
    nearest of these.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None or data.buffer_size < 36:
        return Orientation()
    a, b, _, c, d, *_ = struct.unpack_from("=9i", bytes(data))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, mirror_x=c < 0, mirror_y=b < 0)
    return Orientation(False, mirror_x=a < 0, mirror_y=d < 0)

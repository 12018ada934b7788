"""What an encoder asks of the pictures that come in."""

from __future__ import annotations

import numpy as np

from thcodec.errors import TimingError


class Incoming:
    """Checks pictures and their times.

    Args:
        frame_duration: usual distance of two frames in ticks; 0 when it varies.

    Attributes:
        size: width and height of all pictures, None before the first.
    """

    def __init__(self, frame_duration: int) -> None:
        self.size: tuple[int, int] | None = None
        self._step = max(frame_duration, 1)
        self._last: int | None = None

    def check(self, picture: np.ndarray, pts: int | None) -> int:
        """The picture's time in ticks; None follows the one before.

        Raises TimingError when times do not increase, ValueError for another shape or type.
        """
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ValueError(f"a picture is uint8 (H, W, 3), not {picture.dtype} {picture.shape}")
        size = (picture.shape[1], picture.shape[0])
        if self.size not in (None, size):
            raise ValueError(f"the picture is {size}, those before were {self.size}")
        self.size = size
        if pts is None:
            pts = 0 if self._last is None else self._last + self._step
        if self._last is not None and pts <= self._last:
            raise TimingError(f"frame time {pts} does not follow {self._last}")
        self._last = pts
        return pts

"""Times of frames, those of lost ones included. Spec section 14.2."""

from __future__ import annotations

from thcodec.bitstream.motion_head import MotionHead
from thcodec.errors import TimingError

_MOST = 1024  # frames that one gap is filled with


class Timeline:
    """Keeps the times that were shown, and guesses those of lost frames.

    Attributes:
        step: the header's frame duration, ticks; 0: there is none, and nothing is guessed.
        broken: frames were lost since the last one whose time is sure.
    """

    def __init__(self) -> None:
        self.step = 0
        self.broken = False
        self._last: int | None = None

    def after(self, times: list[int]) -> list[int]:
        """Those of ascending `times` that were not filled before; they are now."""
        if self._last is not None:
            times = [time for time in times if self._last is None or time > self._last]
        if times:
            self._last = times[-1]
        return times

    def guess(self, count: int) -> list[int]:
        """Times of `count` lost frames that follow the last one."""
        if self._last is None or not self.step:
            return []
        return self.after([self._last + self.step * (at + 1) for at in range(min(count, _MOST))])

    def gap(self, times: list[int]) -> list[int]:
        """Times of frames that were lost before `times`, when some were."""
        broken, self.broken = self.broken, False
        if not broken or self._last is None or not self.step or not times:
            return []
        missing = min((times[0] - self._last - 1) // self.step, _MOST)
        return self.guess(missing) if missing > 0 else []

    def of(self, head: MotionHead) -> list[int]:
        """Times of a packet that cannot be decoded; none where they cannot be told."""
        if not head.starts_group:
            self.broken = True
        try:
            return head.times(self._last, self.step)
        except TimingError:
            return []

"""When a new source is sent.

A policy is asked once per frame, in order, and keeps its own state. What it may look at comes in
one ``FrameView``; which frame then becomes the source is the business of
``thcodec.pipeline.source_choice``. Distances and errors are in thousandths of ST-LPIPS (see
``thcodec.sources.distance``), so one limit serves ``threshold`` and ``quality`` alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

POLICIES = ("interval", "first", "threshold", "quality", "budget", "best-frame")
LOOK_AHEAD_ONLY = ("best-frame",)  # not for live streams

_PATIENCE = 3  # frames: a blink or a nod is no new pose
_REARM = 0.7  # of the limit, below which a source has done its work
_REST = 25  # frames after which a source that did not help may be followed by another
_FULL = 4.0  # sources that the bucket holds
_PRICE = 25.0  # distance at which a source is bought with the last bytes of the bucket


@dataclass(frozen=True)
class FrameView:
    """What a policy knows of a frame.

    Attributes:
        index: number of the frame, from 0.
        new_shot: the frame begins a shot, the video's first included.
        face: the face is in sight.
        distance: to the source that would be shown, thousandths of ST-LPIPS; 0 for policies that
            do not look at it.
        error: running error of what the receiver shows beyond that of a fresh source, the same
            unit; None when nobody measured.
        sources_affordable: sources that the bytes left over would pay for, never more than a few.
    """

    index: int
    new_shot: bool
    face: bool = True
    distance: float = 0.0
    error: float | None = None
    sources_affordable: float = 0.0


class Policy(Protocol):
    """Decides from which frames on a new source is wanted.

    Attributes:
        by_distance: it looks at the distance, which need not be measured otherwise.
        waits: it looks at what is known only when the frames before are coded.
    """

    by_distance: bool
    waits: bool

    def decide(self, frame: FrameView) -> bool:
        """Whether a source is wanted from ``frame`` on; called once per frame, in order."""
        ...


class FirstPolicy:
    """One source per shot: plain face-vid2vid."""

    by_distance = waits = False

    def decide(self, frame: FrameView) -> bool:
        """True for the first frame and at shot changes."""
        return frame.new_shot or frame.index == 0


class IntervalPolicy:
    """A new source every ``interval`` frames; counting starts again at shot changes.

    While the face is out of sight the old source stays; the frame on which it returns becomes the
    late one.
    """

    by_distance = waits = False

    def __init__(self, interval: int) -> None:
        if interval < 1:
            raise ValueError(f"the interval must be at least 1 frame, not {interval}")
        self.interval = interval
        self._last: int | None = None

    def decide(self, frame: FrameView) -> bool:
        """True when a shot begins, or when the interval has passed and the face is in sight."""
        due = self._last is None or frame.index - self._last >= self.interval
        if frame.new_shot or (due and frame.face) or self._last is None:
            self._last = frame.index
            return True
        return False


class LimitPolicy:
    """A new source when a figure has stayed above a limit for a few frames.

    ``threshold`` looks at the distance, ``quality`` at the running error. After a source the
    figure must first fall well below the limit, or a second pass, before the next one.
    """

    def __init__(self, limit: float, *, closed_loop: bool) -> None:
        if not limit > 0:
            raise ValueError(f"the limit must be above 0, not {limit}")
        self.limit = limit
        self.by_distance, self.waits = not closed_loop, closed_loop
        self._above = 0
        self._armed = True
        self._last: int | None = None

    def decide(self, frame: FrameView) -> bool:
        """True when a shot begins, or when the limit has been passed for a while."""
        figure = frame.distance if self.by_distance else (frame.error or 0.0)
        if not frame.face:
            figure = 0.0
        rested = self._last is not None and frame.index - self._last >= _REST
        self._armed |= figure < _REARM * self.limit or rested
        self._above = self._above + 1 if figure > self.limit else 0
        late = self._armed and self._above >= _PATIENCE
        if frame.new_shot or self._last is None or late:
            self._last, self._armed, self._above = frame.index, False, 0
            return True
        return False


class BudgetPolicy:
    """Sources where they help most for the bytes that a leaky bucket has left over.

    The bucket fills at the target rate and is emptied by all that is sent but sound. A source has
    its price in distance: high while the bucket holds bytes for one, low when it is full.
    """

    by_distance = waits = True

    def __init__(self) -> None:
        self._started = False

    def decide(self, frame: FrameView) -> bool:
        """True when a shot begins, or when the frame is worth the price of a source."""
        affordable = min(frame.sources_affordable, _FULL)
        worth = frame.face and affordable >= 1 and frame.distance * affordable**2 > _PRICE
        if frame.new_shot or not self._started or worth:
            self._started = True
            return True
        return False


class LeakyBucket:
    """Bytes that a target rate leaves over, at most ``_FULL`` sources' worth.

    Args:
        rate: bytes a second.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._bytes = 0.0
        self._seconds = 0.0
        self._source = 0  # bytes of the last source

    def spend(self, count: int, *, source: bool) -> None:
        """Take out the bytes of a record."""
        self._bytes -= count
        if source:
            self._source = count

    def affordable(self, seconds: float, pending: float = 0.0) -> float:
        """Sources that can be paid at a time since the start, less ``pending`` bytes to come."""
        self._bytes += self._rate * max(0.0, seconds - self._seconds)
        self._seconds = max(seconds, self._seconds)
        if not self._source:
            return 0.0
        self._bytes = min(self._bytes, _FULL * self._source + pending)
        return (self._bytes - pending) / self._source


def make_policy(name: str, *, interval: int, limit: float) -> Policy:
    """Return a policy of ``POLICIES`` for the options of the same names.

    Raises ``ValueError`` for another name, an interval below 1 frame or a limit not above 0.
    """
    if name == "first":
        return FirstPolicy()
    if name in ("interval", "best-frame"):
        return IntervalPolicy(interval)
    if name in ("threshold", "quality"):
        return LimitPolicy(limit, closed_loop=name == "quality")
    if name == "budget":
        return BudgetPolicy()
    raise ValueError(f"policy is {name!r}, allowed is {', '.join(POLICIES)}")

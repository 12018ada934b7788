"""When a new source is sent.

A policy is asked once per frame, in order, and keeps its own state. What it may look at comes in
one ``FrameView``, so that policies which need more (distance of keypoints, score of the picture,
running error, bytes spent) add a field there and leave the callers and the other policies alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class FrameView:
    """What a policy knows of a frame.

    Attributes:
        index: number of the frame, from 0.
        new_shot: the frame begins a shot, the video's first included.
        face: the face is in sight.
        score: how good a source it would make, 0..1; None when nobody measured.
    """

    index: int
    new_shot: bool
    face: bool = True
    score: float | None = None


class Policy(Protocol):
    """Decides which frames become sources."""

    def decide(self, frame: FrameView) -> bool:
        """Whether ``frame`` becomes a source; called once per frame, in order."""
        ...


class FirstPolicy:
    """One source per shot: plain face-vid2vid."""

    def decide(self, frame: FrameView) -> bool:
        """True for the first frame and at shot changes."""
        return frame.new_shot or frame.index == 0


class IntervalPolicy:
    """A new source every ``interval`` frames; counting starts again at shot changes.

    While the face is out of sight the old source stays; the frame on which it returns becomes the
    late one.
    """

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


def make_policy(interval: int | None) -> Policy:
    """Return the policy for ``--interval`` in frames; None for one source per shot."""
    return FirstPolicy() if interval is None else IntervalPolicy(interval)

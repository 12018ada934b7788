"""Which sources a frame shows, and with what weights. Spec section 7.4: integers alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from thcodec.motion import MotionFrame
from thcodec.pipeline.prepared import HeldSource


@dataclass(frozen=True, eq=False)
class Pair:
    """Two sources that frames of the first show from ``since`` on, the first such frame."""

    first: HeldSource
    second: HeldSource
    since: MotionFrame


@dataclass(frozen=True)
class Mixture:
    """What a frame shows.

    Attributes:
        source: the frame's own.
        pair: the same with another that is mixed in, or None.
        weight: of that other, 0..1.
        begins: a transition from it begins here.
    """

    source: HeldSource
    pair: Pair | None = None
    weight: float = 0.0
    begins: bool = False


@dataclass
class _Running:
    """A transition under way from the pair's second source: `done` of its frames were shown."""

    pair: Pair
    done: int = 0


class Switches:
    """Follows the sources of a stream's frames, one frame at a time.

    Args:
        frames: that show two sources at a switch; 0 cuts.
        find: the source that has an id now, or None.
    """

    def __init__(self, frames: int, find: Callable[[int], HeldSource | None]) -> None:
        self._steps = frames + 1
        self._find = find
        self._before: HeldSource | None = None  # None as well after a frame with a second source
        self._running: _Running | None = None

    def step(self, frame: MotionFrame) -> Mixture | None:
        """What the next frame shows; None when its source is not here, which counts as lost."""
        source = self._find(frame.source_id)
        if source is None:
            return None
        if frame.second_source_id is not None:
            self._before = self._running = None
            return _asked(frame, source, self._find(frame.second_source_id))
        before, self._before = self._before, source
        begins = before is not None and before is not source and self._switch(before, source, frame)
        return self._next(source, begins)

    def _switch(self, before: HeldSource, source: HeldSource, frame: MotionFrame) -> bool:
        """Whether a new transition begins; else it is a cut, or one under way turns back."""
        running = self._running
        if before.shot != source.shot or self._steps == 1:
            self._running = None
            return False
        if running is not None and source is running.pair.second:
            turned = Pair(source, running.pair.first, frame)
            self._running = _Running(turned, self._steps - running.done)
            return False
        old = before
        if running is not None and 2 * running.done < self._steps:
            old = running.pair.second if self._held(running.pair.second) else before
        self._running = _Running(Pair(source, old, frame))
        return True

    def _next(self, source: HeldSource, begins: bool) -> Mixture:
        running = self._running
        if running is None:
            return Mixture(source)
        running.done += 1
        if running.done >= self._steps or not self._held(running.pair.second):
            self._running = None
            return Mixture(source)
        return Mixture(source, running.pair, 1 - running.done / self._steps, begins)

    def _held(self, source: HeldSource) -> bool:
        return self._find(source.id) is source


def _asked(frame: MotionFrame, source: HeldSource, second: HeldSource | None) -> Mixture:
    """A mixture that the frame itself asks for, with a weight of 0..255."""
    if second is None or second is source or frame.blend == 0:
        return Mixture(source)
    return Mixture(source, Pair(source, second, frame), frame.blend / 255)

"""Frames seen, and their sources chosen, ahead of the frame that is coded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

from thcodec.media.crop import CroppedFrame
from thcodec.pipeline.seen import Observer, SeenFrame
from thcodec.pipeline.source_choice import Chosen, SourceChoice

Affordable = Callable[[int], float]  # what a choice wants to know at a presentation time

Planned = tuple[SeenFrame, Chosen]

_STEP = 8  # of the last frames at a time
_DEPTH = 2  # batches that the thread may be ahead of the coder: neither waits for a slow one


class LookAhead:
    """Sees the frames of one stream in batches, and chooses their sources in order.

    With a thread, a batch is begun while the one before is judged in it, and comes out ``_DEPTH``
    + 1 calls later. Sources are chosen in it too, where that waits for nothing that is coded.

    Args:
        observer: sees the frames.
        choice: chooses their sources.
        frames: that follow the one whose source is chosen, but for the stream's last ones.
        thread: whether there is one.
    """

    def __init__(
        self, observer: Observer, choice: SourceChoice, frames: int, *, thread: bool
    ) -> None:
        self.choice = choice
        self._observer, self._frames = observer, frames
        self._thread = ThreadPoolExecutor(1) if thread else None
        self._chooses = thread and not choice.waits  # in the thread
        self._under_way: deque[Future[list[Any]]] = deque()  # what the thread does, in order
        self._coming: Callable[[], list[SeenFrame]] = list  # the newest
        self._seen: deque[SeenFrame] = deque()  # no source yet

    def take(self, batch: list[CroppedFrame], affordable: Affordable) -> Iterable[Planned]:
        """Look at the next frames; the frames whose turn has come to be coded."""
        if self._thread is None:
            return self._chosen(self._observer.seeing(batch)(), self._frames, affordable)
        self._under_way.append(self._thread.submit(self._look, batch))
        before = self._under_way.popleft().result() if len(self._under_way) > _DEPTH else []
        return before if self._chooses else self._chosen(before, self._frames, affordable)

    def rest(self, affordable: Affordable) -> Iterator[Planned]:
        """The last frames; sources are chosen while the frames before them are coded."""
        if self._thread is None:
            yield from self._chosen([], 0, affordable)
            return
        if not self._under_way:  # they came out before
            return
        self._under_way.append(self._thread.submit(self._look, []))
        if not self._chooses:
            for seen in self._done():
                yield from self._chosen(seen, self._frames, affordable)
            yield from self._chosen([], 0, affordable)
            return
        for _ in range(0, self._frames, _STEP):
            self._under_way.append(self._thread.submit(self._choose))
        for planned in self._done():
            yield from planned

    def close(self) -> None:
        """Wait for the thread, and end it. What was begun is given up."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
        self._under_way.clear()
        self._coming = list

    def _look(self, batch: list[CroppedFrame]) -> list[Any]:
        """What the thread does when a batch comes: it is begun, and the one before finished."""
        before, self._coming = self._coming, self._observer.seeing(batch)
        seen = before()
        if not self._chooses:
            return seen
        return list(self._chosen(seen, self._frames, _not_asked))

    def _choose(self) -> list[Planned]:
        """What it does when there are no more frames."""
        return list(self._chosen([], max(0, len(self._seen) - _STEP), _not_asked))

    def _done(self) -> Iterator[list[Any]]:
        """What the thread made, as soon as it is there, until there is nothing left to do."""
        while self._under_way:
            yield self._under_way.popleft().result()

    def _chosen(
        self, seen: list[SeenFrame], kept: int, affordable: Affordable
    ) -> Iterator[Planned]:
        """Sources for all frames but the last ``kept``."""
        self._seen.extend(seen)
        while len(self._seen) > kept:
            at = self._seen.popleft()
            ahead = list(islice(self._seen, self._frames))
            yield at, self.choice.choose(at, ahead, affordable(at.frame.pts))


def _not_asked(_: int) -> float:
    """For policies that do not wait: they do not look at bytes."""
    return 0.0

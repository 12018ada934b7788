"""Frames seen, and their sources chosen, ahead of the frame that is coded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

from thcodec.media.crop import CroppedFrame
from thcodec.pipeline.seen import Observer, SeenFrame
from thcodec.pipeline.source_choice import Chosen, SourceChoice

Affordable = Callable[[int], float]  # what a choice wants to know at a presentation time

_STEP = 8  # of the last frames at a time


class LookAhead:
    """Sees the frames of one stream in batches, and chooses their sources in order.

    With a ``thread``, a batch is seen in it while the frames before are coded, and comes out with
    the next batch. Sources are chosen in it too, unless that ``waits`` for what was coded.

    Args:
        observer: sees the frames.
        choice: chooses their sources.
        frames: that follow the one whose source is chosen, but for the stream's last ones.
        thread, waits: see above.
    """

    def __init__(
        self,
        observer: Observer,
        choice: SourceChoice,
        frames: int,
        *,
        thread: bool,
        waits: bool,
    ) -> None:
        self.choice = choice
        self._observer, self._frames, self._waits = observer, frames, waits
        self._thread = ThreadPoolExecutor(1) if thread else None
        self._under_way: Future[list[Any]] | None = None  # the newest batch
        self._seen: deque[SeenFrame] = deque()  # no source yet

    def take(
        self, batch: list[CroppedFrame], affordable: Affordable
    ) -> Iterator[tuple[SeenFrame, Chosen]]:
        """Look at the next frames; the frames whose turn has come to be coded."""
        return self._take(batch, self._frames, affordable)

    def rest(self, affordable: Affordable) -> Iterator[tuple[SeenFrame, Chosen]]:
        """The last frames, which are coded while the sources of those after them are chosen."""
        for kept in reversed(range(0, self._frames, _STEP)):
            yield from self._take([], kept, affordable)
        yield from self._finished(0, affordable)

    def close(self) -> None:
        """Wait for the thread, and end it."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def _take(
        self, batch: list[CroppedFrame], kept: int, affordable: Affordable
    ) -> Iterator[tuple[SeenFrame, Chosen]]:
        """As ``take``; kept: frames that stay without a source."""
        if self._thread is None:
            return self._chosen(self._observer.see(batch), kept, affordable)
        before = self._finished(kept, affordable)
        self._under_way = self._thread.submit(self._look, batch, kept)
        return before

    def _look(self, batch: list[CroppedFrame], kept: int) -> list[Any]:
        seen = self._observer.see(batch)
        return seen if self._waits else list(self._chosen(seen, kept, _not_asked))

    def _finished(self, kept: int, affordable: Affordable) -> Iterator[tuple[SeenFrame, Chosen]]:
        """What the thread made of the batch before."""
        under_way, self._under_way = self._under_way, None
        made = [] if under_way is None else under_way.result()
        return self._chosen(made, kept, affordable) if self._waits else iter(made)

    def _chosen(
        self, seen: list[SeenFrame], kept: int, affordable: Affordable
    ) -> Iterator[tuple[SeenFrame, Chosen]]:
        self._seen.extend(seen)
        while len(self._seen) > kept:
            at = self._seen.popleft()
            ahead = list(islice(self._seen, self._frames))
            yield at, self.choice.choose(at, ahead, affordable(at.frame.pts))


def _not_asked(_: int) -> float:
    """Policies that do not wait do not look at bytes."""
    return 0.0

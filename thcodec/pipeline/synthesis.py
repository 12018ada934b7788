"""Frames of motion to pictures, from one source or from two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import groupby

import numpy as np

from thcodec.bitstream.header import Transition, TransitionKind
from thcodec.models.animator import Animator, fade
from thcodec.motion import Motion, MotionFrame
from thcodec.pipeline.mixing import Difference
from thcodec.pipeline.prepared import HeldSource, PreparedSources
from thcodec.pipeline.transition import Mixture, Pair, Switches
from thcodec.pipeline.view import View

Pictures = list[np.ndarray]
Begun = Callable[[], Pictures]  # waits for them
Planned = tuple[MotionFrame, Mixture | None]  # None: its source is not here


class Synthesis:
    """Shows frames as spec section 7.4 has it.

    Args:
        animator: see Animator.
        sources: those that are held.
        view: what the viewer changes of the motion.
        transition: how a switch between sources is shown; None cuts.
    """

    def __init__(
        self,
        animator: Animator,
        sources: PreparedSources,
        view: View,
        transition: Transition | None,
    ) -> None:
        self._animator = animator
        self._sources = sources
        self._view = view
        self._kind = transition.kind if transition else TransitionKind.FADE
        self._switches = Switches(transition.frames if transition else 0, sources.find)
        self._compared: tuple[Pair, Callable[[], Difference]] | None = None  # the last

    def plan(self, frames: Sequence[MotionFrame]) -> list[Planned]:
        """What the next frames in order of presentation show."""
        return [(frame, self._switches.step(frame)) for frame in frames]

    def pictures(
        self, planned: Sequence[Planned], most: int
    ) -> Iterator[tuple[list[MotionFrame], Pictures | None]]:
        """Planned frames with their pictures, uint8 (S, S, 3), at most `most` at a time; None
        where their source is not here. While some are shown, the next ones are made.
        """
        before: tuple[list[MotionFrame], Begun] | None = None
        for batch in self._batches(planned, most):
            begun = [frame for frame, _ in batch], self._begin(batch)
            if before is not None:
                yield before[0], before[1]() or None
            before = begun
        if before is not None:
            yield before[0], before[1]() or None

    def _batches(self, planned: Sequence[Planned], most: int) -> Iterator[list[Planned]]:
        for _, run in groupby(planned, key=self._shared):
            pairs = list(run)
            yield from (pairs[start : start + most] for start in range(0, len(pairs), most))

    def _begin(self, batch: list[Planned]) -> Begun:
        """Frames of one source, or of one pair of sources; no pictures without them."""
        frames = [frame for frame, _ in batch]
        mixtures = [mixture for _, mixture in batch if mixture is not None]
        if not mixtures:
            return list
        source, pair = mixtures[0].source, mixtures[0].pair
        motions = [self._motion(frame, source) for frame in frames]
        weights = [mixture.weight for mixture in mixtures]
        if pair is not None and self._kind != TransitionKind.FLOW:
            return self._mixed(pair, motions, weights)
        pictures = cache(self._animator.animating(self._sources.prepared(source), motions))
        if pair is None:
            self._compared = None
            return pictures
        if self._compared is None or self._compared[0] is not pair:
            at_first = pictures if frames[0] is pair.since else None
            self._compared = pair, cache(self._comparing(pair, at_first))
        difference = self._compared[1]
        return lambda: [difference().mixed(*each) for each in zip(pictures(), weights, strict=True)]

    def _shared(self, planned: Planned) -> tuple[int, Pair | HeldSource | None]:
        """What frames that are shown at a time have in common."""
        frame, mixture = planned
        pair = mixture.pair if mixture else None
        if pair is None or self._kind == TransitionKind.FLOW:
            return frame.source_id, pair
        return frame.source_id, pair.second

    def _motion(self, frame: MotionFrame, source: HeldSource) -> Motion:
        motion = self._sources.quantiser.dequantise(frame.values)
        return self._view.shown(motion, self._sources.motion(source))

    def _mixed(self, pair: Pair, motions: list[Motion], weights: list[float]) -> Begun:
        one, other = self._sources.prepared(pair.first), self._sources.prepared(pair.second)
        others = self._animator.transfer(motions, one, other)
        if self._kind == TransitionKind.BLEND:
            return partial(self._animator.blend, one, other, motions, others, weights)
        first, second = (
            self._animator.animating(one, motions),
            self._animator.animating(other, others),
        )
        return lambda: [fade(*each) for each in zip(first(), second(), weights, strict=True)]

    def _comparing(self, pair: Pair, first: Begun | None) -> Callable[[], Difference]:
        """What tells a pair's second source from its first, in their first frame; ``first`` makes
        the picture of that, if it is shown.
        """
        one, other = self._sources.prepared(pair.first), self._sources.prepared(pair.second)
        motions = [self._motion(pair.since, pair.first)]
        if first is None:  # the frame was left out
            first = self._animator.animating(one, motions)
        others = self._animator.transfer(motions, one, other)
        second = self._animator.animating(other, others)
        return lambda: Difference(first()[0], second()[0])

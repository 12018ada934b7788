"""Frames of motion to pictures, from one source or from two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, groupby, pairwise

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
        self._begun: Pair | None = None  # the pair whose sources are compared, or will be
        self._compared: tuple[Pair, Difference] | None = None  # the last

    def plan(self, frames: Sequence[MotionFrame]) -> list[Planned]:
        """What the next frames in order of presentation show."""
        return [(frame, self._switches.step(frame)) for frame in frames]

    def pictures(
        self, planned: Sequence[Planned], most: int
    ) -> Iterator[tuple[list[MotionFrame], Pictures | None]]:
        """Planned frames with their pictures, uint8 (S, S, 3), at most `most` at a time; None
        where their source is not here. While some are shown, the next ones are made, but for those
        that are blended.
        """
        begun = (
            ([frame for frame, _ in batch], self._begin_safely(batch))
            for batch in self._batches(planned, most)
        )
        end: tuple[list[MotionFrame], Begun] = [], list
        for (frames, pictures), _ in pairwise(chain(begun, [end])):  # the next one has begun
            yield frames, pictures() or None

    def _batches(self, planned: Sequence[Planned], most: int) -> Iterator[list[Planned]]:
        for _, run in groupby(planned, key=self._shared):
            pairs = list(run)
            yield from (pairs[start : start + most] for start in range(0, len(pairs), most))

    def _begin_safely(self, batch: list[Planned]) -> Begun:
        """A fault comes out where the pictures are waited for, when those before are shown."""
        try:
            return self._begin(batch)
        except Exception as fault:  # noqa: BLE001 - it is raised then
            return partial(_raise, fault)

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
        pictures = self._animator.animating(self._sources.prepared(source), motions)
        if pair is None:
            self._begun = None
            return pictures
        return self._moved(pair, pictures, weights, at_first=frames[0] is pair.since)

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
        first = self._animator.animating(one, motions)
        second = self._animator.animating(other, others)
        return lambda: [fade(*each) for each in zip(first(), second(), weights, strict=True)]

    def _moved(self, pair: Pair, pictures: Begun, weights: list[float], at_first: bool) -> Begun:
        """Pictures of a pair's first source mixed with what the second shows; ``at_first``: they
        begin with the pair's first frame.
        """
        begin = partial(self._comparing, pair, at_first)
        compare = begin() if self._begun is not pair else None
        self._begun = pair

        def shown() -> Pictures:
            made = pictures()
            if self._compared is None or self._compared[0] is not pair:
                self._compared = pair, (compare or begin())(made)
            difference = self._compared[1]
            return [difference.mixed(*each) for each in zip(made, weights, strict=True)]

        return shown

    def _comparing(self, pair: Pair, at_first: bool) -> Callable[[Pictures], Difference]:
        """What tells a pair's second source from its first, in their first frame: of the pictures
        of the first, where that frame is theirs.
        """
        one, other = self._sources.prepared(pair.first), self._sources.prepared(pair.second)
        motions = [self._motion(pair.since, pair.first)]
        # The frame may have been left out.
        first = list if at_first else self._animator.animating(one, motions)
        second = self._animator.animating(other, self._animator.transfer(motions, one, other))
        return lambda made: Difference(made[0] if at_first else first()[0], second()[0])


def _raise(fault: Exception) -> Pictures:
    raise fault

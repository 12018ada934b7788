"""Frames of motion to pictures, from one source or from two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        self._compared: tuple[Pair, Difference] | None = None  # the last

    def plan(self, frames: Sequence[MotionFrame]) -> list[Planned]:
        """What the next frames in order of presentation show."""
        return [(frame, self._switches.step(frame)) for frame in frames]

    def pictures(
        self, planned: Sequence[Planned], most: int
    ) -> Iterator[tuple[list[MotionFrame], Pictures | None]]:
        """Planned frames with their pictures, uint8 (S, S, 3), at most `most` at a time; None
        where their source is not here.
        """
        for _, run in groupby(planned, key=self._shared):
            pairs = list(run)
            for start in range(0, len(pairs), most):
                batch = pairs[start : start + most]
                frames = [frame for frame, _ in batch]
                mixtures = [mixture for _, mixture in batch if mixture is not None]
                yield frames, self._shown(frames, mixtures) if mixtures else None

    def _shown(self, frames: list[MotionFrame], mixtures: list[Mixture]) -> Pictures:
        """Frames of one source, or of one pair of sources."""
        source, pair = mixtures[0].source, mixtures[0].pair
        motions = [self._motion(frame, source) for frame in frames]
        weights = [mixture.weight for mixture in mixtures]
        if pair is not None and self._kind != TransitionKind.FLOW:
            return self._mixed(pair, motions, weights)
        pictures = self._animator.animate(self._sources.prepared(source), motions)
        if pair is None:
            self._compared = None
            return pictures
        if self._compared is None or self._compared[0] is not pair:
            at_first = pictures[0] if frames[0] is pair.since else None
            self._compared = pair, self._difference(pair, at_first)
        difference = self._compared[1]
        return [difference.mixed(*each) for each in zip(pictures, weights, strict=True)]

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

    def _mixed(self, pair: Pair, motions: list[Motion], weights: list[float]) -> Pictures:
        one, other = self._sources.prepared(pair.first), self._sources.prepared(pair.second)
        others = self._animator.transfer(motions, one, other)
        if self._kind == TransitionKind.BLEND:
            return self._animator.blend(one, other, motions, others, weights)
        pictures = self._animator.animate(one, motions), self._animator.animate(other, others)
        return [fade(*each) for each in zip(*pictures, weights, strict=True)]

    def _difference(self, pair: Pair, first: np.ndarray | None) -> Difference:
        """Of a pair's second source from its first, in their first frame; ``first`` is the picture
        of that, if it is known.
        """
        one, other = self._sources.prepared(pair.first), self._sources.prepared(pair.second)
        motions = [self._motion(pair.since, pair.first)]
        if first is None:  # the frame was left out
            (first,) = self._animator.animate(one, motions)
        (second,) = self._animator.animate(other, self._animator.transfer(motions, one, other))
        return Difference(first, second)

"""Frames of motion to pictures, from one source or from two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from thcodec.bitstream.header import Transition, TransitionKind
from thcodec.models.animator import Animator, fade
from thcodec.motion import Motion, MotionFrame
from thcodec.pipeline.mixing import flow_mix
from thcodec.pipeline.prepared import HeldSource, PreparedSources
from thcodec.pipeline.transition import Mixture, Switches
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

    def plan(self, frames: Sequence[MotionFrame]) -> list[Planned]:
        """What the next frames in order of presentation show."""
        return [(frame, self._switches.step(frame)) for frame in frames]

    def pictures(
        self, planned: Sequence[Planned], most: int
    ) -> Iterator[tuple[list[MotionFrame], Pictures | None]]:
        """Planned frames with their pictures, uint8 (S, S, 3), at most `most` at a time; None
        where their source is not here.
        """
        for _, run in groupby(planned, key=_sources):
            pairs = list(run)
            for start in range(0, len(pairs), most):
                batch = pairs[start : start + most]
                frames = [frame for frame, _ in batch]
                mixtures = [mixture for _, mixture in batch if mixture is not None]
                yield frames, self._shown(frames, mixtures) if mixtures else None

    def _shown(self, frames: list[MotionFrame], mixtures: list[Mixture]) -> Pictures:
        """Frames of one source, or of one pair of sources."""
        first, second = mixtures[0].first, mixtures[0].second
        own = self._sources.motion(first)
        motions = [
            self._view.shown(self._sources.quantiser.dequantise(frame.values), own)
            for frame in frames
        ]
        if second is None:
            return self._animator.animate(self._sources.prepared(first), motions)
        weights = [mixture.weight for mixture in mixtures]
        return self._mixed(first, second, motions, weights)

    def _mixed(
        self, first: HeldSource, second: HeldSource, motions: list[Motion], weights: list[float]
    ) -> Pictures:
        one, other = self._sources.prepared(first), self._sources.prepared(second)
        others = self._animator.transfer(motions, one, other)
        if self._kind == TransitionKind.BLEND:
            return self._animator.blend(one, other, motions, others, weights)
        mix = flow_mix if self._kind == TransitionKind.FLOW else fade
        pictures = self._animator.animate(one, motions), self._animator.animate(other, others)
        return [mix(*each) for each in zip(*pictures, weights, strict=True)]


def _sources(planned: Planned) -> tuple[int, HeldSource | None]:
    frame, mixture = planned
    return frame.source_id, mixture.second if mixture else None

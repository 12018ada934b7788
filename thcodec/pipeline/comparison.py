"""How unlike frames the held sources are when they are carried there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thcodec.models.animator import Animator
from thcodec.motion import Motion
from thcodec.pipeline.coded_source import CodedSource
from thcodec.pipeline.seen import SeenFrame

_EVERY = 3  # frames; to compare a source costs about as much as to align a frame
# A source is compared that is no further than the one shown and so much more, and any other once
# in so many frames: distances of keypoints tell pictures that are alike only roughly.
_NEARING, _SELDOM = 10.0, 9


class Comparison:
    """Compares frames with what sources make of them, and with no source twice.

    Args:
        animator: the network; for all but ``motion`` it must be one that ``compares``.
    """

    def __init__(self, animator: Animator) -> None:
        self._animator = animator
        self._last = -_EVERY  # frame that was compared
        self._found: dict[CodedSource, tuple[Motion, float]] = {}  # in that frame

    def is_due(self, at: SeenFrame) -> bool:
        """Whether it is time to compare again."""
        return at.index - self._last >= _EVERY

    def shown(self, at: SeenFrame, source: CodedSource) -> float:
        """How unlike a frame its source is, or was when they were compared last."""
        if self.is_due(at) or source not in self._found:
            return self._compared(at, source)
        return self._found[source][1]

    def unlikeness(
        self,
        at: SeenFrame,
        sources: Sequence[CodedSource],
        distances: np.ndarray,
        before: CodedSource | None,
    ) -> np.ndarray:
        """(n,) in thousandths of ST-LPIPS, infinite for what need not be compared.

        distances: (n,) of keypoints; the first source is the one that is shown. before: that of
        the frame before.
        """
        near = distances < distances[0] + _NEARING
        return np.array(
            [
                self._compared(at, source)
                if close or source is before or self._may_have_come_near(at, source)
                else np.inf
                for source, close in zip(sources, near, strict=True)
            ]
        )

    def motion(self, at: SeenFrame, source: CodedSource) -> Motion:
        """The motion of a frame relative to a source, as the animator has it."""
        if at.index == self._last and source in self._found:
            return self._found[source][0]
        return self._animator.motion(at.seen, source.canonical, source.seen)

    def _may_have_come_near(self, at: SeenFrame, source: CodedSource) -> bool:
        known = at.index == self._last and source in self._found
        return known or at.index >= source.compared_again

    def _compared(self, at: SeenFrame, source: CodedSource) -> float:
        if at.index != self._last:
            self._last, self._found = at.index, {}
        if source not in self._found:
            source.compared_again = at.index + _SELDOM
            motion = self.motion(at, source)
            unlike = self._animator.unlikeness(
                motion, at.seen, source.canonical, source.own, source.seen
            )
            self._found[source] = motion, unlike
        return self._found[source][1]

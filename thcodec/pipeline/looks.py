"""How unlike frames the held sources look when they are carried there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thcodec.models.animator import Animator
from thcodec.motion import Motion
from thcodec.pipeline.coded_source import CodedSource
from thcodec.pipeline.seen import SeenFrame

_EVERY = 3  # frames; each source that is looked at costs about as much as to align a frame
# A source is looked at that is no further than the one shown and so much more, and any other once
# in so many frames: distances of keypoints tell pictures that are alike only roughly.
_NEARING, _SELDOM = 10.0, 9


class Looks:
    """Compares pictures where keypoints leave it open which source is the nearest.

    Args:
        animator: one that ``compares``.
    """

    def __init__(self, animator: Animator) -> None:
        self._animator = animator
        self._last = -_EVERY  # frame that was looked at
        self._found: dict[CodedSource, tuple[Motion, float]] = {}  # in that frame

    def due(self, at: SeenFrame) -> bool:
        """Whether it is time to look again."""
        return at.index - self._last >= _EVERY

    def unlikeness(
        self, at: SeenFrame, sources: Sequence[CodedSource], distances: np.ndarray
    ) -> np.ndarray:
        """(n,) in thousandths of ST-LPIPS, infinite for what was not looked at.

        distances: (n,) of keypoints. The first source is the one that is shown.
        """
        nearing = (distances < distances[0] + _NEARING) | [at.index >= one.due for one in sources]
        if nearing.sum() < 2:  # nothing to compare it with
            return np.where(nearing, 0.0, np.inf)
        pairs = zip(sources, nearing, strict=True)
        return np.array([self._look(at, one) if near else np.inf for one, near in pairs])

    def motion(self, at: SeenFrame, source: CodedSource) -> Motion:
        """The motion of a frame relative to a source, as the animator has it."""
        if at.index == self._last and source in self._found:
            return self._found[source][0]
        return self._animator.motion(at.seen, source.canonical, source.seen)

    def _look(self, at: SeenFrame, source: CodedSource) -> float:
        if at.index != self._last:
            self._last, self._found = at.index, {}
        if source not in self._found:
            source.due = at.index + _SELDOM
            motion = self.motion(at, source)
            unlike = self._animator.unlikeness(
                motion, at.seen, source.canonical, source.own, source.seen
            )
            self._found[source] = motion, unlike
        return self._found[source][1]

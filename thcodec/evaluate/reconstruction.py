"""A clip decoded from full-size sources and unquantised motion: the network alone.

Motion is aligned as an encoder of files does it: frame by frame, each beginning where the one
before ended.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thcodec.errors import MediaError
from thcodec.models.animator import Animator, Extraction
from thcodec.pipeline.config import ALIGNMENT


class Reconstruction:
    """Animates frames of one clip from other frames of it.

    Raises MediaError for frames of another size than the animator's.
    """

    def __init__(self, frames: Sequence[np.ndarray], animator: Animator) -> None:
        wanted = (animator.size, animator.size, 3)
        if not frames or frames[0].shape != wanted:
            shape = frames[0].shape if frames else "no"
            raise MediaError(f"the animator wants frames of {wanted}, the clip has {shape}")
        self._frames, self._animator = frames, animator
        self._seen: dict[int, Extraction] = {}

    def decode(self, wanted: Sequence[int], interval: int = 0) -> list[np.ndarray]:
        """Frames `wanted`, each made from the last source before it: uint8 (S, S, 3).

        There is a source every `interval` frames; 0: only frame 0 is one.
        """
        origins = [source_of(index, interval) for index in wanted]
        self._extract(range(max(wanted, default=-1) + 1))
        pictures: dict[int, np.ndarray] = {}
        for origin in sorted(set(origins)):
            members = [i for i, o in zip(wanted, origins, strict=True) if o == origin]
            pictures.update(zip(members, self._animate(origin, members), strict=True))
        return [pictures[index] for index in wanted]

    def _animate(self, origin: int, members: list[int]) -> list[np.ndarray]:
        seen = self._seen[origin]
        canonical = np.asarray(seen.canonical, np.float64)
        own = before = self._animator.motion(seen, canonical, seen)
        source = self._animator.prepare(self._frames[origin], canonical, own)
        drift = np.zeros_like(own.expression)
        motions = {}
        for index in range(origin, max(members) + 1):
            driving = self._seen[index]
            motion = self._animator.motion(driving, canonical, seen)
            before = motions[index] = self._animator.align(
                motion, before, drift, driving, canonical, own, seen, ALIGNMENT
            )
            drift = before.expression - motion.expression
        return self._animator.animate(source, [motions[index] for index in members])

    def _extract(self, wanted: Sequence[int]) -> None:
        new = [index for index in wanted if index not in self._seen]
        found = self._animator.extract([self._frames[index] for index in new]) if new else []
        self._seen.update(zip(new, found, strict=True))


def source_of(index: int, interval: int) -> int:
    """The frame that frame `index` is made from."""
    return index // interval * interval if interval else 0

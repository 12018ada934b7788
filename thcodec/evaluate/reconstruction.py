"""A clip decoded from full-size sources and unquantised motion: the network alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thcodec.errors import MediaError
from thcodec.models.animator import Animator, Extraction


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
        self._extract(sorted({*wanted, *origins}))
        pictures: dict[int, np.ndarray] = {}
        for origin in sorted(set(origins)):
            members = [i for i, o in zip(wanted, origins, strict=True) if o == origin]
            pictures.update(zip(members, self._animate(origin, members), strict=True))
        return [pictures[index] for index in wanted]

    def _animate(self, origin: int, members: list[int]) -> list[np.ndarray]:
        canonical = np.asarray(self._seen[origin].canonical, np.float64)
        own, *motions = (
            self._animator.motion(self._seen[index], canonical, self._seen[origin])
            for index in (origin, *members)
        )
        source = self._animator.prepare(self._frames[origin], canonical, own)
        return self._animator.animate(source, motions)

    def _extract(self, wanted: list[int]) -> None:
        new = [index for index in wanted if index not in self._seen]
        found = self._animator.extract([self._frames[index] for index in new]) if new else []
        self._seen.update(zip(new, found, strict=True))


def source_of(index: int, interval: int) -> int:
    """The frame that frame `index` is made from."""
    return index // interval * interval if interval else 0

"""An animator without weights, for tests: it moves and scales the whole picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from thcodec.bitstream import KeypointModel, ModelIdentity
from thcodec.models.animator import Animator, Extraction
from thcodec.motion import Motion

_CROSS = np.array([[0, 0, 0], [0.5, 0, 0], [-0.5, 0, 0], [0, 0.5, 0], [0, -0.5, 0]], np.float64)


@dataclass
class _Still:
    picture: np.ndarray
    motion: Motion


class MomentAnimator(Animator):
    """Takes the middle and spread of what differs from the corner for a head's place and size.

    A picture of one colour has no face in its eyes: confidence 0.
    """

    def __init__(self, size: int = 256) -> None:
        self.identity = ModelIdentity("moments", "1")
        self.keypoint_model = KeypointModel(keypoints=len(_CROSS))
        self.size = size
        self.prepared = 0

    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        return [self._extract(picture) for picture in pictures]

    def _extract(self, picture: np.ndarray) -> Extraction:
        # What differs from the corner is the head; the rest weighs next to nothing.
        weight = np.abs(picture.astype(np.float64) - picture[0, 0]).sum(axis=2) + 1e-3
        axis = np.linspace(-1, 1, len(weight))
        across, down = weight.sum(0) / weight.sum(), weight.sum(1) / weight.sum()
        x, y = float(across @ axis), float(down @ axis)
        spread = np.sqrt(float(across @ (axis - x) ** 2) + float(down @ (axis - y) ** 2))
        keypoints = _CROSS * spread + [x, y, 0]
        return Extraction(
            keypoints, _CROSS.copy(), 1.0 if picture.std(axis=(0, 1)).max() > 2 else 0.0
        )

    def motion(self, extraction: Extraction, canonical: np.ndarray, source: Extraction) -> Motion:
        points = extraction.keypoints
        scale = np.ptp(points[:, 0]) / np.ptp(canonical[:, 0])
        return Motion(np.zeros(3), points[0].copy(), float(np.log(scale)), np.zeros((5, 3)))

    def prepare(self, picture: np.ndarray, canonical: np.ndarray, motion: Motion) -> _Still:
        self.prepared += 1
        return _Still(picture, motion)

    def animate(self, source: _Still, motions: list[Motion]) -> list[np.ndarray]:
        return [self._warp(source, motion) for motion in motions]

    def _warp(self, source: _Still, motion: Motion) -> np.ndarray:
        half = self.size / 2
        scale = float(np.exp(motion.log_scale - source.motion.log_scale))
        before = half * (1 + source.motion.translation[:2])
        after = half * (1 + motion.translation[:2])
        shift = after - scale * before
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        size = (self.size, self.size)
        return cv2.warpAffine(source.picture, matrix, size, borderMode=cv2.BORDER_REPLICATE)


class Remembering(MomentAnimator):
    """Looks at each picture once, however many calls show it."""

    seen: ClassVar[dict[bytes, Extraction]] = {}

    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        keys = [picture.tobytes() for picture in pictures]
        for key, picture in zip(keys, pictures, strict=True):
            if key not in self.seen:
                (self.seen[key],) = super().extract([picture])
        return [self.seen[key] for key in keys]


def load_moments(
    name: str = "compact", *, size: int = 256, expected: ModelIdentity | None = None, **_: object
) -> MomentAnimator:
    """Stands in for ``registry.load_animator``, whatever network is asked for."""
    return MomentAnimator(size)

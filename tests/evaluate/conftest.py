"""Faces that need no clip: a made-up mesh, and animators that are perfect or frozen."""

from __future__ import annotations

import numpy as np
import pytest

from tests.doubles import MomentAnimator
from thcodec.models.animator import Extraction
from thcodec.motion import Motion
from thcodec.train.landmarks import EYE_RIMS, LIP_RIMS


class PerfectAnimator(MomentAnimator):
    """Its motion carries the driving frame's number: it gives back that very frame."""

    def __init__(self, frames: list[np.ndarray]) -> None:
        super().__init__(len(frames[0]))
        self._frames = frames

    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        numbers = [next(i for i, f in enumerate(self._frames) if f is p) for p in pictures]
        return [Extraction(np.full((5, 3), n, float), np.zeros((5, 3)), 1.0) for n in numbers]

    def motion(self, extraction: Extraction, canonical: np.ndarray, source: Extraction) -> Motion:
        return Motion(np.zeros(3), np.zeros(3), 0.0, extraction.keypoints)

    def prepare(self, picture: np.ndarray, canonical: np.ndarray, motion: Motion) -> np.ndarray:
        self.prepared += 1
        return picture

    def animate(self, source: np.ndarray, motions: list[Motion]) -> list[np.ndarray]:
        return [self._frames[round(motion.expression[0, 0])] for motion in motions]


class FrozenAnimator(PerfectAnimator):
    """Repeats the source."""

    def animate(self, source: np.ndarray, motions: list[Motion]) -> list[np.ndarray]:
        return [source] * len(motions)


def face(*, eyes: float = 0.35, mouth: float = 0.1, at: tuple[float, float] = (0, 0)) -> np.ndarray:
    """Mesh points (468, 3) of a face half as wide as the picture, looking at the viewer.

    eyes: lids' distance over the eye's width; mouth: lips' distance over that of the outer corners.
    """
    random = np.random.default_rng(1)
    points = random.uniform(-0.5, 0.5, (468, 3))
    for rim, middle in zip(EYE_RIMS, (-0.2, 0.2), strict=True):
        side = np.sign(middle)
        x = np.linspace(0.1, -0.1, 9) * side + middle
        _lay(points, rim, x, -0.2, eyes * 0.2)
    corner = np.linspace(-0.15, 0.15, 11)
    for rim in LIP_RIMS:
        _lay(points, rim, corner, 0.25, mouth * 0.6)
    points[:, :2] += at
    return points.astype(np.float32)


def _lay(points: np.ndarray, rim: tuple[int, ...], x: np.ndarray, y: float, opening: float) -> None:
    """A rim, corner to corner below, then above."""
    below, above = rim[: len(x)], rim[len(x) :]
    inner = slice(1, len(x) - 1)
    points[list(below)] = np.stack([x, np.full_like(x, y), np.zeros_like(x)], 1)
    points[list(below[1:-1]), 1] += opening / 2
    points[list(above)] = np.stack(
        [x[inner], np.full(len(above), y - opening / 2), 0 * x[inner]], 1
    )


@pytest.fixture
def moving() -> list[np.ndarray]:
    """60 noisy pictures (64, 64, 3) that all differ."""
    random = np.random.default_rng(2)
    still = random.integers(60, 200, (64, 64, 3))
    return [
        np.clip(np.roll(still, i, 1) + random.integers(-9, 9, still.shape), 0, 255).astype(np.uint8)
        for i in range(60)
    ]

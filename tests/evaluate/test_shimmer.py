"""Shimmer on pictures whose noise is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluate.conftest import face
from thcodec.evaluate.face import FaceTrack
from thcodec.evaluate.shimmer import Shimmer, pooled, shimmer

SIDE = 128


def noisy(amount: int, frames: int, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    shape = (SIDE, SIDE, 3)
    changes = (random.integers(-amount, amount + 1, shape) for _ in range(frames))
    return [(128 + change).astype(np.uint8) for change in changes]


def test_still_stretches_are_long_and_slow() -> None:
    pixel = 2 / 256
    steps = [0.3] * 8 + [4.0] * 3 + [0.3] * 3 + [4.0] + [0.5] * 6
    places = np.cumsum([0.0, *steps]) * pixel
    points = np.stack([face(at=(place, 0)) for place in places])
    still = [*range(1, 9), *range(16, 22)]
    levels = np.cumsum([3 if index in still else 9 for index in range(len(points))])
    frames = [np.full((SIDE, SIDE, 3), level, np.uint8) for level in levels]
    found = shimmer(frames, frames, FaceTrack(points))
    assert found.pairs == len(still)
    assert found.face is not None and found.face.original == 3  # none of the others counts


def test_the_ratio_is_that_of_the_noise() -> None:
    track = FaceTrack(np.stack([face()] * 10))
    found = shimmer(noisy(4, 10, 0), noisy(12, 10, 1), track)
    assert found.pairs == 9
    for region in (found.face, found.background):
        assert region is not None
        assert region.ratio == pytest.approx(12.5 / 4.5, rel=0.1)


def test_face_and_background_are_told_apart() -> None:
    track = FaceTrack(np.stack([face()] * 10))
    frames = noisy(4, 10, 0)
    swimming = [frame.copy() for frame in frames]
    for frame, noise in zip(swimming, noisy(20, 10, 2), strict=True):
        frame[:8] = noise[:8]
    found = shimmer(frames, swimming, track)
    assert found.face is not None and found.background is not None
    assert found.face.ratio == 1.0
    assert found.background.ratio > 1.2


def test_a_person_who_always_moves_has_none() -> None:
    points = np.stack([face(at=(i * 0.05, 0)) for i in range(10)])
    found = shimmer(noisy(4, 10, 0), noisy(4, 10, 0), FaceTrack(points))
    assert (found.pairs, found.face, found.background) == (0, None, None)


def test_clips_are_pooled_before_dividing() -> None:
    total = pooled([Shimmer(0.1, 0.4), None, Shimmer(0.9, 0.6)])
    assert total is not None and total.ratio == pytest.approx(1.0)
    assert pooled([None]) is None
    assert Shimmer(0.0, 0.0).ratio == 1.0

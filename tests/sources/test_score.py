"""How good a source a frame would make."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from thcodec.models.animator import Extraction, Eyes
from thcodec.sources.score import SourceScorer, eyes_open

EYES = Eyes(lids=((0, 1), (2, 3)), corners=(4, 5))
RANDOM = np.random.default_rng(1)
FACE = cv2.resize(
    cv2.GaussianBlur(RANDOM.integers(0, 255, (128, 128, 3), np.uint8), (0, 0), 1.5), (256, 256)
)


def seen(gap: float = 0.1, confidence: float = 1.0) -> Extraction:
    """Lids `gap` apart, outer corners a unit apart."""
    keypoints = np.zeros((6, 3))
    keypoints[:4, 0] = -0.3, -0.3, 0.3, 0.3
    keypoints[:4, 1] = -gap / 2, gap / 2, -gap / 2, gap / 2
    keypoints[4:, 0] = -0.5, 0.5
    return Extraction(keypoints, keypoints, confidence)


def scored(picture: np.ndarray, extraction: Extraction, usual: int = 20) -> float:
    """After so many frames of the face as it usually is."""
    scorer = SourceScorer(EYES)
    for _ in range(usual):
        assert scorer.judge(FACE, seen()).score == pytest.approx(1)
    return scorer.judge(picture, extraction).score


def test_eyes() -> None:
    assert eyes_open(seen(0.05).keypoints, EYES) == pytest.approx(0.1)
    assert scored(FACE, seen(0.04)) == 0
    assert 0.2 < scored(FACE, seen(0.065)) < 0.6
    assert scored(FACE, seen(0.12)) == pytest.approx(1)


def test_sight() -> None:
    assert scored(FACE, seen(confidence=0.5)) == 0
    assert 0.3 < scored(FACE, seen(confidence=0.7)) < 0.7


def test_blur_is_told_by_what_is_usual() -> None:
    blurred = cv2.blur(FACE, (1, 9))
    assert scored(blurred, seen()) < 0.5
    # A camera that is never sharp has no better pictures to offer.
    assert SourceScorer(EYES).judge(blurred, seen()).score == pytest.approx(1)


def test_what_hides_the_face() -> None:
    hand = FACE.copy()
    hand[120:, :] = (200, 150, 130)
    assert scored(hand, seen()) < 0.5


def test_a_new_shot_has_its_own_usual_face() -> None:
    scorer = SourceScorer(EYES)
    other = np.ascontiguousarray(FACE[::-1, ::-1])
    assert scorer.judge(FACE, seen()).score == pytest.approx(1)
    assert scorer.judge(other, seen()).score < 0.5
    scorer.begin_shot()
    assert scorer.judge(other, seen()).score == pytest.approx(1)


def test_without_eyes() -> None:
    nowhere = Extraction(np.zeros((3, 3)), np.zeros((3, 3)), 1.0)
    assert SourceScorer(None).judge(FACE, nowhere).score == pytest.approx(1)
    assert SourceScorer(None).judge(np.zeros_like(FACE), nowhere).score == 0


def test_a_hand_that_stays_does_not_become_usual() -> None:
    hand = FACE.copy()
    hand[120:, 60:] = cv2.GaussianBlur(hand[120:, 60:][::-1], (0, 0), 3)
    scorer = SourceScorer(EYES)
    for _ in range(20):
        scorer.judge(FACE, seen())
    assert max(scorer.judge(hand, seen()).score for _ in range(75)) < 0.5
    assert scorer.judge(FACE, seen()).score > 0.8
    # What stays for good does: the light may have changed.
    for _ in range(1000):
        scorer.judge(hand, seen())
    assert scorer.judge(hand, seen()).score > 0.8

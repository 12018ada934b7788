"""What lower faces look like."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from thcodec.models.animator import Extraction, Eyes
from thcodec.sources.look import UsualLook, likeness, look, strangeness

EYES = Eyes(lids=(), corners=(0, 1))
REST = np.array([[-0.4, -0.2, 0], [0.4, -0.2, 0], [0, 0.1, 0], [-0.2, 0.4, 0], [0.2, 0.4, 0]])
NOISE = np.random.default_rng(2).integers(0, 255, (128, 128, 3), np.uint8)
FACE = cv2.GaussianBlur(NOISE, (0, 0), 4)


def looked(
    picture: np.ndarray, matrix: np.ndarray | None = None, loose: tuple[float, ...] | None = None
) -> np.ndarray:
    """The look where keypoints at rest were moved by `matrix` (2, 3); `loose`: one more that does
    not follow.
    """
    matrix = np.eye(2, 3) if matrix is None else matrix
    points = REST.copy()
    points[:, :2] = REST[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    rest = REST
    if loose is not None:
        points, rest = np.vstack([points, loose]), np.vstack([rest, [0, 0, 0]])
    return look(picture, Extraction(points, rest, 1.0), EYES, int(loose is not None))


def moved(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The picture moved as `matrix` moves keypoints."""
    half = (len(picture) - 1) / 2
    shift = half * (1 + matrix[:, 2] - matrix[:, :2].sum(1))
    both = np.c_[matrix[:, :2], shift]
    return cv2.warpAffine(picture, both, picture.shape[:2], borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize(
    "matrix",
    [[[1, 0, 0.1], [0, 1, -0.1]], [[0.8, 0.3, 0], [-0.3, 0.8, 0]], [[0.7, 0, 0], [0, 1, 0]]],
    ids=["place", "roll", "turn"],
)
def test_a_head_that_moves_looks_the_same(matrix: list[list[float]]) -> None:
    still, turned = looked(FACE), looked(moved(FACE, np.array(matrix)), np.array(matrix))
    alike = likeness([still], [turned, looked(moved(FACE, np.array(matrix)))])[0]
    assert alike[0] > 0.75 and strangeness(alike[0]) == 0
    assert alike[1] < 0.7  # keypoints that do not follow the picture


def test_what_does_not_follow_the_head_is_left_out() -> None:
    assert np.allclose(looked(FACE, loose=(0.9, -0.9, 0.0)), looked(FACE))


def test_a_hand_is_strange_by_its_edges_or_its_colour() -> None:
    hand = FACE.copy()
    hand[70:] = (200, 150, 130)
    red = FACE.copy()
    red[70:, :, 0] = 255 - red[70:, :, 0]
    looks = [looked(FACE), looked(hand), looked(red)]
    strange = strangeness(likeness(looks, looks))
    assert np.allclose(np.diag(strange), 0) and np.allclose(strange, strange.T)
    assert strange[0, 1] > 0.9 and strange[0, 2] > 0.1


def test_flat_looks() -> None:
    flat, dark = looked(np.full_like(FACE, 90)), looked(np.zeros_like(FACE))
    alike = likeness([flat, looked(FACE)], [dark])
    assert alike[:, 0] == pytest.approx([1, 0])


def test_light_alone_is_nothing_strange() -> None:
    usual = UsualLook()
    assert usual.strangeness(looked(FACE)) == 0
    assert usual.strangeness(looked(FACE // 2)) == 0
    assert usual.strangeness(looked(FACE[::-1])) > 0.8


@pytest.mark.parametrize("hands", [1, 8])
def test_a_shot_may_begin_with_a_hand(hands: int) -> None:
    usual, covered = UsualLook(), FACE.copy()
    covered[70:] = (200, 150, 130)
    for _ in range(hands):
        usual.strangeness(looked(covered))
    strange = [usual.strangeness(looked(FACE)) for _ in range(5 * hands)]
    assert strange[0] > 0.5 and strange[-1] == 0
    assert usual.strangeness(looked(covered)) > 0.5

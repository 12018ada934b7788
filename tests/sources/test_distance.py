"""Distances in keypoint space."""

from __future__ import annotations

import numpy as np
import pytest

from thcodec.motion import Motion
from thcodec.sources.distance import EXPRESSION, ROTATION, SCALE, TRANSLATION, distances


def motion(**change: object) -> Motion:
    still: dict[str, object] = {
        "rotation": np.zeros(3),
        "translation": np.zeros(3),
        "log_scale": 0.0,
        "expression": np.zeros((5, 3)),
    }
    return Motion(**still | change)


def moved(keypoint: int, by: tuple[float, float, float]) -> Motion:
    expression = np.zeros((5, 3))
    expression[keypoint] = by
    return motion(expression=expression)


@pytest.mark.parametrize(
    ("other", "distance"),
    [
        (motion(), 0),
        (motion(rotation=np.array([0, 0, 10])), 10 * ROTATION),
        (motion(rotation=np.array([3, -4, 0])), 5 * ROTATION),
        (motion(translation=np.array([0.1, 0, 9])), 0.1 * TRANSLATION),
        (motion(log_scale=-0.1), 0.1 * SCALE),
        (moved(1, (0.2, 0, 7)), EXPRESSION * 0.2 / np.sqrt(3)),
        (moved(4, (0.2, 0, 0)), 0),  # a free keypoint
    ],
)
def test_each_part_has_its_weight(other: Motion, distance: float) -> None:
    here = motion()
    assert distances([here], [other], free=2) == pytest.approx(np.array([[distance]]))
    assert distances([other], [here], free=2) == pytest.approx(np.array([[distance]]))


def test_parts_add_up_and_tables_have_their_shape() -> None:
    frames = [motion(), motion(rotation=np.array([10, 0, 0]), log_scale=0.2), moved(0, (1, 1, 0))]
    table = distances(frames[:2], frames)
    assert table.shape == (2, 3)
    assert table[0, 1] == pytest.approx(10 * ROTATION + 0.2 * SCALE)
    assert np.allclose(table[:, :2], table[:, :2].T) and np.allclose(np.diag(table), 0)

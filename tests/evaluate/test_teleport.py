"""The teleport index, on steps whose sizes are known."""

from __future__ import annotations

import numpy as np
import pytest

from thcodec.evaluate.teleport import elsewhere, index, near, pixel_change


def test_steps_near_a_switch_and_elsewhere_share_none() -> None:
    assert near(10) == [7, 8, 9, 10, 11, 12, 13]
    assert near(10, 4) == list(range(7, 18))
    free = elsewhere([10, 30], 50, 4, 100)
    assert free == [*range(1, 7), *range(18, 27), *range(38, 50)]
    some = elsewhere([10, 30], 50, 4, 5)
    assert len(some) == 5 and set(some) <= set(free)
    assert (some[0], some[-1]) == (1, 49)
    assert elsewhere([4], 8, 0, 5) == []


def test_a_jump_at_the_switch_counts_in_medians_of_the_rest() -> None:
    others = elsewhere([20], 60, 0, 60)
    calm = dict.fromkeys(range(1, 60), 2.0)
    assert index(calm, calm, near(20), others) == 0
    jump = calm | {20: 12.0}
    assert index(jump, calm, near(20), others) == pytest.approx(6 - 1)
    late = calm | {23: 12.0}
    assert index(late, calm, near(20), others) == pytest.approx(6 - 1)
    far = calm | {24: 12.0}
    assert index(far, calm, near(20), others) == 0
    # One whose person moves as much there, and one whose every step is three times as large.
    assert index(jump, jump, near(20), others) == 0
    assert index({step: 3 * size for step, size in calm.items()}, calm, near(20), others) == 0


def test_change_in_pixels() -> None:
    one, other = np.full((4, 4, 3), 250, np.uint8), np.zeros((4, 4, 3), np.uint8)
    other[:2] = 250
    assert pixel_change(one, other) == pixel_change(other, one) == 125

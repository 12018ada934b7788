"""When sources are sent."""

from __future__ import annotations

import pytest

from thcodec.sources.policy import FirstPolicy, FrameView, IntervalPolicy, Policy, make_policy


def chosen(
    policy: Policy, frames: int, cuts: tuple[int, ...] = (0,), lost: range = range(0)
) -> list[int]:
    views = (FrameView(n, new_shot=n in cuts, face=n not in lost) for n in range(frames))
    return [view.index for view in views if policy.decide(view)]


def test_first():
    assert chosen(FirstPolicy(), 100) == [0]
    assert chosen(FirstPolicy(), 100, cuts=(0, 40)) == [0, 40]
    assert chosen(FirstPolicy(), 100, cuts=()) == [0]


def test_interval():
    assert chosen(IntervalPolicy(30), 100) == [0, 30, 60, 90]
    assert chosen(IntervalPolicy(1), 4) == [0, 1, 2, 3]


def test_interval_counts_anew_from_a_cut():
    assert chosen(IntervalPolicy(30), 100, cuts=(0, 40)) == [0, 30, 40, 70]


def test_interval_waits_for_a_lost_face():
    assert chosen(IntervalPolicy(30), 100, lost=range(25, 50)) == [0, 50, 80]


def test_interval_starts_even_without_a_face():
    assert chosen(IntervalPolicy(30), 40, lost=range(40)) == [0]


def test_make_policy():
    assert isinstance(make_policy(None), FirstPolicy)
    policy = make_policy(12)
    assert isinstance(policy, IntervalPolicy) and policy.interval == 12
    with pytest.raises(ValueError, match="at least 1 frame"):
        make_policy(0)

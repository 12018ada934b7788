"""When sources are sent."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from thcodec.sources.policy import (
    BudgetPolicy,
    FirstPolicy,
    FrameView,
    IntervalPolicy,
    LeakyBucket,
    LimitPolicy,
    Policy,
    make_policy,
)


def chosen(
    policy: Policy, frames: int, cuts: tuple[int, ...] = (0,), lost: range = range(0)
) -> list[int]:
    views = (FrameView(n, new_shot=n in cuts, face=n not in lost) for n in range(frames))
    return [view.index for view in views if policy.decide(view)]


def at_distances(policy: Policy, far: Iterable[float]) -> list[int]:
    """Frames that want a source, each being so far from the one before."""
    views = [FrameView(n, new_shot=n == 0, distance=d, error=d) for n, d in enumerate(far)]
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


@pytest.mark.parametrize("closed_loop", [False, True])
def test_a_limit_passed_for_a_while(closed_loop: bool):
    def policy() -> LimitPolicy:
        return LimitPolicy(20, closed_loop=closed_loop)

    assert at_distances(policy(), [0] * 50) == [0]
    assert at_distances(policy(), [0] * 10 + [21, 21] + [0] * 10) == [0]  # a nod
    assert at_distances(policy(), [0] * 10 + [21, 21, 21] + [0] * 10) == [0, 12]
    assert at_distances(policy(), [0] * 10 + [19] * 50) == [0]


def test_a_source_that_does_not_help_is_not_followed_at_once():
    assert at_distances(LimitPolicy(20, closed_loop=False), [0] + [30] * 60) == [0, 25, 50]
    # Between the limit and 0.7 of it nothing is armed anew.
    far = [0, 0, 30, 30, 30, *[15] * 5, *[30] * 5, 0, 30, 30, 30]
    assert at_distances(LimitPolicy(20, closed_loop=False), far) == [0, 4, 18]


def test_each_looks_at_its_own_figure():
    for error in (0, None):
        views = [FrameView(n, new_shot=n == 0, distance=99, error=error) for n in range(40)]
        closed, opened = (LimitPolicy(20, closed_loop=which) for which in (True, False))
        assert [view.index for view in views if closed.decide(view)] == [0]
        assert [view.index for view in views if opened.decide(view)] == [0, 25]


@pytest.mark.parametrize("policy", [LimitPolicy(20, closed_loop=False), BudgetPolicy()])
def test_no_source_while_the_face_is_lost_but_at_a_cut(policy: Policy):
    def ask(index: int, cut: bool) -> bool:
        view = FrameView(index, cut, face=False, distance=99, sources_affordable=4)
        return policy.decide(view)

    assert ask(0, True)
    assert not any(ask(index, False) for index in range(1, 60))
    assert ask(60, True)


def test_budget_pays_more_while_there_is_much():
    policy = BudgetPolicy()
    policy.decide(FrameView(0, new_shot=True))

    def buys(distance: float, affordable: float) -> bool:
        view = FrameView(1, False, distance=distance, sources_affordable=affordable)
        return policy.decide(view)

    assert not buys(1000, 0.99)
    assert buys(26, 1) and not buys(24, 1)
    assert buys(7, 2) and not buys(6, 2)
    assert buys(2, 4) and not buys(1, 4) and not buys(1, 40)
    assert not buys(0, 4)


def test_bucket():
    bucket = LeakyBucket(100)
    assert bucket.affordable(5) == 0  # nobody knows yet what a source costs
    bucket.spend(700, source=True)
    assert bucket.affordable(5) == pytest.approx(-200 / 700)
    assert bucket.affordable(9) == pytest.approx(200 / 700)
    bucket.spend(100, source=False)
    assert bucket.affordable(9) == pytest.approx(100 / 700)
    assert bucket.affordable(9, pending=50) == pytest.approx(50 / 700)
    assert bucket.affordable(9) == pytest.approx(100 / 700)
    assert bucket.affordable(1000) == 4  # it leaks over
    assert bucket.affordable(999) == 4


def test_make_policy():
    assert isinstance(make_policy("first", interval=1, limit=1), FirstPolicy)
    for name in ("interval", "best-frame"):
        policy = make_policy(name, interval=12, limit=1)
        assert isinstance(policy, IntervalPolicy) and policy.interval == 12
    for name in ("threshold", "quality"):
        policy = make_policy(name, interval=1, limit=7)
        assert isinstance(policy, LimitPolicy) and policy.limit == 7
    assert isinstance(make_policy("budget", interval=1, limit=1), BudgetPolicy)
    with pytest.raises(ValueError, match="at least 1 frame"):
        make_policy("interval", interval=0, limit=1)
    with pytest.raises(ValueError, match="above 0"):
        make_policy("threshold", interval=1, limit=0)
    with pytest.raises(ValueError, match="allowed is interval, first"):
        make_policy("often", interval=1, limit=1)

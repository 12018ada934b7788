"""Blinks and mouth openings on made-up curves."""

from __future__ import annotations

import numpy as np
import pytest

from thcodec.evaluate.events import Count, blinks, find_events, mouth_openings

OPEN = 0.35


def eyes(*shut: int, depth: float = 0.25, frames: int = 100) -> np.ndarray:
    """Eyes that are open but around the frames given, with a little noise."""
    curve = OPEN + np.random.default_rng(0).normal(0, 0.005, frames)
    for peak in shut:
        for away, share in ((-2, 0.3), (-1, 0.8), (0, 1.0), (1, 0.8), (2, 0.3)):
            curve[peak + away] -= share * depth
    return curve


def test_every_blink_is_an_event_once() -> None:
    events = find_events(-eyes(20, 30, 70), 0.3 * OPEN)
    assert [event.peak for event in events] == [20, 30, 70]
    assert all(event.before < event.peak < event.after for event in events)
    assert events[0].half == pytest.approx(-OPEN + 0.125, abs=0.02)


def test_noise_and_small_dips_are_none() -> None:
    assert blinks(eyes(), eyes()) == Count(0, 0)
    assert blinks(eyes(20, depth=0.08), eyes()) == Count(0, 0)


def test_an_event_at_the_end_counts_and_one_at_the_beginning_does_not() -> None:
    curve = eyes()
    curve[:5] -= 0.25
    curve[-4:] -= 0.25
    events = find_events(-curve, 0.3 * OPEN)
    assert [event.peak >= 96 for event in events] == [True]


@pytest.mark.parametrize(
    ("late", "depth", "seen"),
    [(0, 0.25, 1), (2, 0.25, 1), (-2, 0.25, 1), (6, 0.25, 0), (0, 0.16, 1), (0, 0.09, 0)],
)
def test_a_blink_is_seen_when_it_is_deep_enough_and_in_time(
    late: int, depth: float, seen: int
) -> None:
    assert blinks(eyes(50), eyes(50 + late, depth=depth)) == Count(1, seen)


@pytest.mark.parametrize("frozen", [OPEN, 0.22, 0.1])
def test_a_frozen_clip_sees_none_however_far_its_eyes_are_open(frozen: float) -> None:
    assert blinks(eyes(20, 60), np.full(100, frozen)) == Count(2, 0)


def test_lost_frames_are_not_seen() -> None:
    lost = eyes(20, 60)
    lost[55:66] = np.nan
    assert blinks(eyes(20, 60), lost) == Count(2, 1)
    assert blinks(np.full(100, np.nan), lost) == Count(0, 0)
    assert blinks(lost, eyes(20, 60)) == Count(1, 1)


def test_syllables_are_counted_one_by_one() -> None:
    curve = 0.05 + 0.05 * (1 - np.cos(np.arange(100) * 2 * np.pi / 10))
    assert mouth_openings(curve, curve) == Count(10, 10)
    half = 0.05 + 0.5 * (curve - 0.05)
    assert mouth_openings(curve, half * 0.99).seen == 0
    assert mouth_openings(curve, curve[::-1]).seen == 10
    assert mouth_openings(curve, np.roll(curve, 5)).seen == 0


def test_counts_add_up() -> None:
    total = Count(3, 1) + Count(1, 1)
    assert total == Count(4, 2)
    assert total.share == 0.5
    assert Count(0, 0).share is None

"""Blinks and mouth openings of the original, and whether the decoded clip shows them.

An event is a rise of a curve by at least a given size from the lowest point since the last event,
up to the highest before the curve falls by as much again (or the clip ends). What is already up in
frame 0 is no event: the source shows it. The thresholds were chosen on val256, on originals only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLINK = 0.3  # lids come nearer by this share of how far they are apart in open eyes
OPEN_PERCENTILE = 80  # of a clip's frames: how far open eyes are apart
MOUTH_OPENING = 0.06  # of the distance between the outer eye corners
TOLERANCE = 2  # frames that an event may come early or late


@dataclass(frozen=True)
class Event:
    """Frames of the low point before, the peak and the low point after; the value half way up."""

    before: int
    peak: int
    after: int
    half: float


@dataclass(frozen=True)
class Count:
    """Events of the original, and how many of them the decoded clip shows."""

    events: int
    seen: int

    @property
    def share(self) -> float | None:
        """None without events."""
        return self.seen / self.events if self.events else None

    def __add__(self, other: Count) -> Count:
        return Count(self.events + other.events, self.seen + other.seen)


def blinks(original: np.ndarray, decoded: np.ndarray) -> Count:
    """Of two curves (n,) of how far the eyes are open; NaN where no face was found."""
    known = original[~np.isnan(original)]
    size = BLINK * float(np.percentile(known, OPEN_PERCENTILE)) if len(known) else 0.0
    return _count(-original, -decoded, size)


def mouth_openings(original: np.ndarray, decoded: np.ndarray) -> Count:
    """Of two curves (n,) of how far the mouth is open; NaN where no face was found."""
    return _count(original, decoded, MOUTH_OPENING)


def find_events(curve: np.ndarray, size: float) -> list[Event]:
    """Rises of a curve (n,) by at least `size`."""
    found: list[tuple[int, int]] = []
    low, peak = 0, -1  # peak -1: waiting for a rise
    for i, value in enumerate(curve):
        if peak < 0:
            if value < curve[low]:
                low = i
            elif value - curve[low] >= size:
                peak = i
        elif value > curve[peak]:
            peak = i
        elif curve[peak] - value >= size:
            found.append((low, peak))
            low, peak = i, -1
    last = low
    if peak >= 0:
        found.append((low, peak))
        last = len(curve) - 1
    lows = [*(low for low, _ in found), last]
    return [
        Event(low, peak, after, float(curve[low] + curve[peak]) / 2)
        for (low, peak), after in zip(found, lows[1:], strict=True)
    ]


def is_seen(event: Event, original: np.ndarray, decoded: np.ndarray) -> bool:
    """Whether `decoded` is past half of the rise near the peak, and short of it where the original
    is: eyes that are always shut blink no more than eyes that are always open.
    """
    near = slice(max(event.peak - TOLERANCE, 0), event.peak + TOLERANCE + 1)
    around = slice(max(event.before - TOLERANCE, 0), event.after + TOLERANCE + 1)
    down = decoded[around][original[around] < event.half]
    return bool((decoded[near] >= event.half).any() and (down < event.half).any())


def _count(original: np.ndarray, decoded: np.ndarray, size: float) -> Count:
    known = np.flatnonzero(~np.isnan(original))
    if not len(known):
        return Count(0, 0)
    whole = np.interp(np.arange(len(original)), known, original[known])
    events = find_events(whole, size)
    return Count(len(events), sum(is_seen(event, whole, decoded) for event in events))

"""How much a clip jumps where the decoder switches to another source.

A step is the change from one frame to the next. The index of a switch is the largest step within
REACH frames of it, divided by the median step elsewhere; the same of the original is taken off,
since people move at switches too. 0: the switch is as smooth as the original there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

REACH = 3  # frames


def near(switch: int, rest: int = 0) -> list[int]:
    """Steps within reach of a switch, each by its second frame.

    switch: the first frame of the new source; rest: frames after it that count as the switch.
    """
    return list(range(switch - REACH, switch + REACH + rest + 1))


def elsewhere(switches: Iterable[int], length: int, rest: int, most: int) -> list[int]:
    """Up to `most` steps, evenly spread, that no switch touches, as their second frames.

    rest: frames after a switch that are still left out, such as those of the transition.
    """
    touched = {step for at in switches for step in near(at, rest)}
    free = [step for step in range(1, length) if step not in touched]
    places = np.linspace(0, len(free) - 1, min(most, len(free))).round().astype(int)
    return [free[place] for place in places]


def index(
    decoded: Mapping[int, float],
    original: Mapping[int, float],
    touched: Iterable[int],
    others: Iterable[int],
) -> float:
    """Teleport index of a switch from the sizes of steps, by their second frames.

    touched: what ``near`` returns; others: what ``elsewhere`` does, not empty.
    """
    at, rest = list(touched), list(others)
    one, other = (
        max(steps[step] for step in at) / max(float(np.median([steps[s] for s in rest])), 1e-6)
        for steps in (decoded, original)
    )
    return one - other


def pixel_change(before: np.ndarray, after: np.ndarray) -> float:
    """Mean absolute difference of two pictures uint8 (H, W, 3), in grey levels."""
    return float(np.abs(before.astype(np.int16) - after).mean())

"""How fast a stage of training learns."""

from __future__ import annotations

import math

WARMING = 100  # steps


def scheduled(rate: float, step: int, progress: float, least: float) -> float:
    """The rate of a step, counted from 0: it rises over the first steps of a run, and falls along
    half a cosine, with ``progress`` 0..1 of a stage, to a share ``least`` of ``rate``.
    """
    decay = least + (1 - least) * 0.5 * (1 + math.cos(math.pi * progress))
    return rate * min(1.0, (step + 1) / WARMING) * decay

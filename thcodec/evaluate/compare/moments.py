"""The few frames whose pictures are kept: the worst of each candidate, and a typical one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WORST = 3  # frames of each candidate
APART = 1.0  # seconds between two of them


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame, uint8 pictures (H, W, 3), and each candidate's figures; None: it shows nothing."""

    frame: int
    time: float
    original: np.ndarray
    pictures: tuple[np.ndarray | None, ...]
    figures: tuple[dict[str, float | None] | None, ...]


@dataclass(frozen=True)
class Kept:
    """A moment and why it was kept."""

    reason: str
    moment: Moment


class Keeper:
    """Keeps WORST moments of each of `count` candidates, APART seconds from one another."""

    def __init__(self, count: int) -> None:
        self._worst: list[list[tuple[float, Moment]]] = [[] for _ in range(count)]
        self._typical: tuple[float, Moment] | None = None
        self._sum, self._seen = 0.0, 0

    def offer(self, moment: Moment) -> None:
        """A scored frame; its pictures are kept if it is worse than those before."""
        badness = [None if got is None else _badness(got) for got in moment.figures]
        for worst, bad in zip(self._worst, badness, strict=True):
            if bad is not None:
                _insert(worst, bad, moment)
        if badness[0] is not None:
            self._sum, self._seen = self._sum + badness[0], self._seen + 1
            mean = self._sum / self._seen
            if self._typical is None or abs(badness[0] - mean) < abs(self._typical[0] - mean):
                self._typical = badness[0], moment

    def kept(self, names: list[str]) -> list[Kept]:
        """The typical moment, then the worst ones of each candidate; every frame once."""
        found = [] if self._typical is None else [Kept("typical", self._typical[1])]
        for name, worst in zip(names, self._worst, strict=True):
            for rank, (_, moment) in enumerate(worst, 1):
                place = "worst" if rank == 1 else f"{rank}. worst"
                found.append(Kept(f"{place} of {name}", moment))
        reasons: dict[int, list[str]] = {}
        for kept in found:
            reasons.setdefault(kept.moment.frame, []).append(kept.reason)
        once = {kept.moment.frame: kept.moment for kept in found}
        return [Kept(", ".join(reasons[frame]), moment) for frame, moment in once.items()]


def _insert(worst: list[tuple[float, Moment]], bad: float, moment: Moment) -> None:
    """Put a moment among the worst, in order, unless a worse one is near."""
    near = [kept for kept in worst if moment.time - kept[1].time < APART]
    if any(kept[0] >= bad for kept in near):
        return
    worst[:] = [kept for kept in worst if moment.time - kept[1].time >= APART] + [(bad, moment)]
    worst.sort(key=lambda kept: -kept[0])
    del worst[WORST:]


def _badness(figures: dict[str, float | None]) -> float:
    """ST-LPIPS, or what SSIM lacks where it is not installed."""
    far, similar = figures.get("stlpips"), figures.get("ssim")
    return far if far is not None else 1 - (similar or 0.0)

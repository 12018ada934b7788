"""Bjøntegaard's difference of two rate-distortion curves, with PCHIP interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """Points in rising order of rate and quality: kbit/s, and a quality of which more is better."""

    rates: np.ndarray
    qualities: np.ndarray


@dataclass(frozen=True)
class Difference:
    """How much less rate a curve needs for the same quality.

    rate: mean change over the common range of qualities, -0.8 being 80 % less. low, high: that
    range. overlap: its share of the curve's own range, and of the anchor's.
    """

    rate: float
    low: float
    high: float
    overlap: tuple[float, float]


def envelope(rates: Sequence[float], qualities: Sequence[float]) -> Curve:
    """The points that no other beats: none of them costs less and is as good."""
    rising: list[tuple[float, float]] = []
    for rate, quality in sorted(zip(rates, qualities, strict=True), key=lambda p: (p[0], -p[1])):
        if not rising or quality > rising[-1][1]:
            rising.append((rate, quality))
    return Curve(*(np.array(column, float) for column in zip(*rising, strict=True)))


def bd_rate(anchor: Curve, curve: Curve) -> Difference | None:
    """Of a curve against an anchor: log rate over quality by piecewise cubic Hermite interpolation
    (PCHIP), integrated over the qualities that both reach; None where they reach none in common.
    """
    from scipy.interpolate import PchipInterpolator

    if min(len(anchor.rates), len(curve.rates)) < 2:
        return None
    low = max(anchor.qualities[0], curve.qualities[0])
    high = min(anchor.qualities[-1], curve.qualities[-1])
    if high <= low:
        return None
    areas = [
        PchipInterpolator(each.qualities, np.log(each.rates)).integrate(low, high)
        for each in (anchor, curve)
    ]
    change = float(np.exp((areas[1] - areas[0]) / (high - low)) - 1)
    shares = [(high - low) / np.ptp(each.qualities) for each in (curve, anchor)]
    return Difference(change, float(low), float(high), (float(shares[0]), float(shares[1])))

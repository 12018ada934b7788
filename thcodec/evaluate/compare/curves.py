"""A figure's curves as inline SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

import numpy as np

from thcodec.evaluate.compare.metrics import Metric
from thcodec.evaluate.compare.run import Candidate

POINTS = 600  # of a curve; longer ones show the worst value of each stretch
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7f3fbf", "#8c564b")
_WIDTH, _HEIGHT = 1060, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, _WIDTH - 12, 10, _HEIGHT - 26
_MARKS = 400  # of switches of a candidate


def colour(index: int) -> str:
    """Of a candidate."""
    return COLOURS[index % len(COLOURS)]


def curves(metric: Metric, candidates: Sequence[Candidate], seconds: float) -> str:
    """A metric over time, a line for each candidate; "" where no value is known.

    Ticks at the bottom are the switches of sources.
    """
    lines = [thinned(metric, candidate) for candidate in candidates]
    known = np.concatenate([values[~np.isnan(values)] for _, values in lines])
    if not len(known):
        return ""
    low, high, ticks = axis(float(known.min()), float(known.max()))
    parts = [*_grid(metric, low, high, ticks), *_seconds(seconds)]
    for index, (candidate, (times, values)) in enumerate(zip(candidates, lines, strict=True)):
        x = _LEFT + (_RIGHT - _LEFT) * times / seconds
        y = _BOTTOM - (_BOTTOM - _TOP) * (values - low) / (high - low)
        parts.append(f'<g class="line" data-name="{escape(candidate.name)}">')
        parts += [f'<polyline stroke="{colour(index)}" points="{p}"/>' for p in _unbroken(x, y)]
        parts.append("</g>")
        parts += _marks(candidate, index, seconds)
    percent = metric.form.endswith("%")
    data = {
        "width": _WIDTH,
        "left": _LEFT,
        "right": _RIGHT,
        "top": _TOP,
        "bottom": _BOTTOM,
        "low": low,
        "high": high,
        "seconds": seconds,
        "digits": metric.form.strip(".f%"),
    } | ({"percent": 1} if percent else {})
    attributes = " ".join(f'data-{name}="{value}"' for name, value in data.items())
    cross = f'<line class="cross" x1="0" x2="0" y1="{_TOP}" y2="{_BOTTOM}"/>'
    head = f'<svg class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" {attributes}>'
    return "\n".join([head, f"<title>{escape(metric.title)}</title>", *parts, cross, "</svg>"])


def thinned(metric: Metric, candidate: Candidate) -> tuple[np.ndarray, np.ndarray]:
    """Times and values (n,), at most POINTS: the worst value of each stretch of frames."""
    times = np.array(candidate.curves.times)
    values = np.array(candidate.curves.values[metric.key])
    if len(times) <= POINTS:
        return times, values
    starts = np.linspace(0, len(times), POINTS + 1).astype(int)
    chosen = []
    for start, stop in pairwise(starts):
        part = values[start:stop]
        if np.isnan(part).all():
            chosen.append(start)
        else:
            chosen.append(start + int(np.nanargmin(part) if metric.more else np.nanargmax(part)))
    return times[chosen], values[chosen]


def axis(low: float, high: float) -> tuple[float, float, list[float]]:
    """Ends and ticks of an axis that holds the values low..high: round numbers."""
    spread = max(high - low, 1e-3 * max(abs(high), 1e-3))
    step = 10 ** np.floor(np.log10(spread / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if spread / (step * factor) <= 5)
    first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    ticks = [float(number * step) for number in np.arange(first, last + 1)]
    return ticks[0], ticks[-1], ticks


def _grid(metric: Metric, low: float, high: float, ticks: list[float]) -> Iterator[str]:
    decimals = max(0, -int(np.floor(np.log10(ticks[1] - ticks[0]) + 1e-9)))
    for tick in ticks:
        y = _BOTTOM - (_BOTTOM - _TOP) * (tick - low) / (high - low)
        percent = metric.form.endswith("%")
        text = f"{tick:.{max(decimals - 2, 0)}%}" if percent else f"{tick:.{decimals}f}"
        yield f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'


def _seconds(seconds: float) -> Iterator[str]:
    _, _, ticks = axis(0.0, seconds)
    for tick in ticks:
        if tick <= seconds:
            x = _LEFT + (_RIGHT - _LEFT) * tick / seconds
            yield f'<text x="{x:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{tick:g} s</text>'


def _unbroken(x: np.ndarray, y: np.ndarray) -> Iterator[str]:
    """The points of each stretch without gaps; a lone one is drawn as a short line."""
    part: list[str] = []
    for across, down in zip(x, y, strict=True):
        if not np.isnan(down):
            part.append(f"{across:.1f},{down:.2f}")
        elif part:
            yield " ".join(part)
            part = []
    if part:
        yield " ".join(part)


def _marks(candidate: Candidate, index: int, seconds: float) -> Iterator[str]:
    for time in candidate.switches[:_MARKS]:
        x = _LEFT + (_RIGHT - _LEFT) * time / seconds
        ends = f'x1="{x:.1f}" x2="{x:.1f}" y1="{_BOTTOM}" y2="{_BOTTOM + 6}"'
        yield f'<line {ends} stroke="{colour(index)}"/>'

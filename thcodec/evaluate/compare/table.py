"""A comparison for a terminal."""

from __future__ import annotations

from rich.table import Table

from thcodec.evaluate.compare.metrics import METRICS, Metric
from thcodec.evaluate.compare.run import Candidate, Comparison


def table(comparison: Comparison) -> Table:
    """One column for each candidate; the best value of a row is bold."""
    wide, high = comparison.side
    found = Table(
        title=f"{comparison.original}: {comparison.frames} frames, {comparison.seconds:.2f} s, "
        f"compared at {wide}x{high}, {every(comparison.step)} scored"
    )
    found.add_column("mean of frames", no_wrap=True)
    for candidate in comparison.candidates:
        found.add_column(candidate.name, justify="right")
    for title, cells in rows(comparison):
        found.add_row(title, *cells)
    for metric in METRICS:
        values = [candidate.curves.mean(metric) for candidate in comparison.candidates]
        if any(value is not None for value in values):
            found.add_row(heading(metric), *_marked(metric, values))
    return found


def rows(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """What is no mean of a curve: title, and a text for each candidate."""
    found = comparison.candidates
    lines = [
        ("kbit/s of the pictures", [f"{candidate.kbits:.2f}" for candidate in found]),
        ("bytes of the pictures", [f"{candidate.size.pictures:,}" for candidate in found]),
        ("bytes of the file", [f"{candidate.size.file:,}" for candidate in found]),
    ]
    if any(candidate.missing for candidate in found):
        lines.append(("frames missing at the end", [str(candidate.missing) for candidate in found]))
    if any(candidate.shimmer is not None and candidate.shimmer.pairs for candidate in found):
        for name in ("face", "background"):
            title = f"shimmer of a still {name}, original = 1"
            lines.append((title, [_shimmer(candidate, name) for candidate in found]))
    return lines


def heading(metric: Metric) -> str:
    """Title, unit and which way is better."""
    unit = f", {metric.unit}" if metric.unit else ""
    return f"{metric.title}{unit} {'↑' if metric.more else '↓'}"


def best(metric: Metric, values: list[float | None]) -> float | None:
    """The best of several values as written; None where there is nothing to choose from."""
    known = [value for value in values if value is not None]
    if len({metric.text(value) for value in known}) < 2:
        return None
    return max(known) if metric.more else min(known)


def every(step: int) -> str:
    """Which frames a step takes, in words."""
    return "every frame" if step == 1 else f"one frame in {step}"


def _marked(metric: Metric, values: list[float | None]) -> list[str]:
    top = best(metric, values)
    return [
        f"[bold]{metric.text(value)}[/]"
        if value is not None and value == top
        else metric.text(value)
        for value in values
    ]


def _shimmer(candidate: Candidate, name: str) -> str:
    region = None if candidate.shimmer is None else getattr(candidate.shimmer, name)
    return "–" if region is None else f"{region.ratio:.2f}"

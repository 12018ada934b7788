"""The figures for a terminal: against the goals, and clip by clip."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from thcodec.evaluate.events import Count
from thcodec.evaluate.measure import ClipFigures, SourceScores
from thcodec.evaluate.shimmer import Shimmer
from thcodec.evaluate.summary import Evaluation


@dataclass(frozen=True)
class Row:
    """A figure, how it is written, what it is compared with, and the first and the next goal.

    ``more`` tells whether more is better.
    """

    name: str
    value: float | None
    form: str
    beside: float | None
    first: float | None
    then: float | None
    more: bool = True


def goals(evaluation: Evaluation) -> Table:
    """Figure, value, what it is compared with, goals; a tick at those that are met."""
    table = Table(title="Against the goals: met ones have a tick")
    for head in ("figure", "value", "repeat / paper", "first", "then"):
        table.add_column(head, justify="left" if head == "figure" else "right", no_wrap=True)
    for row in rows(evaluation):
        cells = [_text(value, row.form) for value in (row.value, row.beside)]
        marks = [_goal(row, goal) for goal in (row.first, row.then)]
        table.add_row(row.name, *cells, *marks)
    return table


def rows(evaluation: Evaluation) -> list[Row]:
    """All figures that have goals, in the order of the README."""
    mean, cost, seed = evaluation.mean, evaluation.cost, evaluation.seed
    error, still = mean.landmarks, mean.landmarks_repeated
    found = [
        *_sources("one source", mean.one, (23.5, 0.72, 0.060), (25.5, 0.80, 0.035)),
        *_sources("source every 50", mean.several, (25.5, 0.79, 0.040), (28.0, 0.87, 0.020)),
        Row("identity, cosine", mean.identity, ".3f", mean.identity_repeated, 0.75, 0.85),
        Row("landmarks", error.both, ".2%", still.both, 0.06, 0.04, False),
        Row("  eyes", error.eyes, ".2%", still.eyes, None, None, False),
        Row("  mouth", error.mouth, ".2%", still.mouth, None, None, False),
        _events("blinks and mouth openings seen", mean.blinks + mean.mouth_openings),
        _events("  blinks", mean.blinks),
        _events("  mouth openings", mean.mouth_openings),
        Row("shimmer, face", _ratio(mean.shimmer.face), ".2f", None, 1.2, None, False),
        Row("shimmer, background", _ratio(mean.shimmer.background), ".2f", None, 1.2, None, False),
    ]
    if seed is not None:
        p, o = seed.paper, seed.ours.animated
        name = f"paper's clip, every {seed.interval}"
        found += [
            Row(f"{name}: PSNR dB", o.psnr, ".2f", p.psnr, 23.63, 28.0),
            Row(f"{name}: SSIM", o.ssim, ".3f", p.ssim, 0.854, 0.93),
            Row(f"{name}: ST-LPIPS", o.stlpips, ".4f", p.stlpips, 0.0340, 0.015, False),
        ]
    return [
        *found,
        Row("parameters, millions", cost.parameters / 1e6, ".2f", None, 12, 8, False),
        Row("GFLOP a decoded frame", cost.decoder, ".2f", None, 20, 10, False),
        Row("GFLOP a source, decoder", cost.source, ".2f", None, None, None, False),
        Row("GFLOP an encoded frame", cost.encoder, ".2f", None, 5, 2, False),
    ]


def clips(evaluation: Evaluation) -> Table:
    """One line a clip, and the mean."""
    table = Table(title="Clip by clip")
    heads = ("clip", "frames", "one source", "source every 50", "identity", "eyes, mouth %")
    for head in (*heads, "blinks", "mouth", "shimmer face, back"):
        table.add_column(head, justify="left" if head == "clip" else "right", no_wrap=True)
    for clip in (*evaluation.clips, evaluation.mean):
        table.add_row(*_cells(clip))
    return table


def line(clip: ClipFigures) -> str:
    """A clip in one line, for progress."""
    name, frames, one, several, *_ = _cells(clip)
    return f"{name}: {frames} frames, one source {one}, every 50 {several}"


def _cells(clip: ClipFigures) -> list[str]:
    landmarks, shimmer = clip.landmarks, clip.shimmer
    return [
        clip.name,
        str(clip.frames),
        _scores(clip.one),
        _scores(clip.several),
        _text(clip.identity, ".3f"),
        f"{100 * landmarks.eyes:.1f}, {100 * landmarks.mouth:.1f}",
        f"{clip.blinks.seen}/{clip.blinks.events}",
        f"{clip.mouth_openings.seen}/{clip.mouth_openings.events}",
        f"{_text(_ratio(shimmer.face), '.2f')}, {_text(_ratio(shimmer.background), '.2f')}",
    ]


def _sources(
    name: str,
    scores: SourceScores,
    first: tuple[float, float, float],
    then: tuple[float, float, float],
) -> list[Row]:
    ours, repeated = scores.animated, scores.repeated
    return [
        Row(f"{name}: PSNR dB", ours.psnr, ".2f", repeated.psnr, first[0], then[0]),
        Row(f"{name}: SSIM", ours.ssim, ".3f", repeated.ssim, first[1], then[1]),
        Row(f"{name}: ST-LPIPS", ours.stlpips, ".4f", repeated.stlpips, first[2], then[2], False),
    ]


def _scores(scores: SourceScores) -> str:
    ours = scores.animated
    return f"{ours.psnr:.2f} / {ours.ssim:.3f} / {_text(ours.stlpips, '.4f')}"


def _events(name: str, count: Count) -> Row:
    return Row(f"{name}, {count.seen} of {count.events}", count.share, ".1%", None, 0.7, 0.9)


def _ratio(region: Shimmer | None) -> float | None:
    return None if region is None else region.ratio


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _goal(row: Row, goal: float | None) -> str:
    if goal is None:
        return ""
    met = row.value is not None and (row.value >= goal if row.more else row.value <= goal)
    return f"{'✓ ' if met else ''}{goal:{row.form}}"

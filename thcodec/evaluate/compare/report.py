"""A comparison as one HTML file that needs nothing else: no network, no other files."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

from thcodec.evaluate.compare.alignment import scaled
from thcodec.evaluate.compare.curves import POINTS, colour, curves
from thcodec.evaluate.compare.metrics import METRICS
from thcodec.evaluate.compare.moments import APART, Kept
from thcodec.evaluate.compare.run import Candidate, Comparison, compare
from thcodec.evaluate.compare.table import best, every, heading, rows
from thcodec.pipeline.config import DecoderConfig, EncoderConfig
from thcodec.pipeline.summary import ProgressCallback

LARGEST = 640  # pixels of the longer side of a picture in the report
_KINDS = {
    "pictures": "#54a24b",
    "sources": "#4c78a8",
    "motion": "#f58518",
    "sound": "#72b7b2",
    "framing": "#b8b8b8",
}


def report(comparison: Comparison) -> str:
    """The whole file as text."""
    wide, high = comparison.side
    title = f"{comparison.original} against {', '.join(c.name for c in comparison.candidates)}"
    facts = (
        f"{comparison.frames} frames, {comparison.seconds:.2f} s, compared at {wide}x{high} "
        f"pixels; {every(comparison.step)} scored"
    )
    reading = "Point at a curve to read it. Ticks below an axis are switches to another source."
    if max(len(c.curves.frames) for c in comparison.candidates) > POINTS:
        reading += " Each point is the worst of its stretch of frames."
    choice = (
        "The typical frame is the one nearest to the first candidate's mean, the worst ones are at "
        f"least {APART:g} s apart; both by ST-LPIPS, or SSIM where that is missing."
    )
    shrunk = f", reduced to {LARGEST} pixels" if max(wide, high) > LARGEST else ""
    template = Template(Path(__file__).with_name("report.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(title),
        facts=escape(facts),
        ratio=f"{wide} / {high}",
        table=_table(comparison),
        bars=_bars(comparison.candidates),
        shrunk=shrunk,
        legend="".join(_names(comparison.candidates)),
        reading=reading,
        curves="\n".join(_figures(comparison)),
        choice=choice,
        moments="\n".join(_moment(kept, comparison.candidates) for kept in comparison.moments),
        method=_method(comparison),
    )


def compared(
    original: Path,
    stream: Path,
    config: EncoderConfig,
    progress: ProgressCallback | None = None,
) -> str:
    """The report of a stream against what it was just made from, decoded with the same networks."""
    decoder = DecoderConfig(
        device=config.device, weights=config.weights, upscaler_weights=config.upscaler_weights
    )
    return report(compare(original, [stream], config=decoder, progress=progress))


def _table(comparison: Comparison) -> str:
    head = "".join(f"<th>{name}</th>" for name in _names(comparison.candidates))
    lines = [f"<tr><th>mean of the scored frames</th>{head}</tr>"]
    for title, cells in rows(comparison):
        values = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f"<tr><td>{escape(title)}</td>{values}</tr>")
    for metric in METRICS:
        means = [candidate.curves.mean(metric) for candidate in comparison.candidates]
        if all(mean is None for mean in means):
            continue
        top = best(metric, means)
        cells = [
            f'<td class="best">{metric.text(mean)}</td>'
            if mean is not None and mean == top
            else f"<td>{metric.text(mean)}</td>"
            for mean in means
        ]
        lines.append(f"<tr><td>{escape(heading(metric))}</td>{''.join(cells)}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _names(candidates: list[Candidate]) -> Iterator[str]:
    for index, candidate in enumerate(candidates):
        dot = f'<i class="dot" style="background:{colour(index)}"></i>'
        yield f"<span>{dot}{escape(candidate.name)}</span>"


def _bars(candidates: list[Candidate]) -> str:
    """Bytes by kind, drawn to one scale."""
    most = max(max(candidate.size.file for candidate in candidates), 1)
    lines, seen = [], list[str]()
    for candidate in candidates:
        kinds = {name: size for name, size in candidate.size.kinds.items() if size}
        seen += [name for name in kinds if name not in seen]
        parts = "".join(
            f'<i style="width:{100 * size / most:.3f}%;background:{_KINDS[name]}" '
            f'title="{name}: {size:,} bytes"></i>'
            for name, size in kinds.items()
        )
        text = f"{candidate.size.file:,} bytes; pictures {candidate.kbits:.2f} kbit/s"
        lines.append(
            f'<b>{escape(candidate.name)}</b><div class="bar">{parts}</div><span>{text}</span>'
        )
    dots = "".join(
        f'<span><i class="dot" style="background:{_KINDS[name]}"></i>{name}</span>' for name in seen
    )
    return f'<div class="legend">{dots}</div><div class="bars">{"".join(lines)}</div>'


def _figures(comparison: Comparison) -> Iterator[str]:
    for metric in METRICS:
        drawn = curves(metric, comparison.candidates, comparison.seconds)
        if drawn:
            caption = f"<span>{escape(heading(metric))}</span><output></output>"
            yield f"<figure><figcaption>{caption}</figcaption>{drawn}</figure>"


def _moment(kept: Kept, candidates: list[Candidate]) -> str:
    """One row: the original, then every candidate with its figures."""
    moment = kept.moment
    cells = [f'<div data-name="original">{_picture(moment.original)}original</div>']
    for candidate, picture, got in zip(candidates, moment.pictures, moment.figures, strict=True):
        if picture is None or got is None:
            shown, text = "", "shows nothing here"
        else:
            shown = _picture(picture)
            text = ", ".join(
                f"{metric.title} {metric.text(got[metric.key])}"
                for metric in METRICS[:4]
                if got.get(metric.key) is not None
            )
        name = escape(candidate.name)
        cells.append(f'<div data-name="{name}">{shown}<b>{name}</b><br>{text}</div>')
    title = f"frame {moment.frame}, {moment.time:.2f} s: {kept.reason}"
    label = f"{moment.time:.2f} s, {kept.reason.partition(',')[0]}"
    return (
        f'<section class="moment" data-label="{escape(label)}"><h3>{escape(title)}</h3>'
        f'<div class="row">{"".join(cells)}</div></section>'
    )


def _picture(rgb: np.ndarray) -> str:
    """The picture inside the page: WebP without loss."""
    factor = min(1.0, LARGEST / max(rgb.shape[:2]))
    size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
    buffer = io.BytesIO()
    Image.fromarray(scaled(rgb, size)).save(buffer, "WEBP", lossless=True)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="" width="{size[0]}" height="{size[1]}" src="data:image/webp;base64,{data}">'


def _method(comparison: Comparison) -> str:
    notes = list(comparison.notes)
    for candidate in comparison.candidates:
        notes += [f"{candidate.name}: {note}" for note in candidate.notes]
        if candidate.missing:
            notes.append(f"{candidate.name} ends {candidate.missing} frames before the original")
        if candidate.lost:
            notes.append(f"{candidate.name}: {candidate.lost} frames in which no face was found")
    about = "".join(f"<dt>{escape(m.title)}</dt><dd>{escape(m.about)}</dd>" for m in METRICS)
    text = (
        "Each frame of the original is compared with what the candidate shows at that time, give "
        "or take half a frame. A stream is compared over the crop that it codes, brought to its "
        "coded size; pictures of other sizes are brought to it by Lanczos. Bytes of pictures are "
        "all of a stream but its sound, and the coded video packets of a video without its "
        "container."
    )
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<p>{text}</p><dl>{about}</dl>" + (f"<ul>{listed}</ul>" if listed else "")

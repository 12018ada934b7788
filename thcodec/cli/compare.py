"""``thcodec compare``: a thin front of thcodec.evaluate.compare."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thcodec.cli import console, options
from thcodec.pipeline.config import DecoderConfig

if TYPE_CHECKING:
    from thcodec.evaluate.compare.run import Comparison


def compare(
    original: Annotated[Path, typer.Argument(help="The video that was coded.")],
    candidates: Annotated[
        list[Path], typer.Argument(help="Videos and .thv files made from it.", metavar="A [B ...]")
    ],
    step: Annotated[
        int, typer.Option(min=1, help="Score every so many frames; all frames are watched.")
    ] = 1,
    crop: Annotated[
        str | None, typer.Option(help="Part x,y,w,h of the original that cropped videos show.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="File for all figures, per frame too.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="File for a report: curves, worst frames, a slider.")
    ] = None,
    weights: options.Weights = None,
    upscaler_weights: Annotated[
        str | None, typer.Option(help="The upscaler's file; for tfhub a folder or handle.")
    ] = None,
    device: options.Device = "cpu",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the outputs.")] = False,
) -> int:
    """Compare videos and .thv files with their original: quality frame by frame, and bytes."""
    from rich.console import Console

    from thcodec.bitstream.header import Crop
    from thcodec.evaluate.compare.output import pending
    from thcodec.evaluate.compare.run import compare as run
    from thcodec.evaluate.compare.table import table
    from thcodec.evaluate.record import record_text
    from thcodec.media.crop import parse_crop

    part = None if crop is None else parse_crop(crop)
    if isinstance(part, str):
        raise typer.BadParameter("give the part as --crop x,y,w,h")
    config = DecoderConfig(device=device, weights=weights, upscaler_weights=upscaler_weights)
    with pending(json, overwrite) as write_json, pending(html, overwrite) as write_html:
        with console.progress_bar("compare") as progress:
            found = run(
                original,
                candidates,
                step=step,
                crop=None if part is None else Crop(*part),
                config=config,
                progress=progress,
            )
        terminal = Console(width=None if sys.stdout.isatty() else 150)
        terminal.print(table(found))
        _say_notes(found)
        if write_json is not None:
            words = [str(original), *map(str, candidates), "--step", str(step)]
            words += [] if crop is None else ["--crop", crop]
            write_json(record_text(shlex.join(["thcodec", "compare", *words]), found.as_dict()))
        if write_html is not None:
            from thcodec.evaluate.compare.report import report

            write_html(report(found))
    for path in (json, html):
        if path is not None:
            console.say(f"written: {path}")
    return console.OK


def _say_notes(found: Comparison) -> None:
    for note in found.notes:
        console.say(f"note: {note}")
    for candidate in found.candidates:
        for note in candidate.notes:
            console.say(f"note: {candidate.name}: {note}")

"""``thcodec evaluate``: a thin front of thcodec.evaluate."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from thcodec.cli import console

_SPLITS = ("test", "val")


def evaluate(
    data: Annotated[Path, typer.Option(help="Folder with test256, val256 and seed.")],
    split: Annotated[str, typer.Option(help="test, or val while anything is chosen.")] = "test",
    clips: Annotated[
        list[str] | None, typer.Option(help="Name of a clip without .mp4; again for more.")
    ] = None,
    animator: Annotated[str, typer.Option(help="Network that is measured.")] = "compact",
    weights: Annotated[Path | None, typer.Option(help="Its weights.")] = None,
    device: Annotated[str, typer.Option(help="Torch device, e.g. cpu or cuda.")] = "cpu",
    output: Annotated[Path | None, typer.Option(help="JSON file for all figures.")] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for strips: source | original | decoded.")
    ] = None,
) -> int:
    """Measure an animator on people it never saw, against the goals of the model card."""
    if split not in _SPLITS:
        raise typer.BadParameter(f"split is {split!r}, allowed is {' or '.join(_SPLITS)}")
    from rich.console import Console

    from thcodec.evaluate import run, table
    from thcodec.evaluate.record import save_record
    from thcodec.models.registry import load_animator

    network = load_animator(animator, weights=weights, device=device)
    evaluation = run.evaluate(
        network,
        data,
        split,
        clips,
        folder=pictures,
        tell=lambda figures: console.say(table.line(figures)),
    )
    terminal = Console(width=None if sys.stdout.isatty() else 150)
    for each in (table.clips(evaluation), table.goals(evaluation)):
        terminal.print(each)
    if output is not None:
        identity = network.identity
        model = {
            "name": identity.name,
            "version": identity.version,
            "sha256": identity.sha256.hex(),
        }
        command = _command(data, split, clips or [], animator, weights)
        save_record(output, command, {"animator": model, "split": split, **evaluation.as_dict()})
        console.say(f"written: {output}")
    return console.OK


def _command(data: Path, split: str, clips: list[str], animator: str, weights: Path | None) -> str:
    """The command that makes these figures again; where they were written does not matter."""
    words = ["thcodec", "evaluate", "--data", str(data), "--split", split]
    words += [word for clip in clips for word in ("--clips", clip)]
    words += ["--animator", animator] + ([] if weights is None else ["--weights", weights.name])
    return shlex.join(words)

"""``thcodec train``: a thin front of thcodec.train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thcodec.cli import console


def train(
    data: Annotated[Path, typer.Argument(help="Folder with train256, val256 and manifest.csv.")],
    work: Annotated[Path, typer.Argument(help="Folder for caches, checkpoints and previews.")],
    config: Annotated[
        Path | None, typer.Option(help="TOML file; the shipped weights' own by default.")
    ] = None,
) -> int:
    """Train the compact animator; run it again to go on after a stop."""
    from thcodec.train import run

    settings = run.read_config(run.DEFAULT_CONFIG if config is None else config)
    weights = run.train(data, work, settings)
    console.say(f"trained: {weights}")
    return console.OK

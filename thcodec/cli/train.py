"""``thcodec train``: a thin front of thcodec.train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thcodec.cli import console


def train(
    data: Annotated[Path, typer.Argument(help="Folder with clips, portraits and their tables.")],
    work: Annotated[Path, typer.Argument(help="Folder for caches, checkpoints and previews.")],
    config: Annotated[
        str, typer.Option(help="TOML file, or compact (animator) or face (upscaler).")
    ] = "compact",
    device: Annotated[
        str, typer.Option(help="Where animator or upscaler is trained: cpu or cuda.")
    ] = "cpu",
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that make its batches; 0: a thread.")
    ] = 0,
) -> int:
    """Train the compact animator or upscaler; run it again to go on after a stop."""
    from thcodec.train import run

    settings = run.read_config(run.find_config(config))
    weights = run.train(data, work, settings, device=device, workers=workers)
    console.say(f"trained: {weights}")
    return console.OK

"""``thcodec decode``."""

from __future__ import annotations

from typing import Annotated

import typer

from thcodec.cli import console, options
from thcodec.pipeline.config import TRANSITIONS, DecoderConfig

_DEFAULT = DecoderConfig()


def decode(
    source: Annotated[str, typer.Argument(help=".thv file, or - for standard input.")],
    target: Annotated[
        str | None,
        typer.Argument(help=".mp4, .mkv or .webm file; - writes raw y4m to standard output."),
    ] = None,
    raw: Annotated[
        str | None, typer.Option(help="Also, or only, write raw pictures to this .y4m file.")
    ] = None,
    crf: Annotated[
        int, typer.Option(help="Quality of the video, 0 (lossless) .. 51.")
    ] = _DEFAULT.crf,
    weights: options.Weights = None,
    upscaler_weights: Annotated[
        str | None, typer.Option(help="The upscaler's file; for tfhub a folder or handle.")
    ] = None,
    yaw: Annotated[float, typer.Option(help="Turn the head by so many degrees, -90..90.")] = 0.0,
    pitch: Annotated[float, typer.Option(help="The same up and down.")] = 0.0,
    roll: Annotated[float, typer.Option(help="The same to a shoulder.")] = 0.0,
    motion: Annotated[
        str, typer.Option(help="absolute, or relative to the first frame.")
    ] = _DEFAULT.motion,
    transition: Annotated[
        str | None,
        typer.Option(
            help=f"Show switches otherwise than the stream says: {', '.join(TRANSITIONS)}."
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a stream whose upscaler is not here.")
    ] = False,
    device: options.Device = "cpu",
    runtime: options.Runtime = _DEFAULT.runtime,
    threads: options.Threads = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the target.")] = False,
) -> int:
    """Decode a .thv file to a video with sound, or to raw pictures."""
    try:
        config = DecoderConfig(
            device=device,
            runtime=runtime,
            threads=threads,
            weights=weights,
            upscaler_weights=upscaler_weights,
            strict=strict,
            crf=crf,
            yaw=yaw,
            pitch=pitch,
            roll=roll,
            motion=motion,
            transition=transition,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if target == "-":
        if raw is not None:
            raise typer.BadParameter("give either - or --raw")
        target, raw = None, "-"
    if target is None and raw is None:
        raise typer.BadParameter("say where to: a video file or --raw FILE.y4m")
    from thcodec.pipeline import decode as run  # torch: seconds that other commands need not wait

    with console.progress_bar("decode") as progress:
        summary = run(source, target, config, raw=raw, overwrite=overwrite, progress=progress)
    return console.finish("decoded", summary, quiet_output=raw == "-")

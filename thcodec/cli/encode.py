"""``thcodec encode``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from thcodec.bitstream.header import StillCodec
from thcodec.cli import console, options
from thcodec.pipeline.config import (
    ALIGNMENT,
    DEFAULT_POLICY,
    DEFAULT_TRANSITION,
    LIVE_QUALITY,
    SMALL_QUALITY,
    TRANSITIONS,
    WHOLE_QUALITY,
    EncoderConfig,
)

_DEFAULT = EncoderConfig()
_STILLS = {codec.label: int(codec) for codec in StillCodec}
_CODERS = {"raw": 0, "zstd": 1, "range": 2}


def encode(
    source: Annotated[str, typer.Argument(help="Video file, or - for standard input.")],
    target: Annotated[str, typer.Argument(help=".thv file, or - for standard output.")],
    size: Annotated[
        int, typer.Option(help="Side of the coded square picture: 256 or 512.")
    ] = _DEFAULT.size,
    fps: Annotated[
        str | None, typer.Option(help="Resample to this rate, e.g. 25 or 30000/1001.")
    ] = None,
    source_size: Annotated[
        int | None,
        typer.Option(
            help="Side of the stills in pixels.",
            show_default="that of the picture; half of it for webp and jpeg, and with an upscaler",
        ),
    ] = None,
    source_quality: Annotated[
        int | None,
        typer.Option(
            help="Quality of the stills, 1..100.",
            show_default=f"{SMALL_QUALITY}; av1 of full size {WHOLE_QUALITY}, live {LIVE_QUALITY}",
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help="When stills are sent: interval, first (one per shot), threshold (when pose or "
            "expression is far from all stills held), quality (when what the receiver sees grows "
            "worse), budget (see --bitrate) or best-frame (the best of each --interval frames).",
            show_default=f"{DEFAULT_POLICY}; interval with --interval, budget with --bitrate",
        ),
    ] = None,
    interval: Annotated[
        int | None,
        typer.Option(help="A new still every so many frames; 0: one per shot.", show_default=False),
    ] = None,
    limit: Annotated[
        float,
        typer.Option(help="Where threshold and quality send a still, in thousandths of ST-LPIPS."),
    ] = _DEFAULT.limit,
    bitrate: Annotated[
        float | None, typer.Option(help="Of pictures without sound, kbit/s, for policy budget.")
    ] = None,
    bank: Annotated[
        int | None,
        typer.Option(
            help="Stills that stay in use, 1..64; each frame takes the nearest.",
            show_default="8; 1 for interval and first",
        ),
    ] = None,
    look_ahead: Annotated[
        int,
        typer.Option(
            help="Frames among which a still is picked, 0..250; not for interval and live streams."
        ),
    ] = _DEFAULT.look_ahead,
    crop: Annotated[
        str, typer.Option(help="auto (follow the face), none (central square) or x,y,w,h.")
    ] = _DEFAULT.crop,
    audio_bitrate: Annotated[
        int, typer.Option(help="Of the sound, bit/s.")
    ] = _DEFAULT.audio_bitrate,
    audio: Annotated[bool, typer.Option("--audio/--no-audio", help="Code the sound.")] = True,
    upscaler: Annotated[
        str | None,
        typer.Option(
            help="Brings stills to size: face, esrgan, realesrgan, tfhub, bicubic, lanczos.",
            show_default="face; lanczos in live streams, and for stills of full size",
        ),
    ] = None,
    upscaler_weights: Annotated[
        str | None, typer.Option(help="The upscaler's file; for tfhub a folder or handle.")
    ] = None,
    animator: Annotated[
        str, typer.Option(help="Network that moves the stills.")
    ] = _DEFAULT.animator,
    weights: options.Weights = None,
    align: Annotated[
        int | None,
        typer.Option(
            help="Rounds in which each frame's motion is bettered by its picture, 0..8.",
            show_default=f"{ALIGNMENT}; 0 in live streams",
        ),
    ] = None,
    transition: Annotated[
        str, typer.Option(help=f"How a switch between stills is shown: {', '.join(TRANSITIONS)}.")
    ] = _DEFAULT.transition,
    transition_frames: Annotated[
        int | None,
        typer.Option(
            help="Frames that show both stills, 1..64.",
            show_default=f"{DEFAULT_TRANSITION}, at most a quarter of --interval",
        ),
    ] = None,
    still_codec: Annotated[
        str,
        typer.Option(
            help="av1 (stills of files build on those before), webp, jpeg, jpeg-complete."
        ),
    ] = StillCodec.AV1.label,
    coder: Annotated[str, typer.Option(help="Of the motion: range, zstd or raw.")] = "range",
    device: options.Device = "cpu",
    runtime: options.Runtime = _DEFAULT.runtime,
    threads: options.Threads = None,
    live: Annotated[
        bool, typer.Option("--live", help="A packet per frame, at once, for a pipe.")
    ] = False,
    live_file: Annotated[
        bool, typer.Option("--live-file", help="As --live, into a file that can be read meanwhile.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="HTML file: the result against the input; decodes it.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the target.")] = False,
) -> int:
    """Encode a video of one talking person as a .thv file."""
    try:
        config = EncoderConfig(
            size=size,
            fps=None if fps is None else _fraction(fps),
            source_size=source_size,
            source_quality=source_quality,
            policy=policy,
            interval=interval,
            limit=limit,
            bitrate=bitrate,
            bank=bank,
            look_ahead=look_ahead,
            crop=crop,
            audio=audio,
            audio_bitrate=audio_bitrate,
            upscaler=upscaler,
            upscaler_weights=upscaler_weights,
            animator=animator,
            weights=weights,
            device=device,
            alignment=align,
            transition=transition,
            transition_frames=transition_frames,
            runtime=runtime,
            threads=threads,
            still_codec=_choice("still codec", still_codec, _STILLS),
            coder=_choice("coder", coder, _CODERS),
        )
        if live or live_file:
            config.check_live()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if report is not None and "-" in (source, target):
        raise typer.BadParameter("a report needs files: both are read again")
    from thcodec.evaluate.compare.output import pending
    from thcodec.pipeline import encode as run  # torch: seconds that other commands need not wait

    with pending(report, overwrite) as write_report:
        with console.progress_bar("encode") as progress:
            summary = run(
                source,
                target,
                config,
                live=live or live_file,
                in_place=live_file,
                overwrite=overwrite,
                progress=progress,
            )
        code = console.finish("encoded", summary, quiet_output=target == "-")
        if write_report is not None:
            from thcodec.evaluate.compare.report import compared

            with console.progress_bar("compare") as progress:
                write_report(compared(Path(source), Path(target), config, progress))
    if report is not None:
        console.say(f"written: {report}")
    return code


def _fraction(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"fps is {text!r}: give a number such as 25 or 30000/1001") from None


def _choice(name: str, text: str, choices: dict[str, int]) -> int:
    if text not in choices:
        raise ValueError(f"{name} is {text!r}, allowed is {', '.join(choices)}")
    return choices[text]

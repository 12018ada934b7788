"""``thcodec info`` and ``thcodec verify``: no torch, no pictures."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from thcodec.bitstream import inspect
from thcodec.cli import console

Source = Annotated[str, typer.Argument(help=".thv file, or - for standard input.")]


def info(
    source: Source,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
    sources: Annotated[
        bool, typer.Option("--sources", help="A table of the stills instead.")
    ] = False,
) -> int:
    """Show what a .thv file holds and where its bytes go."""
    facts = inspect.info(source)
    if as_json:
        typer.echo(json.dumps(facts["sources"] if sources else facts, indent=2))
    else:
        lines = _table(facts["sources"]) if sources else _lines(facts)
        typer.echo("\n".join(map(console.printable, lines)))
    return console.warn_of_damage(facts["damage"])


def verify(
    source: Source,
    repair: Annotated[
        str | None,
        typer.Option("--repair", metavar="OUT", help="Write what is whole to a new .thv file."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
) -> int:
    """Check every record of a .thv file: framing, checksums, ids, times, index."""
    if repair is not None:
        return _repair(source, repair, overwrite)
    findings = inspect.verify(source)
    for finding in findings:
        typer.echo(console.printable(str(finding)))
    if findings:
        console.say(f"error: {source} breaks {len(findings)} rules")
        return console.ERROR
    typer.echo("no faults found")
    return console.OK


def _repair(source: str, target: str, overwrite: bool) -> int:
    from thcodec.bitstream.repair import repair

    done = repair(source, target, overwrite=overwrite)
    for fault in done.faults:
        typer.echo(console.printable(str(fault)), err=True)
    line = f"{done.kept} records kept, {done.dropped} left out, {len(done.faults)} faults"
    typer.echo(f"{target}: {line}", err=target == "-")
    return console.DAMAGED if done.faults else console.OK


def _lines(facts: dict[str, Any]) -> list[str]:
    header = facts["header"]
    width, height = header["picture"]
    x, y, side, _ = header["crop"]
    rate = header["frame_rate"]
    model = header["keypoint_model"]
    audio = header["audio"]
    shown = header["transition"]
    transition = f"{shown['kind']} over {shown['frames']} frames" if shown else "cut"
    sound = f"Opus, {audio['channels']} channel(s)" if audio else "none"
    sizes = [
        f"  {kind:<9}{facts['payload_bytes'].get(kind, 0):>9} bytes"
        f"{facts['kbit_per_s'].get(kind, 0):>10.3f} kbit/s"
        for kind in ("header", "source", "motion", "audio", "metadata", "index", "end", "framing")
        if kind in facts["payload_bytes"]
    ]
    return [
        f"picture    {header['coded_size']}x{header['coded_size']}, cut at {x},{y} "
        f"({side}x{side}) from {width}x{height}",
        f"frames     {facts['frames']} ({facts['low_confidence_frames']} of low confidence), "
        f"{facts['duration']:.3f} s, {'variable rate' if rate is None else f'{rate:.3f} a second'}",
        f"sources    {len(facts['sources'])}, switched by {transition}",
        f"animator   {_network(header['animator'])}, {model['keypoints']} keypoints",
        f"upscaler   {_network(header['upscaler'])}",
        f"coder      {header['coder']}{', live' if header['live'] else ''}",
        f"audio      {sound}",
        f"size       {facts['bytes']} bytes, {facts['kbit_per_s']['total']:.3f} kbit/s",
        *sizes,
        *(f"{key:<11}{value}" for key, value in facts["metadata"].items()),
    ]


def _table(sources: list[dict[str, Any]]) -> list[str]:
    """One line for each source; a star begins a new crop."""
    lines = ["   id    time s  still             bytes  frames  score"]
    for source in sources:
        still = f"{source['codec']} {source['width']}x{source['height']}"
        score = "-" if source["score"] is None else source["score"]
        lines.append(
            f"{source['id']:>5}{source['time']:>10.3f}{'*' if source['new_shot'] else ' '} "
            f"{still:<16}{source['bytes']:>7}{source['frames']:>8}{score:>7}"
        )
    return lines


def _network(identity: dict[str, str]) -> str:
    digest = identity["sha256"]
    weights = f", weights {digest[:12]}" if digest.strip("0") else ""
    return f"{identity['name']} {identity['version']}{weights}"

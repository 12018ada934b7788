"""``thcodec models``: which networks there are, where their weights lie, and others' brought in."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from thcodec.cli import console
from thcodec.errors import ThvError, WeightsError
from thcodec.models.catalogue import NETWORKS, Network, find_network

Name = Annotated[str, typer.Argument(help="A network's name; see thcodec models list.")]


def show_all() -> int:
    """List every network that this version knows."""
    width = max(len(network.name) for network in NETWORKS)
    for network in NETWORKS:
        typer.echo(
            f"{network.role:<9} {network.name:<{width}} {network.version:<3} "
            f"{_state(network):<13} {network.what}"
        )
    return console.OK


def show(name: Name) -> int:
    """Show all that is known of a network and its weights."""
    network = find_network(name)
    lines = {
        "role": network.role,
        "name": network.name,
        "version": network.version,
        "is": network.what,
        "licence": network.licence,
        "comes from": network.origin,
    }
    path = _find(network)
    if path is not None:
        from thcodec.models.importing import read_notes
        from thcodec.models.registry import sha256_of

        lines |= {"weights": str(path)}
        if path.is_file():
            lines |= {"bytes": str(path.stat().st_size), "sha256": sha256_of(path).hex()}
            notes = read_notes(path)
            lines |= {
                f"file {key}": notes[key] for key in notes if notes[key] not in lines.values()
            }
    elif network.weights:
        lines |= {"weights": "not here"}
    for key, value in lines.items():
        if value:
            typer.echo(console.printable(f"{key:<20}{value}"))
    return console.OK


def path(name: Name) -> int:
    """Print where a network's weights lie."""
    network = find_network(name)
    if not network.weights:
        raise WeightsError(f"{name} has no weights")
    typer.echo(str(_required(network)))
    return console.OK


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Networks; without any, all whose weights are here.")
    ] = None,
) -> int:
    """Read weights as an encoder or decoder would, and tell what is wrong with them."""
    from thcodec.models.registry import load_animator, load_upscaler

    chosen = [find_network(name) for name in names or []]
    chosen = chosen or [network for network in NETWORKS if _find(network) is not None]
    faults = 0
    for network in chosen:
        try:
            load = load_animator if network.role == "animator" else load_upscaler
            digest = load(network.name).identity.sha256
        except ThvError as error:
            faults += 1
            console.say(f"error: {network.name}: {error}")
        else:
            hashed = f" (sha256 {digest.hex()[:16]}...)" if network.weights else ""
            typer.echo(f"{network.name} {network.version}: good{hashed}")
    return console.ERROR if faults else console.OK


def bring(
    source: Annotated[Path, typer.Argument(help="The published torch checkpoint.")],
    folder: Annotated[
        Path | None, typer.Option(help="Where to; $THCODEC_HOME when it is not given.")
    ] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Store float16: half the bytes, other rounding.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> int:
    """Convert a published checkpoint, once, to a file that is found by its network's name."""
    home = os.environ.get("THCODEC_HOME")
    if folder is None and not home:
        raise typer.BadParameter("say where to: --folder FOLDER, or set THCODEC_HOME")
    if not source.is_file():
        raise WeightsError(f"no weights file {source}")
    from thcodec.models.importing import import_weights
    from thcodec.models.registry import sha256_of

    network, target = import_weights(
        source, folder or Path(str(home)), half=half, overwrite=overwrite
    )
    typer.echo(f"{network.name} {network.version}: {target}")
    typer.echo(f"sha256 {sha256_of(target).hex()}")
    console.say(f"note: these weights are under {network.licence}")
    return console.OK


def export(
    folder: Annotated[Path, typer.Argument(help="Where to, e.g. $THCODEC_HOME.")],
    weights: Annotated[Path | None, typer.Option(help="The compact animator's weights.")] = None,
    size: Annotated[int, typer.Option(help="Side of the pictures: 256 or 512.")] = 256,
    runtime: Annotated[str, typer.Option(help="openvino.")] = "openvino",
    half: Annotated[bool, typer.Option("--half", help="Weights as float16.")] = False,
) -> int:
    """Convert the compact animator for another runtime; beside its weights it is found again."""
    if runtime != "openvino":
        raise typer.BadParameter(f"runtime is {runtime!r}, allowed is openvino")
    from thcodec.models.registry import find_weights, sha256_of
    from thcodec.models.runtime import choose_runtime

    choose_runtime(runtime, "cpu")
    from thcodec.models.face_vid2vid.graphs import PARTS
    from thcodec.models.face_vid2vid.openvino_networks import convert_weights, part_of
    from thcodec.models.openvino_files import write

    path = find_weights(str(find_network("compact").file), weights)
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = sha256_of(path)
    for part in PARTS:
        target = part_of(path, sha256, part, size).file(folder)
        write(convert_weights(path, part, size), target, sha256, half=half)
        typer.echo(str(target))
    return console.OK


def quantise(
    data: Annotated[Path, typer.Argument(help="Folder with train256 and val256, or train512.")],
    network: Annotated[str, typer.Option(help="compact or face.")] = "compact",
    folder: Annotated[
        Path | None, typer.Option(help="Where to; beside the weights when it is not given.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="The network's weights.")] = None,
    size: Annotated[int, typer.Option(help="Side of compact's pictures: 256 or 512.")] = 256,
    clips: Annotated[int, typer.Option(help="Of each split.", min=1)] = 24,
    worst: Annotated[
        float, typer.Option(help="Share by which ST-LPIPS may be worse; else nothing is kept.")
    ] = 0.03,
) -> int:
    """Make a network's int8 form from training clips and judge it on validation clips."""
    if network not in ("compact", "face"):
        raise typer.BadParameter(f"network is {network!r}, allowed is compact or face")
    from thcodec.models.runtime import choose_runtime

    choose_runtime("openvino", "cpu")
    from thcodec.models.esrgan.on_openvino import SCALES
    from thcodec.train.quantise import quantise_seeing, quantise_synthesis, quantise_upscaler

    rest: Any = {"clips": clips, "worst": worst, "folder": folder}
    if network == "compact":
        parts = {"synthesise": quantise_synthesis}
        parts |= {part: partial(quantise_seeing, part) for part in ("extract", "field")}
        jobs = {
            f"{p} {size}": partial(q, data, weights, size=size, **rest) for p, q in parts.items()
        }
    else:
        jobs = {f"x{s}": partial(quantise_upscaler, data, weights, scale=s, **rest) for s in SCALES}
    for name, job in jobs.items():
        made, judgement = job()
        for key, value in judgement.as_dict().items():
            typer.echo(f"{key:<14}{value:.4f}")
        if made is None:
            raise ThvError(f"{name}: ST-LPIPS is {judgement.worse:.1%} worse in int8: not written")
        typer.echo(str(made))
    return console.OK


COMMANDS: dict[str, Callable[..., int]] = {
    "list": show_all,
    "show": show,
    "verify": verify,
    "path": path,
    "import": bring,
    "export": export,
    "quantise": quantise,
}


def _find(network: Network) -> Path | None:
    """Where the weights lie, or None when they are not here or there are none."""
    try:
        return _required(network) if network.weights else None
    except WeightsError:
        return None


def _required(network: Network) -> Path:
    """Where the weights lie. Raises WeightsError with what to do."""
    from thcodec.models.registry import find_upscaler, find_weights

    if network.name == "tfhub":  # looking for it would fetch it
        raise WeightsError("tfhub takes its model from --upscaler-weights")
    if network.role == "upscaler":
        return find_upscaler(network.name)
    return find_weights(str(network.file))


def _state(network: Network) -> str:
    if not network.weights:
        return "needs none"
    return "here" if _find(network) is not None else "weights miss"

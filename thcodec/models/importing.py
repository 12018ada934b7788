"""Published checkpoints made into files of our own: read once with care, then plain safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from thcodec.errors import OutputExistsError, WeightsError
from thcodec.models.catalogue import NETWORKS, Network
from thcodec.models.face_vid2vid.published.animator import CONFIGS
from thcodec.models.face_vid2vid.published.network import PublishedNet
from thcodec.models.face_vid2vid.published.weights import (
    State,
    check_state,
    checkpoint_state,
    published_shapes,
)
from thcodec.models.registry import sha256_of

# All of our notes under one key: safetensors writes keys in no fixed order, and equal files must
# have equal hashes wherever they are made.
_NOTES = "thcodec"


def import_weights(
    source: Path, folder: Path, *, half: bool = False, overwrite: bool = False
) -> tuple[Network, Path]:
    """Write the network that ``source`` holds to ``folder`` under the name it is looked for.

    half: matrices as float16; norms and biases keep their precision. The file says which network it
    is, under which licence, and the name and SHA-256 of what it was made of; the same source gives
    the same bytes anywhere. Raises WeightsError when the file cannot be read or is of no network
    that can be imported, OutputExistsError.
    """
    state = checkpoint_state(source)
    network = _recognise(state, source)
    target = folder / str(network.file)
    if target.exists() and not overwrite:
        raise OutputExistsError(f"{target} exists; give --overwrite to replace it")
    notes = {
        "network": network.name,
        "version": network.version,
        "licence": network.licence,
        "origin": source.name,
        "origin_sha256": sha256_of(source).hex(),
        "precision": "float16" if half else "float32",
    }
    folder.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    try:
        save_file(_stored(state, half), partial, {_NOTES: json.dumps(notes)})
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return network, target


def read_notes(path: Path) -> dict[str, str]:
    """What ``import_weights``, or the training of our own networks, wrote about a file; empty when
    it says nothing. Raises WeightsError for a damaged file.
    """
    if path.suffix != ".safetensors":
        return {}
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        notes: Any = json.loads(metadata.get(_NOTES, "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read as weights: {error}") from error
    own = notes if isinstance(notes, dict) else {}
    return {str(key): str(value) for key, value in (own or metadata).items()}


def _recognise(state: State, source: Path) -> Network:
    """Which network's tensors these are; the faults told are those of the nearest one."""
    faults = []
    for network in NETWORKS:
        if not network.imported:
            continue
        with torch.device("meta"):
            shapes = published_shapes(PublishedNet(CONFIGS[network.name]))
        try:
            check_state(state, shapes, source)
        except WeightsError as error:
            missed = len(shapes.keys() ^ state.keys())
            faults.append((missed, f"{error.message} (compared with {network.name})"))
        else:
            return network
    raise WeightsError(min(faults)[1])


def _stored(state: State, half: bool) -> State:
    return {
        key: (tensor.half() if half and tensor.ndim > 1 else tensor).contiguous().clone()
        for key, tensor in state.items()
    }

"""Checkpoints that others made: dictionaries and tensors, read without running anything."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from thcodec.errors import WeightsError

# What torch's reader ends in when a file is damaged, found by flipping bytes.
_DAMAGED = (
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    UnpicklingError,
    ValueError,
    struct.error,
)
MAX_BYTES = 4 << 30
_PARALLEL = "module."  # what torch's DataParallel puts before every name


def read_checkpoint(path: Path) -> Any:
    """What a ``.safetensors`` file or a torch file (zip or the older kind) holds.

    Torch files are read by torch's own reader for weights, which knows tensors, containers and
    numbers and refuses all else. Raises WeightsError when the file is damaged, too large, holds
    anything that would have to be executed, or claims more memory than it has bytes.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise WeightsError(f"{path} is larger than {MAX_BYTES >> 30} GiB")
        if path.suffix == ".safetensors":
            return load_file(path)
        _refuse_compressed(path)
        tree = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGED as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path} cannot be read as weights: {reason}") from error
    size = path.stat().st_size
    for tensor in _tensors(tree):
        plain = tensor.layout is torch.strided and not tensor.is_quantized
        if not plain or tensor.is_meta or tensor.numel() * tensor.element_size() > size:
            raise WeightsError(f"{path} cannot be read as weights: a tensor without its numbers")
    return tree


def state_dict(tree: Any, *names: str) -> dict[str, torch.Tensor] | None:
    """The first dictionary of tensors in a checkpoint that stands under one of ``names``, in their
    order, or is the tree itself; without what is no tensor, floating point numbers as float32.

    None when there is no such dictionary.
    """
    if not isinstance(tree, dict):
        return None
    places = [tree[name] for name in names if isinstance(tree.get(name), dict)]
    for place in [*places, tree]:
        state = {
            str(key).removeprefix(_PARALLEL): value.float() if value.is_floating_point() else value
            for key, value in place.items()
            if isinstance(value, torch.Tensor)
        }
        if state:
            return state
    return None


def _refuse_compressed(path: Path) -> None:
    """Torch stores its tensors as they are; a compressed file could unfold to any size."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(item.compress_type != zipfile.ZIP_STORED for item in archive.infolist()):
                raise ValueError("a compressed archive, which torch does not write")


def _tensors(tree: Any) -> Iterator[torch.Tensor]:
    """All tensors; the reader makes no other containers than these, and none that hold themselves
    more deeply than its own recursion allows.
    """
    waiting, seen = [tree], set[int]()
    while waiting:
        item = waiting.pop()
        if isinstance(item, torch.Tensor):
            yield item
        elif isinstance(item, dict | list | tuple | set) and id(item) not in seen:
            seen.add(id(item))
            waiting += item.values() if isinstance(item, dict) else item

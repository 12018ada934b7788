"""Read and write weights without ever unpickling."""

from __future__ import annotations

import struct
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

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


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a ``.safetensors`` file, or of a torch file that holds nothing but tensors, as
    float32.

    Raises WeightsError when the file is damaged or holds anything that would have to be executed.
    """
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGED as error:
        raise WeightsError(
            f"{path} cannot be read as weights: {' '.join(str(error).split())[:200]}"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(value, torch.Tensor) for value in state.values()
    ):
        raise WeightsError(f"{path} is not a plain dictionary of tensors")
    return {
        key: value.float() if value.is_floating_point() else value for key, value in state.items()
    }


def write_weights(state: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write tensors as safetensors, floating point ones as float16.

    The file gets its name when it is complete.
    """
    half = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in state.items()
    }
    partial = path.with_name(f".{path.name}.part")
    save_file(half, partial, metadata)
    partial.replace(path)

"""Read and write weights of our own networks: plain dictionaries of tensors."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from thcodec.errors import WeightsError
from thcodec.models.checkpoint_file import read_checkpoint


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a ``.safetensors`` file, or of a torch file that holds nothing but tensors, as
    float32.

    Raises WeightsError when the file is damaged or holds anything that would have to be executed.
    """
    state = read_checkpoint(path)
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

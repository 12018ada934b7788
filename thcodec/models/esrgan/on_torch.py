"""Upscaling networks on torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from thcodec.bitstream.header import ModelIdentity
from thcodec.errors import ThvError, WeightsError
from thcodec.models.esrgan import layouts, ncnn
from thcodec.models.esrgan.compact import CompactNet
from thcodec.models.esrgan.upscaler import NetworkUpscaler


class OnTorch:
    """A network as NetworkUpscaler calls it."""

    def __init__(self, net: nn.Module, device: str | torch.device = "cpu") -> None:
        self._net, self._device = net.to(device), torch.device(device)

    @torch.inference_mode()
    def __call__(self, still: np.ndarray, scale: int) -> np.ndarray:
        x = torch.from_numpy(still).to(self._device).contiguous(memory_format=torch.channels_last)
        large: np.ndarray = self._net(x, scale).float().cpu().numpy()
        return large


def load_on_torch(path: Path, identity: ModelIdentity, device: str) -> NetworkUpscaler:
    """Build the network of a weights file.

    Raises WeightsError when it is none, ThvError for a device that is not there.
    """
    if path.suffix == ".bin":
        net: layouts.Network = ncnn.load_realesrgan(path)
    else:
        net = layouts.load_network(path)
    if identity.name == "face" and not isinstance(net, CompactNet):
        raise WeightsError(f"{path} is no face upscaler but another network: name it esrgan")
    try:
        return NetworkUpscaler(OnTorch(net, device), net.scales, identity)
    except (RuntimeError, AssertionError) as error:  # both are torch's ways to refuse a device
        reason = str(error).splitlines()[0][:200]
        raise ThvError(f"device {device!r} cannot be used: {reason}") from None

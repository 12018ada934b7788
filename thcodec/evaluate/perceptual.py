"""ST-LPIPS (shift-tolerant LPIPS, AlexNet) from the weights inside ``stlpips-pytorch==0.0.2``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch

_BATCH = 2  # more at a time are slower: their features leave the cache
# The package imports these for architectures whose weights it carries itself.
_UNNEEDED = ("torchvision", "torchvision.models", "torchsummary", "IPython")

Distance = Callable[[list[np.ndarray], list[np.ndarray]], list[float]]


def load_stlpips() -> Distance | None:
    """The distance of two lists of pictures, uint8 (H, W, 3); None when it is not installed."""
    if find_spec("stlpips_pytorch") is None:
        return None
    network = _network()

    def distance(one: list[np.ndarray], other: list[np.ndarray]) -> list[float]:
        values: list[float] = []
        with torch.inference_mode():
            for start in range(0, len(one), _BATCH):
                stop = start + _BATCH
                result = network(_tensor(one[start:stop]), _tensor(other[start:stop]))
                values += result.flatten().tolist()
        return values

    return distance


def _network() -> Any:
    missing = [name for name in _UNNEEDED if name not in sys.modules]
    for name in missing:
        sys.modules[name] = ModuleType(name)
    stubs: Any = sys.modules
    stubs["torchvision"].models = stubs["torchvision.models"]
    stubs["torchsummary"].summary = stubs["IPython"].embed = None
    try:
        from stlpips_pytorch import stlpips

        network = stlpips.LPIPS(
            net="alex", variant="shift_tolerant", version="ST0.0", verbose=False
        )
    finally:
        for name in missing:
            del sys.modules[name]
    return network.eval()


def _tensor(pictures: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1

"""ST-LPIPS (shift-tolerant LPIPS, AlexNet) from the weights inside ``stlpips-pytorch==0.0.2``."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch

_KEPT = 40  # pictures whose features are kept, 11 MB each at 256x256
# The package imports these for architectures whose weights it carries itself.
_UNNEEDED = ("torchvision", "torchvision.models", "torchsummary", "IPython")

Distance = Callable[[list[np.ndarray], list[np.ndarray]], list[float]]


def load_stlpips() -> Distance | None:
    """The distance of two lists of pictures, uint8 (H, W, 3); None when it is not installed.

    The network looks once at pictures that come first in several comparisons, such as originals.
    """
    if find_spec("stlpips_pytorch") is None:
        return None
    features = _Features(_network())

    def distance(one: list[np.ndarray], other: list[np.ndarray]) -> list[float]:
        with torch.inference_mode():
            return [features.distance(*pair) for pair in zip(one, other, strict=True)]

    return distance


class _Features:
    """What the network sees in pictures, and how far two of them are apart."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self._kept: OrderedDict[int, list[torch.Tensor]] = OrderedDict()
        self._last: tuple[int, list[torch.Tensor]] = (-1, [])

    def distance(self, one: np.ndarray, other: np.ndarray) -> float:
        """As ``stlpips.LPIPS.forward``, on features that may have been made before."""
        key, first = self._of(one)
        self._kept[key] = first
        self._kept.move_to_end(key)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        self._last = self._of(other)
        layers = zip(first, self._last[1], self._network.lins, strict=True)
        return float(sum(head((a - b) ** 2).mean() for a, b, head in layers))

    def _of(self, picture: np.ndarray) -> tuple[int, list[torch.Tensor]]:
        key = hash((picture.shape, picture.tobytes()))
        if key in self._kept:
            return key, self._kept[key]
        if key == self._last[0]:
            return self._last
        tensor = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
        return key, [_normalised(layer) for layer in self._network.net(tensor)]


def _normalised(features: torch.Tensor) -> torch.Tensor:
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


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

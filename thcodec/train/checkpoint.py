"""Checkpoints of a training run, and the moving average of the weights that is shipped."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any, Generic

import torch
from torch import nn

from thcodec.models.face_vid2vid.blocks import Net


class Average(Generic[Net]):
    """Exponential moving average of a net's weights; buffers are copied."""

    def __init__(self, net: Net, decay: float) -> None:
        self.net = copy.deepcopy(net).requires_grad_(False)
        self._decay = decay
        self._updates = 0

    def restore(self, state: dict[str, torch.Tensor], updates: int) -> None:
        """Go on with the average that ``updates`` steps have made."""
        self.net.load_state_dict(state)
        self._updates = updates

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        self._updates += 1
        decay = min(self._decay, self._updates / (self._updates + 10))
        for parameter, new in zip(self.net.parameters(), net.parameters(), strict=True):
            parameter.lerp_(new, 1 - decay)
        for buffer, fresh in zip(self.net.buffers(), net.buffers(), strict=True):
            buffer.copy_(fresh)


def save_checkpoint(
    path: Path,
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: Average[Any],
    step: int,
    seconds: float,
    settings: dict[str, Any],
) -> None:
    """Write everything that a run needs to go on, under a temporary name first."""
    state = {
        "net": net.state_dict(),
        "average": average.net.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "seconds": seconds,
        "settings": settings,
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def load_checkpoint(
    path: Path, net: nn.Module, optimiser: torch.optim.Optimizer, average: Average[Any]
) -> tuple[int, float]:
    """Restore a run if ``path`` exists. Returns the steps and seconds it has had."""
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, weights_only=True, map_location="cpu")
    net.load_state_dict(state["net"])
    average.restore(state["average"], int(state["step"]))
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"]), float(state["seconds"])

"""Perceptual loss on the early layers of VGG16 (the weights inside ``stlpips-pytorch``; scored nets
are others).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from thcodec.errors import WeightsError

LAYERS = ((64, 64), (128, 128), (256, 256, 256))  # up to relu3_3


class PerceptualLoss(nn.Module):
    """Mean absolute difference of features after each of three stages, each relative to the
    target's size.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        stages: list[list[nn.Conv2d]] = []
        inputs = 3
        for widths in LAYERS:
            stage = []
            for width in widths:
                stage.append(nn.Conv2d(inputs, width, 3, padding=1))
                inputs = width
            stages.append(stage)
        self.stages = stages
        self.convolutions = nn.ModuleList(conv for stage in stages for conv in stage)
        self._load()
        self.requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def forward(self, picture: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Pictures (N, 3, H, W) in [0, 1] -> scalar."""
        with torch.no_grad():
            goals = self._features(target)
        losses = [
            (a - b).abs().mean() / b.abs().mean()
            for a, b in zip(self._features(picture), goals, strict=True)
        ]
        return torch.stack(losses).mean()

    def _features(self, x: torch.Tensor) -> list[torch.Tensor]:
        x, features = (x - self.mean) / self.std, []
        for index, stage in enumerate(self.stages):
            if index:
                x = functional.avg_pool2d(x, 2)
            for conv in stage:
                x = functional.relu(conv(x))
            features.append(x)
        return features

    def _load(self) -> None:
        spec = importlib.util.find_spec("stlpips_pytorch")
        if spec is None or spec.origin is None:
            raise WeightsError(
                "the perceptual loss needs: pip install --no-deps stlpips-pytorch==0.0.2"
            )
        path = Path(spec.origin).parent / "weights" / "vST0.0" / "vgg_shift_tolerant.pth"
        state = torch.load(path, weights_only=True, map_location="cpu")
        names = [
            name.removesuffix(".weight")
            for name in state
            if name.startswith("net.") and name.endswith(".weight")
        ]
        for conv, name in zip(self.convolutions, names, strict=False):
            conv.load_state_dict({"weight": state[f"{name}.weight"], "bias": state[f"{name}.bias"]})

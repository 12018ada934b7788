"""The perceptual loss on layers of VGG16 (weights: ``stlpips-pytorch``; scores use AlexNet)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from thcodec.errors import WeightsError

LAYERS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512))  # up to relu4_3


class VggFeatures(nn.Module):
    """Pictures (N, 3, H, W) in [0, 1] -> features after each of the first ``stages``; ``state`` is
    what ``_weights`` reads.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, state: dict[str, torch.Tensor], stages: int) -> None:
        super().__init__()
        self.stages: list[list[nn.Conv2d]] = []
        inputs = 3
        for widths in LAYERS[:stages]:
            stage = []
            for width in widths:
                stage.append(nn.Conv2d(inputs, width, 3, padding=1))
                inputs = width
            self.stages.append(stage)
        self.convolutions = nn.ModuleList(conv for stage in self.stages for conv in stage)
        names = [
            name.removesuffix(".weight")
            for name in state
            if name.startswith("net.") and name.endswith(".weight")
        ]
        for conv, name in zip(self.convolutions, names, strict=False):
            conv.load_state_dict({"weight": state[f"{name}.weight"], "bias": state[f"{name}.bias"]})
        self.requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x, features = (x - self.mean) / self.std, []
        for index, stage in enumerate(self.stages):
            if index:
                x = functional.avg_pool2d(x, 2)
            for conv in stage:
                x = functional.relu(conv(x))
            features.append(x)
        return features


class LearnedPerceptualLoss(nn.Module):
    """LPIPS' form (Zhang et al. 2018) after each of four stages: squared difference of features of
    length 1, channels weighted as people judged them.
    """

    def __init__(self) -> None:
        super().__init__()
        state = _weights()
        self.features = VggFeatures(state, len(LAYERS))
        for stage in range(len(LAYERS)):
            self.register_buffer(f"head{stage}", state[f"lin{stage}.model.1.weight"])

    def forward(self, picture: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Pictures (N, 3, H, W) in [0, 1] -> scalar."""
        with torch.no_grad():
            goals = self.features(target)
        losses = []
        for stage, (a, b) in enumerate(zip(self.features(picture), goals, strict=True)):
            apart = (_of_length_1(a.float()) - _of_length_1(b.float())).square()
            losses.append(functional.conv2d(apart, self.get_buffer(f"head{stage}")).mean())
        return torch.stack(losses).sum()


def _of_length_1(features: torch.Tensor) -> torch.Tensor:
    return features / (features.square().sum(1, keepdim=True) + 1e-8).sqrt()


def _weights() -> dict[str, torch.Tensor]:
    spec = importlib.util.find_spec("stlpips_pytorch")
    if spec is None or spec.origin is None:
        raise WeightsError(
            "the perceptual loss needs: pip install --no-deps stlpips-pytorch==0.0.2"
        )
    path = Path(spec.origin).parent / "weights" / "vST0.0" / "vgg_shift_tolerant.pth"
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True, map_location="cpu")
    return state

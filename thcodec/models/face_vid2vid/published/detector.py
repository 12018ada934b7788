"""Canonical keypoints of a person from one picture (paper: section 3.1, canonical 3D keypoints)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import DownBlock, UpBlock
from thcodec.models.face_vid2vid.published.config import PublishedConfig

TEMPERATURE = 0.1  # of the softmax over each keypoint's map


class AntiAlias(nn.Module):
    """Takes every ``shrink``-th sample of a picture behind a Gaussian; zeros beyond the border."""

    weight: torch.Tensor  # (3, 1, k, k)

    def __init__(self, shrink: int) -> None:
        super().__init__()
        self.shrink = shrink
        self.register_buffer("weight", gaussian(shrink).expand(3, 1, -1, -1).clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        edge = self.weight.shape[-1] // 2
        return functional.conv2d(x, self.weight, stride=self.shrink, padding=edge, groups=3)


def gaussian(shrink: int) -> torch.Tensor:
    """(k, k) kernel of sum 1, with what a picture shrunk so much cannot show left out."""
    sigma = (shrink - 1) / 2
    reach = round(4 * sigma)
    line = torch.exp(torch.arange(-reach, reach + 1).float() ** 2 / (-2 * sigma**2))
    kernel = line[:, None] * line
    return kernel / kernel.sum()


class Predictor(nn.Module):
    """Pictures (N, 3, s, s) -> features (N, C, D, s, s): an hourglass without skips that turns
    from two into three dimensions at its narrowest place.
    """

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        widths = config.detector_widths
        self.shape = (widths[-1], config.depth)
        self.down = nn.Sequential(*(DownBlock(a, b, bias=True) for a, b in pairwise((3, *widths))))
        self.conv = nn.Conv2d(widths[-1], widths[-1] * config.depth, 1)
        back = (*reversed(widths), self.outputs(config))
        self.up = nn.Sequential(*(UpBlock(a, b, dim=3, bias=True) for a, b in pairwise(back)))

    @staticmethod
    def outputs(config: PublishedConfig) -> int:
        """Channels of the result."""
        return config.detector_widths[0] // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.up(self.conv(self.down(x)).unflatten(1, self.shape))
        return features


class CanonicalDetector(nn.Module):
    """Pictures (N, 3, S, S) in [0, 1] -> canonical keypoints (N, K, 3) in [-1, 1]."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        self.down = AntiAlias(config.shrink) if config.shrink > 1 else None
        self.predictor = Predictor(config)
        self.kp = nn.Conv3d(Predictor.outputs(config), config.keypoints, 3, padding=1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        if self.down is not None:
            pictures = self.down(pictures)
        maps = self.kp(self.predictor(pictures))
        weights = (maps.flatten(2) / TEMPERATURE).softmax(-1).unflatten(2, maps.shape[2:])
        sums = weights.sum((2, 3)), weights.sum((2, 4)), weights.sum((3, 4))
        axes = (torch.linspace(-1, 1, each.shape[-1], device=maps.device) for each in sums)
        return torch.stack([each @ axis for each, axis in zip(sums, axes, strict=True)], -1)

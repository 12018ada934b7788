"""Head pose, translation and expression deformation from one picture (paper: section 3.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import ConvBlock
from thcodec.models.face_vid2vid.published.config import PublishedConfig

BIN_DEGREES, FIRST_BIN = 3.0, -99.0
# The published code takes 3.14 for pi: its degree is a little less than one.
DEGREE = 3.14 / math.pi


@dataclass
class HeadPose:
    """yaw, pitch, roll: (N,) in the network's degrees; translation (N, 3) and expression (N, K, 3)
    in units of half the picture's side.
    """

    yaw: torch.Tensor
    pitch: torch.Tensor
    roll: torch.Tensor
    translation: torch.Tensor
    expression: torch.Tensor

    def true_degrees(self) -> torch.Tensor:
        """(N, 3) yaw, pitch, roll in degrees, of which 180 are pi."""
        return torch.stack([self.yaw, self.pitch, self.roll], 1) * DEGREE


class Bottleneck(nn.Module):
    """Residual block (He 2016): 1x1 to a quarter of the channels, 3x3, 1x1 back; with a stride the
    input passes through a convolution of its own.
    """

    FOLDS = (("conv1", "norm1"), ("conv2", "norm2"), ("conv3", "norm3"), ("skip", "norm4"))

    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__()
        inner = channels // 4
        self.conv1, self.norm1 = nn.Conv2d(channels, inner, 1), nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv3, self.norm3 = nn.Conv2d(inner, channels, 1), nn.BatchNorm2d(channels)
        self.skip = nn.Conv2d(channels, channels, 1, stride) if stride > 1 else None
        self.norm4 = nn.BatchNorm2d(channels) if stride > 1 else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.norm1(self.conv1(x)))
        y = functional.relu(self.norm2(self.conv2(y)))
        y = self.norm3(self.conv3(y))
        if self.skip is not None and self.norm4 is not None:
            x = self.norm4(self.skip(x))
        return functional.relu(x + y)


class HeadEstimator(nn.Module):
    """Pictures (N, 3, S, S) in [0, 1] -> HeadPose.

    In the published weights the head called fc_roll gives the yaw and fc_yaw the roll; here names
    say what they give.
    """

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        widths = config.pose_widths
        self.stem = ConvBlock(3, config.pose_stem, kernel=7, stride=2, bias=True)
        self.widen = nn.ModuleList(
            ConvBlock(a, b, kernel=1, bias=True) for a, b in pairwise((config.pose_stem, *widths))
        )
        self.halve = nn.ModuleList(Bottleneck(width, 2) for width in widths[1:])
        self.stages = nn.ModuleList(
            nn.Sequential(*(Bottleneck(width) for _ in range(count)))
            for width, count in zip(widths, config.pose_blocks, strict=True)
        )
        self.yaw, self.pitch, self.roll = (nn.Linear(widths[-1], config.bins) for _ in range(3))
        self.translation = nn.Linear(widths[-1], 3)
        self.expression = nn.Linear(widths[-1], 3 * config.keypoints)

    def forward(self, pictures: torch.Tensor) -> HeadPose:
        x = functional.max_pool2d(self.stem(pictures), 3, 2, 1)
        for number, (widen, stage) in enumerate(zip(self.widen, self.stages, strict=True)):
            x = widen(x)
            if number:
                x = self.halve[number - 1](x)
            x = stage(x)
        x = x.mean((2, 3))
        return HeadPose(
            _degrees(self.yaw(x)),
            _degrees(self.pitch(x)),
            _degrees(self.roll(x)),
            self.translation(x),
            self.expression(x).unflatten(1, (-1, 3)),
        )


def _degrees(logits: torch.Tensor) -> torch.Tensor:
    bins = torch.arange(logits.shape[1], device=logits.device, dtype=logits.dtype)
    return BIN_DEGREES * (logits.softmax(1) @ bins) + FIRST_BIN

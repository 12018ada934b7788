"""Appearance volume of a source and the generator that paints driving frames from it (paper:
section 3.1 and 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from thcodec.models.face_vid2vid.blocks import ConvBlock, DownBlock, ResBlock, UpBlock
from thcodec.models.face_vid2vid.published.config import PublishedConfig
from thcodec.models.face_vid2vid.published.motion import DenseMotion, Field, sample_volume
from thcodec.models.face_vid2vid.published.spade import SpadeDecoder


@dataclass
class Volumes:
    """What is computed once per source: appearance (1, C, D, h, w) and what the motion field
    estimator sees of it (1, c, D, h, w).
    """

    appearance: torch.Tensor
    compressed: torch.Tensor


class SourceBranch(nn.Module):
    """Pictures (N, 3, S, S) in [0, 1] -> appearance volumes (N, C, D, S/4, S/4)."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        first, second, third = config.widths
        self.shape = (config.volume_channels, config.depth)
        self.first = ConvBlock(3, first, kernel=config.first_kernel, bias=True)
        self.down = nn.Sequential(
            DownBlock(first, second, bias=True), DownBlock(second, third, bias=True)
        )
        self.second = nn.Conv2d(third, config.volume_channels * config.depth, 1)
        self.volume = nn.Sequential(
            *(ResBlock(config.volume_channels, dim=3, bias=True) for _ in range(config.residual))
        )

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        flat = self.second(self.down(self.first(pictures)))
        volume: torch.Tensor = self.volume(flat.unflatten(1, self.shape))
        return volume


class PlainDecoder(nn.Module):
    """Features (N, C, h, w) -> picture (N, 3, 4h, 4w) in 0..1: the decoder of vox-256-beta."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        thin, middle, wide = config.widths
        self.residual = nn.Sequential(*(ResBlock(wide, bias=True) for _ in range(config.residual)))
        self.up = nn.Sequential(UpBlock(wide, middle, bias=True), UpBlock(middle, thin, bias=True))
        self.final = nn.Conv2d(thin, 3, 7, padding=3)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.final(self.up(self.residual(features))))


class Generator(nn.Module):
    """A source's volumes and two sets of keypoints -> a driving frame."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        flat, wide = config.volume_channels * config.depth, config.widths[-1]
        self.source = SourceBranch(config)
        self.motion = DenseMotion(config)
        self.third = ConvBlock(flat, wide, bias=True, slope=0.01)
        self.fourth = nn.Conv2d(wide, wide, 1)
        self.decoder: nn.Module
        if config.spade is None:
            self.decoder = PlainDecoder(config)
        else:
            self.decoder = SpadeDecoder(config, config.spade)

    def prepare(self, pictures: torch.Tensor) -> Volumes:
        """What of sources (N, 3, S, S) in [0, 1] does not depend on the driving frame."""
        appearance = self.source(pictures)
        return Volumes(appearance, self.motion.compress(appearance))

    def forward(
        self,
        volumes: Volumes,
        source: torch.Tensor,
        driving: torch.Tensor,
        jacobian: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, Field]:
        """source, driving: keypoints (N, K, 3); jacobian: J_s J_d^-1 (N, 3, 3) or None. Returns
        pictures (N, 3, S, S) in 0..1 and the field they were painted from.
        """
        field = self.motion(volumes.compressed, source, driving, jacobian)
        moved = sample_volume(volumes.appearance, field.flow).flatten(1, 2)
        features = self.fourth(self.third(moved)).mul_(field.occlusion)
        return self.decoder(features), field

"""Appearance volume of a source and the generator that paints a driving frame from it (paper:
section 3.1 and 3.3).

Source features are warped at several scales and the source's own pixels at full size, so that what
the source shows stays sharp; the generator repairs, and paints what the source hides.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import ConvBlock, DownBlock, ResBlock, UpBlock, zero_head
from thcodec.models.face_vid2vid.config import FaceVid2VidConfig
from thcodec.models.face_vid2vid.dense_motion import MotionField, warp_picture, warp_volume
from thcodec.models.face_vid2vid.geometry import heat_maps

MARK_VARIANCE = 0.002  # narrow heat maps: they tell the generator how far lids and lips are open

# Binomial taps that repairs are smoothed with: the pixel shuffle leaves a grid of single samples in
# them, and what is sharp in the picture comes from the source anyway (benchmarks/paint.py).
SMOOTHING = (1, 8, 28, 56, 70, 56, 28, 8, 1)


@dataclass
class Appearance:
    """What is computed once per source: the picture (N, 3, S, S), features (N, C, S/2, S/2) and the
    appearance volume (N, V, D, S/4, S/4)."""

    picture: torch.Tensor
    features: torch.Tensor
    volume: torch.Tensor

    def expand(self, count: int) -> Appearance:
        """One source for ``count`` driving frames, without a copy."""
        return Appearance(
            *(
                part.expand(count, *part.shape[1:])
                for part in (self.picture, self.features, self.volume)
            )
        )


class AppearanceEncoder(nn.Module):
    """Picture (N, 3, S, S) in [0, 1] -> Appearance."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        wide = config.volume_channels * config.depth
        self.shape = (config.volume_channels, config.depth)
        self.entry = nn.Sequential(
            ConvBlock(12, config.picture_channels), ResBlock(config.picture_channels)
        )
        self.down = DownBlock(config.picture_channels, wide)
        self.body = nn.Sequential(ResBlock(wide), ResBlock(wide), nn.Conv2d(wide, wide, 1))

    def forward(self, picture: torch.Tensor) -> Appearance:
        features = self.entry(functional.pixel_unshuffle(picture, 2))
        return Appearance(
            picture, features, self.body(self.down(features)).unflatten(1, self.shape)
        )


class Generator(nn.Module):
    """Appearance, motion field and driving keypoints -> picture (N, 3, S, S), about 0..1."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        self.extent = config.depth_extent
        wide, thin, deep = (
            config.volume_channels * config.depth,
            config.picture_channels,
            config.bottleneck_channels,
        )
        self.third = ConvBlock(wide + config.keypoints + 3, wide)
        self.down = DownBlock(wide, deep)
        self.bottleneck = nn.Sequential(*(ResBlock(deep) for _ in range(config.bottleneck_blocks)))
        self.up4 = UpBlock(deep, wide)
        self.fuse4 = nn.Sequential(ConvBlock(2 * wide, wide), ResBlock(wide))
        self.up2 = UpBlock(wide, thin)
        self.fuse2 = nn.Sequential(ConvBlock(2 * thin + 12, thin), ResBlock(thin))
        self.head = zero_head(thin, 16)

    def forward(
        self, source: Appearance, field: MotionField, driving: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """driving: keypoints (N, K, 3). Returns the picture and the source's pixels as the field
        moved them.
        """
        volume = warp_volume(source.volume, field, self.extent).flatten(1, 2)
        size = volume.shape[-1]
        scene = torch.cat([field.occlusion, field.picture.permute(0, 3, 1, 2)], 1)
        if scene.shape[-1] != size:
            scene = functional.interpolate(
                scene, size=(size, size), mode="bilinear", align_corners=True
            )
        x = self.third(
            torch.cat([volume * scene[:, :1], scene, heat_maps(driving, size, MARK_VARIANCE)], 1)
        )
        y = self.up4(self.bottleneck(self.down(x)))
        x = self.fuse4(torch.cat([x, y], 1))
        # Bilinear samples would soften what the source shows: +0.13 dB, 3 % worse in ST-LPIPS.
        moved = warp_picture(source.picture, field, "bicubic")
        features = torch.cat(
            [
                self.up2(x),
                warp_picture(source.features, field),
                functional.pixel_unshuffle(moved, 2),
            ],
            1,
        )
        out = functional.pixel_shuffle(self.head(self.fuse2(features)), 2)
        kept = torch.sigmoid(out[:, 3:] + 4.0)  # starts as the moved source, nothing painted
        repair = (kept - 1) * moved + out[:, :3]
        return moved + smoothed(repair), moved


def smoothed(repair: torch.Tensor) -> torch.Tensor:
    """What the generator changes (N, 3, S, S), without its finest detail."""
    taps = repair.new_tensor(SMOOTHING) / sum(SMOOTHING)
    reach = len(SMOOTHING) // 2
    repair = functional.pad(repair, (reach,) * 4, mode="replicate")
    repair = functional.conv2d(repair, taps.view(1, 1, 1, -1).expand(3, 1, 1, -1), groups=3)
    return functional.conv2d(repair, taps.view(1, 1, -1, 1).expand(3, 1, -1, 1), groups=3)

"""Appearance volume of a source and the generator that paints a driving frame from it (paper:
section 3.1 and 3.3).

Source features are warped at several scales and the source's own pixels at full size, so that what
the source shows stays sharp; the generator repairs, and paints what the source hides. Two sources
are mixed as features, sample by sample, before anything is painted.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import (
    ConvBlock,
    DownBlock,
    ResBlock,
    UpBlock,
    convolved_apart,
    smoothed,
    zero_head,
)
from thcodec.models.face_vid2vid.config import FaceVid2VidConfig
from thcodec.models.face_vid2vid.dense_motion import MotionField, warp_picture, warp_volume
from thcodec.models.face_vid2vid.geometry import heat_maps, reduced, resized

MARK_VARIANCE = 0.002  # narrow heat maps: they tell the generator where every keypoint is
RIM_VARIANCE = 0.0006  # narrower ones, at half size, of lids, lips and pupils
GAUGE_VARIANCE, GAUGE_GAIN = 0.004, 10.0  # wide ones that say how far eyes and mouth are open

PREFERENCE = 3.0  # log odds that one of two sources can have over the other, whatever it shows
# Binomial taps that repairs are smoothed with: the pixel shuffle leaves a grid of single samples.
SMOOTH = (1, 10, 45, 120, 210, 252, 210, 120, 45, 10, 1)
# Repairs are drawn in by so much, and smaller ones left out: a loss that is a mean makes the
# generator soften what was moved well (model card: what was tried). Not trained with it before a
# settled stage: a generator that paints nothing yet would never begin to.
QUIET = 0.03


@dataclass
class Appearance:
    """What is computed once per source: the picture (N, 3, S, S), the same at the motion field's
    size (N, 3, h, w), features (N, C, S/2, S/2) and the appearance volume (N, V, D, S/4, S/4)."""

    picture: torch.Tensor
    small: torch.Tensor
    features: torch.Tensor
    volume: torch.Tensor


class AppearanceEncoder(nn.Module):
    """Picture (N, 3, S, S) in [0, 1] -> Appearance."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        wide = config.volume_channels * config.depth
        self.shape = (config.volume_channels, config.depth)
        self.motion_size = config.motion_size
        self.entry = nn.Sequential(
            ConvBlock(12, config.picture_channels), ResBlock(config.picture_channels)
        )
        self.down = DownBlock(config.picture_channels, wide)
        self.body = nn.Sequential(ResBlock(wide), ResBlock(wide), nn.Conv2d(wide, wide, 1))

    def forward(self, picture: torch.Tensor) -> Appearance:
        features = self.entry(functional.pixel_unshuffle(picture, 2))
        volume = self.body(self.down(features)).unflatten(1, self.shape)
        return Appearance(picture, reduced(picture, self.motion_size), features, volume)


@dataclass
class Moved:
    """A source as a motion field moved it: the picture (N, 3, S, S), features (N, C, S/2, S/2), the
    volume's planes (N, V D, S/4, S/4) as far as they are seen, scene (N, 3, S/4, S/4) which is
    occlusion and field, and trust (N, 1, h, w) of the field.
    """

    picture: torch.Tensor
    features: torch.Tensor
    planes: torch.Tensor
    scene: torch.Tensor
    trust: torch.Tensor


def move(source: Appearance, field: MotionField, extent: float) -> Moved:
    """Take a source's pixels, features and volume to where the driving frame has them."""
    planes = warp_volume(source.volume, field, extent).flatten(1, 2)
    scene = torch.cat([field.occlusion, field.picture.permute(0, 3, 1, 2)], 1)
    scene = resized(scene, planes.shape[-1])
    # Bilinear samples would soften what the source shows: +0.13 dB, 3 % worse in ST-LPIPS.
    picture = warp_picture(source.picture, field, "bicubic")
    features = warp_picture(source.features, field)
    return Moved(picture, features, planes * scene[:, :1], scene, field.trust)


def mix(first: Moved, second: Moved, weight: torch.Tensor) -> Moved:
    """Both sources as one, where ``weight`` (N,) in 0..1 asks for the second: 0 is the first alone,
    1 the second; in between each gives what it shows better.
    """
    # Bounded, so that a weight that goes from 0 to 1 takes every sample along.
    better = PREFERENCE * torch.tanh((second.trust - first.trust) / PREFERENCE)
    share = torch.sigmoid(better + torch.log(weight / (1 - weight)).view(-1, 1, 1, 1))

    def mixed(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.lerp(a, b, resized(share, a.shape[-1]))

    return Moved(
        mixed(first.picture, second.picture),
        mixed(first.features, second.features),
        mixed(first.planes, second.planes),
        mixed(first.scene, second.scene),
        mixed(first.trust, second.trust),
    )


class Generator(nn.Module):
    """A moved source and driving keypoints -> picture (N, 3, S, S), about 0..1."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        wide, thin = config.volume_channels * config.depth, config.picture_channels
        deep = config.bottleneck_channels
        self.third = ConvBlock(wide + config.keypoints + 3, wide)
        self.down = DownBlock(wide, deep)
        self.bottleneck = nn.Sequential(*(ResBlock(deep) for _ in range(config.bottleneck_blocks)))
        self.up4 = UpBlock(deep, wide)
        self.fuse4 = nn.Sequential(ConvBlock(2 * wide, wide), ResBlock(wide))
        self.up2 = UpBlock(wide, thin)
        self.rims, self.openings = (*config.detail, *config.pupils), config.openings
        marks = len(self.rims) + len(self.openings)
        self.fuse2 = nn.Sequential(ConvBlock(2 * thin + 12 + marks, thin), ResBlock(thin))
        self.head = zero_head(thin, 16)

    def forward(self, moved: Moved, driving: torch.Tensor) -> torch.Tensor:
        """driving: keypoints (N, K, 3)."""
        marks = heat_maps(driving, moved.planes.shape[-1], MARK_VARIANCE)
        x = self.third(torch.cat([moved.planes, moved.scene, marks], 1))
        y = self.up4(self.bottleneck(self.down(x)))
        x = self.fuse4(torch.cat([x, y], 1))
        pixels = functional.pixel_unshuffle(moved.picture, 2)
        rims = self._rims(driving, pixels.shape[-1])
        parts = self.up2(x), moved.features, torch.cat([pixels, *rims], 1)
        x = self.fuse2[1](self.fuse2[0](*parts))
        heads = convolved_apart(self.head, x, (slice(12), slice(12, None)))
        painted, kept = (functional.pixel_shuffle(each.float(), 2) for each in heads)
        kept = torch.sigmoid(kept + 4.0)  # starts as the moved source, nothing painted
        repair = smoothed((kept - 1) * moved.picture + painted, SMOOTH)
        if self.training:  # what is left out has no gradient
            return moved.picture + repair
        return moved.picture + repair - repair.clamp(-QUIET, QUIET)

    def _rims(self, driving: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Where lids, lips and pupils are, and in eyes and mouth how far these are open: a shut eye
        is two samples of the motion field high, so it must be painted.
        """
        upper, lower = (driving[:, list(points)] for points in zip(*self.openings, strict=True))
        gap = (lower - upper)[..., :2].norm(dim=-1)[:, :, None, None]
        gauges = GAUGE_GAIN * gap * heat_maps((upper + lower) / 2, size, GAUGE_VARIANCE)
        return heat_maps(driving[:, list(self.rims)], size, RIM_VARIANCE), gauges

"""Sizes of the published networks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedConfig:
    """All the figures a published network is built from.

    size: side of the pictures. keypoints: the paper's K. depth, volume_channels: of the appearance
    volume, which is a quarter of the picture wide and high.
    shrink: the picture's side over what the keypoint detector looks at; 1: it sees the picture.
    detector_widths, motion_widths: channels after each down block.
    pose_stem, pose_widths, pose_blocks: channels of the stem, and channels and blocks of each stage
    behind it. bins: of each angle, three degrees wide.
    compressed: channels of the volume that the motion field estimator looks at.
    first_kernel, widths: of the source branch, channels after the first block and each down block.
    residual: blocks on the volume, and in the decoder.
    spade: channels of the SPADE decoder's first blocks, None for the plain decoder; hidden: of what
    the SPADE norms look at.
    """

    size: int = 256
    keypoints: int = 15
    depth: int = 16
    volume_channels: int = 32
    shrink: int = 4
    detector_widths: tuple[int, ...] = (64, 128, 256, 512, 1024)
    pose_stem: int = 64
    pose_widths: tuple[int, ...] = (256, 512, 1024, 2048)
    pose_blocks: tuple[int, ...] = (3, 3, 5, 2)
    bins: int = 66
    compressed: int = 4
    motion_widths: tuple[int, ...] = (64, 128, 256, 512, 1024)
    first_kernel: int = 3
    widths: tuple[int, int, int] = (64, 128, 256)
    residual: int = 6
    spade: int | None = 512
    hidden: int = 128

    @property
    def map_size(self) -> int:
        """Height and width of the appearance volume and the motion field."""
        return self.size // 4


VOX_256 = PublishedConfig()
VOX_256_BETA = PublishedConfig(shrink=1, first_kernel=7, spade=None)

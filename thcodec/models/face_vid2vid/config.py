"""Sizes of a face-vid2vid network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FaceVid2VidConfig:
    """All the figures a network is built from; ``compact`` is the network thcodec ships.

    keypoints: number K of canonical keypoints.
    depth, depth_extent: planes of the appearance volume and the |z| of its outer planes.
    detail: keypoints on lids and lips, which move a small region only.
    openings: pairs of an upper and a lower keypoint that part: right eye, left eye, mouth.
    motion_size: height and width of the motion field, whatever the picture's size.
    """

    keypoints: int = 17
    detail: tuple[int, ...] = (0, 1, 2, 3, 6, 7, 8, 9)
    openings: tuple[tuple[int, int], ...] = ((0, 1), (2, 3), (8, 9))
    depth: int = 4
    depth_extent: float = 0.6
    volume_channels: int = 16
    motion_size: int = 64
    motion_widths: tuple[int, ...] = (32, 48, 64, 96)
    picture_channels: int = 32
    bottleneck_channels: int = 96
    bottleneck_blocks: int = 3
    extractor_size: int = 128
    extractor_widths: tuple[int, ...] = (24, 32, 64, 96, 128)


COMPACT = FaceVid2VidConfig()

"""Sizes of a face-vid2vid network."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class FaceVid2VidConfig:
    """All the figures a network is built from; ``compact`` is the network thcodec ships.

    The keypoints, in this order: ``face`` points found over the whole picture, one pupil for each
    of ``eyes``, and ``free`` points of hair, shoulders and background, which do not follow the
    head.

    depth, depth_extent: planes of the appearance volume and the |z| of its outer planes.
    eyes: (upper lid, lower lid) of the eye on the picture's left, then of the other.
    mouth: corners, upper and lower lip; the latter two part.
    width: keypoints whose distance is the face's width.
    anchors: (x, y) of the free points in the source, half the picture's side being 1.
    motion_size: height and width of the motion field, whatever the picture's size.
    """

    face: int = 17
    eyes: tuple[tuple[int, int], ...] = ((0, 1), (2, 3))
    eye_corners: tuple[int, int] = (4, 5)
    mouth: tuple[int, int, int, int] = (6, 7, 8, 9)
    width: tuple[int, int] = (13, 14)
    anchors: tuple[tuple[float, float], ...] = (
        *((x, 0.88) for x in (-0.9, -0.45, 0.0, 0.45, 0.9)),
        *((x, 0.5) for x in (-0.75, 0.75)),
        *((x, -0.05) for x in (-0.8, 0.8)),
        *((x, -0.6) for x in (-0.65, 0.65)),
        (0.0, -0.88),
    )
    depth: int = 2
    depth_extent: float = 0.6
    volume_channels: int = 16
    motion_size: int = 64
    motion_widths: tuple[int, ...] = (16, 32, 48, 64)
    picture_channels: int = 16
    bottleneck_channels: int = 48
    bottleneck_blocks: int = 3
    extractor_size: int = 128
    extractor_widths: tuple[int, ...] = (24, 32, 64, 96, 128)
    close_up_size: int = 48
    close_up_widths: tuple[int, ...] = (24, 48, 64)

    @property
    def pupils(self) -> tuple[int, ...]:
        """Indices of the pupils, one for each of ``eyes``."""
        return tuple(self.face + i for i in range(len(self.eyes)))

    @property
    def seen(self) -> int:
        """Keypoints with a teacher: those of the face and the pupils."""
        return self.face + len(self.eyes)

    @property
    def free(self) -> int:
        """Free keypoints, the last ones."""
        return len(self.anchors)

    @property
    def keypoints(self) -> int:
        """Keypoints in all, the paper's K."""
        return self.seen + self.free

    @property
    def openings(self) -> tuple[tuple[int, int], ...]:
        """Pairs of an upper and a lower keypoint that part: right eye, left eye, mouth."""
        return (*self.eyes, (self.mouth[2], self.mouth[3]))

    @property
    def detail(self) -> tuple[int, ...]:
        """Keypoints on lids and lips, which move a small region only."""
        return (*(lid for eye in self.eyes for lid in eye), *self.mouth)


COMPACT = FaceVid2VidConfig()
# What ``compact`` is cut out of, for training.
WIDE = replace(
    COMPACT,
    volume_channels=32,
    motion_widths=(32, 48, 64, 96),
    picture_channels=32,
    bottleneck_channels=96,
)

"""Whether decoded pictures shimmer while the person is still.

Still are stretches of at least MINIMUM_PAIRS pairs of consecutive original frames between which
the points of the face mesh move by less than STILL pixels of 256 on average; about a third of a
pixel is the mesh's own noise. Both were chosen on val256, on originals only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from thcodec.evaluate.face import FaceTrack

STILL = 0.6
MINIMUM_PAIRS = 5
HEAD_MARGIN = 0.25  # of the face's width and height: beyond it lies the background


@dataclass(frozen=True)
class Shimmer:
    """Mean absolute difference of consecutive frames in a region, in grey levels."""

    original: float
    decoded: float

    @property
    def ratio(self) -> float:
        """How much more the decoded clip changes; 1 where neither does."""
        if self.original == self.decoded:
            return 1.0
        return self.decoded / self.original if self.original else float("inf")


@dataclass(frozen=True)
class ClipShimmer:
    """Still pairs of frames; face and background are None without any, or without background."""

    pairs: int
    face: Shimmer | None
    background: Shimmer | None


def shimmer(
    original: Sequence[np.ndarray], decoded: Sequence[np.ndarray], track: FaceTrack
) -> ClipShimmer:
    """Of a clip's consecutive frames, uint8 (S, S, 3); `track` is the original's."""
    pairs = still_pairs(track.points)
    rows: dict[str, list[tuple[float, float]]] = {"face": [], "background": []}
    for second in pairs:
        changes = [_change(clip[second - 1], clip[second]) for clip in (original, decoded)]
        for name, mask in zip(rows, _regions(track.points[second], changes[0].shape), strict=True):
            if mask.any():
                rows[name].append((float(changes[0][mask].mean()), float(changes[1][mask].mean())))
    face, background = (_mean(rows[name]) for name in rows)
    return ClipShimmer(len(pairs), face, background)


def still_pairs(points: np.ndarray) -> list[int]:
    """The second frames of the still pairs of mesh points (n, 470, 3) in [-1, 1]."""
    moved = np.linalg.norm(np.diff(points[:, :, :2], axis=0), axis=2).mean(1) * 128
    still, found, start = moved < STILL, list[int](), 0
    for i in range(len(still) + 1):
        if i == len(still) or not still[i]:
            if i - start >= MINIMUM_PAIRS:
                found += range(start + 1, i + 1)
            start = i + 1
    return found


def pooled(clips: Sequence[Shimmer | None]) -> Shimmer | None:
    """Mean over clips that have the region and still stretches."""
    return _mean([(clip.original, clip.decoded) for clip in clips if clip is not None])


def _mean(rows: list[tuple[float, float]]) -> Shimmer | None:
    return Shimmer(*(float(value) for value in np.mean(rows, axis=0))) if rows else None


def _change(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(one.astype(np.int16) - other).mean(2))


def _regions(points: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Masks (S, S) of the face (the mesh's hull) and of what is well outside the head."""
    side = shape[0]
    pixels = (points[:, :2] + 1) * (side - 1) / 2
    hull = cv2.convexHull(pixels.round().astype(np.int32))
    face = cv2.fillConvexPoly(np.zeros((side, side), np.uint8), hull, 1).astype(bool)
    low, high = pixels.min(0), pixels.max(0)
    margin = HEAD_MARGIN * (high - low)
    left, top = np.clip(low - margin, 0, side).astype(int)
    right, bottom = np.clip(high + margin, 0, side).astype(int)
    background = np.ones((side, side), bool)
    background[top:bottom, left:right] = False
    return face, background

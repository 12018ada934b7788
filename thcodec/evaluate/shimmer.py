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
_REGIONS = ("face", "background")
_Pair = list[tuple[float, float] | None]  # for each region: change of original and decoded


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
    """Of a clip's consecutive frames, uint8 (H, W, 3); `track` is the original's."""
    meter = ShimmerMeter()
    for one, other, points in zip(original, decoded, track.points, strict=True):
        meter.push(one, other, points)
    return meter.result()


class ShimmerMeter:
    """Takes a clip frame by frame; what it keeps does not grow with the clip."""

    def __init__(self) -> None:
        self._before: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._stretch: list[_Pair] = []  # still so far, but not yet for long enough
        self._length = 0  # pairs of the still stretch that lasts
        self._pairs = 0
        self._sums = np.zeros((len(_REGIONS), 2))
        self._counts = np.zeros(len(_REGIONS), int)

    def push(self, original: np.ndarray, decoded: np.ndarray, points: np.ndarray) -> None:
        """The next frame, uint8 (H, W, 3) each, and the mesh points (470, 3) of the original."""
        before, self._before = self._before, (original, decoded, points)
        if before is None:
            return
        moved = np.linalg.norm((points - before[2])[:, :2], axis=1).mean() * 128
        if not moved < STILL:  # NaN, without a face, is not still
            self._stretch, self._length = [], 0
            return
        changes = _change(before[0], original), _change(before[1], decoded)
        self._stretch.append(_in_regions(changes, points))
        self._length += 1
        if self._length >= MINIMUM_PAIRS:
            self._count(self._stretch)
            self._stretch = []

    def result(self) -> ClipShimmer:
        """Of all frames so far."""
        face, background = (
            Shimmer(*(sums / count).tolist()) if count else None
            for sums, count in zip(self._sums, self._counts, strict=True)
        )
        return ClipShimmer(self._pairs, face, background)

    def _count(self, pairs: list[_Pair]) -> None:
        self._pairs += len(pairs)
        for pair in pairs:
            for region, changes in enumerate(pair):
                if changes is not None:
                    self._sums[region] += changes
                    self._counts[region] += 1


def pooled(clips: Sequence[Shimmer | None]) -> Shimmer | None:
    """Mean over clips that have the region and still stretches."""
    return _mean([(clip.original, clip.decoded) for clip in clips if clip is not None])


def _mean(rows: list[tuple[float, float]]) -> Shimmer | None:
    return Shimmer(*(float(value) for value in np.mean(rows, axis=0))) if rows else None


def _change(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(one.astype(np.int16) - other).mean(2))


def _in_regions(changes: tuple[np.ndarray, np.ndarray], points: np.ndarray) -> _Pair:
    """Means of both changes (H, W) in each region; None where it is empty."""
    return [
        (float(changes[0][mask].mean()), float(changes[1][mask].mean())) if mask.any() else None
        for mask in _regions(points, changes[0].shape)
    ]


def _regions(points: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Masks (H, W) of the face (the mesh's hull) and of what is well outside the head."""
    pixels = (points[:, :2] + 1) * (shape[1] - 1) / 2  # both axes count widths
    hull = cv2.convexHull(pixels.round().astype(np.int32))
    face = cv2.fillConvexPoly(np.zeros(shape, np.uint8), hull, 1).astype(bool)
    low, high = pixels.min(0), pixels.max(0)
    margin = HEAD_MARGIN * (high - low)
    left, top = np.clip(low - margin, 0, shape[::-1]).astype(int)
    right, bottom = np.clip(high + margin, 0, shape[::-1]).astype(int)
    background = np.ones(shape, bool)
    background[top:bottom, left:right] = False
    return face, background

"""Lids and lips of every frame of a clip, as the face mesh and the iris net see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thcodec.models.face_vid2vid.pose import rigid_fit
from thcodec.train.landmarks import EYE_RIMS, LIP_RIMS, POINTS
from thcodec.train.mesh import EYES, MeshTracker

_EYE_POINTS = tuple(point for rim in EYE_RIMS for point in rim)
_MOUTH_POINTS = tuple(point for rim in LIP_RIMS for point in rim)
# A rim of 16 or 20 points runs corner to corner below, then above: these lie over one another.
_LIDS = ((3, 11), (4, 12), (5, 13))
_INNER_LIPS = ((4, 14), (5, 15), (6, 16))


@dataclass(frozen=True)
class FaceTrack:
    """points: (n, 470, 3) in [-1, 1]; NaN in frames where no face was found."""

    points: np.ndarray

    @property
    def lost(self) -> int:
        """Frames without a face."""
        return int(np.isnan(self.points[:, 0, 0]).sum())

    def repeated(self) -> FaceTrack:
        """The track of frame 0 repeated."""
        return FaceTrack(np.broadcast_to(self.points[0], self.points.shape))

    def eyes_open(self) -> np.ndarray:
        """(n,) distance between the lids over the width of the eye, of both eyes together.

        The sums over both are divided, so an eye that is turned away counts for little.
        """
        gaps, widths = np.zeros(len(self.points)), np.zeros(len(self.points))
        for rim in EYE_RIMS:
            gaps += _gap(self.points, rim, _LIDS)
            widths += _distance(self.points, rim[0], rim[8])
        return gaps / widths

    def mouth_open(self) -> np.ndarray:
        """(n,) distance between the inner lips over that between the outer eye corners."""
        return _gap(self.points, LIP_RIMS[0], _INNER_LIPS) / self.eye_distance()

    def eye_distance(self) -> np.ndarray:
        """(n,) distance between the outer eye corners in the picture, which spans 2."""
        return _distance(self.points, *EYES)

    def turn(self) -> np.ndarray:
        """(n,) angle in degrees by which the head is turned away from that of frame 0."""
        return np.array([_angle(self.points[0], points) for points in self.points])


@dataclass(frozen=True)
class LandmarkError:
    """Mean distances of rim points, as shares of the distance between the outer eye corners."""

    both: float
    eyes: float
    mouth: float


class FaceTracker:
    """Tracks the face of a clip, frame after frame as a video is watched."""

    def __init__(self) -> None:
        self._mesh = MeshTracker()

    def track(self, frames: Sequence[np.ndarray]) -> FaceTrack:
        """All of a clip's consecutive frames, uint8 (S, S, 3): each starts where the face was."""
        self._mesh.reset()
        return FaceTrack(np.stack([self.follow(frame) for frame in frames]))

    def follow(self, frame: np.ndarray) -> np.ndarray:
        """The next frame's points (470, 3) in [-1, 1]; NaN where no face was found."""
        points, score = self._mesh.track(frame)
        return points if score > 0 else np.full((POINTS, 3), np.nan, np.float32)


def landmark_error(original: FaceTrack, decoded: FaceTrack, frames: Sequence[int]) -> LandmarkError:
    """Of the rims of eyes and lips in `frames`; those where either track is lost are left out."""
    chosen = list(frames)
    away = np.linalg.norm((original.points - decoded.points)[chosen, :, :2], axis=2)
    share = away / original.eye_distance()[chosen, None]
    share = share[~np.isnan(share).any(axis=1)]
    if not len(share):
        return LandmarkError(np.nan, np.nan, np.nan)
    rims = (_EYE_POINTS + _MOUTH_POINTS, _EYE_POINTS, _MOUTH_POINTS)
    return LandmarkError(*(float(np.mean(share[:, list(rim)])) for rim in rims))


def _gap(points: np.ndarray, rim: Sequence[int], pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    gaps = [_distance(points, rim[below], rim[above]) for below, above in pairs]
    return np.asarray(np.mean(gaps, axis=0))


def _distance(points: np.ndarray, one: int, other: int) -> np.ndarray:
    return np.linalg.norm((points[:, one] - points[:, other])[:, :2], axis=1)


def _angle(one: np.ndarray, other: np.ndarray) -> float:
    if np.isnan(one).any() or np.isnan(other).any():
        return 0.0
    _, rotation, _ = rigid_fit(one, other, np.ones(len(one)))
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))

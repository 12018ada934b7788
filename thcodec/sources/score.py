"""How good a source a frame would make: eyes open, sharp, nothing before the face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from thcodec.models.animator import Extraction, Eyes
from thcodec.sources.look import UsualLook, look

# Distance of the lids over that of the outer eye corners: 0.08 to 0.10 where eyes are shut, 0.19 to
# 0.24 where they are open, on twelve development clips.
_SHUT, _OPEN = 0.09, 0.18
# The compact network's confidence stays above 0.85 in front of faces.
_UNSEEN, _SEEN = 0.5, 0.85
_SIZE = 128  # of the pictures whose sharpness is measured
_BLURRED, _SHARP = 0.4, 0.8  # energy of edges, beside what is usual in the shot
_HEAD = slice(_SIZE // 6, _SIZE - _SIZE // 6)
_FORGET = 0.05  # weight of a new frame in the usual sharpness


@dataclass(frozen=True)
class Judgement:
    """What a frame is worth as a source.

    score: 0..1, the product of what speaks against it. look: see ``thcodec.sources.look``; None
    where the animator does not tell where the eyes are.
    """

    score: float
    look: np.ndarray | None


class SourceScorer:
    """Scores the frames of one video, in order.

    What is usual is learnt from the shot: a frame is blurred beside sharper ones, and a hand before
    the face makes it look like no other.

    Args:
        eyes: keypoints that tell whether eyes are shut, or None.
        free: keypoints, the last ones, that do not follow the head.
    """

    def __init__(self, eyes: Eyes | None, free: int = 0) -> None:
        self._eyes, self._free = eyes, free
        self.begin_shot()

    def begin_shot(self) -> None:
        """Forget what is usual."""
        self._edges: float | None = None
        self._usual = UsualLook()

    def judge(self, picture: np.ndarray, seen: Extraction) -> Judgement:
        """The next frame. picture: uint8 (S, S, 3) RGB; seen: what the animator saw in it."""
        small = cv2.resize(picture, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        score = self._sharpness(grey) * _ramp(seen.confidence, _UNSEEN, _SEEN)
        if self._eyes is None:
            return Judgement(score, None)
        score *= _ramp(eyes_open(seen.keypoints, self._eyes), _SHUT, _OPEN)
        face = look(small, seen, self._eyes, self._free)
        return Judgement(score * (1 - self._usual.strangeness(face)), face)

    def _sharpness(self, grey: np.ndarray) -> float:
        edges = float(cv2.Laplacian(grey[_HEAD, _HEAD], cv2.CV_32F).var())
        usual = edges if self._edges is None else self._edges
        self._edges = usual + _FORGET * (edges - usual)
        return _ramp(edges / max(usual, 1e-6), _BLURRED, _SHARP)


def eyes_open(keypoints: np.ndarray, eyes: Eyes) -> float:
    """Mean distance of the lids, twice, over that of the outer eye corners; keypoints (K, 3)."""
    gaps = sum(float(np.linalg.norm(keypoints[up] - keypoints[low])) for up, low in eyes.lids)
    left, right = eyes.corners
    return gaps / max(float(np.linalg.norm(keypoints[left] - keypoints[right])), 1e-6)


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))

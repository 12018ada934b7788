"""How good a source a frame would make: eyes open, sharp, nothing before the face."""

from __future__ import annotations

import cv2
import numpy as np

from thcodec.models.animator import Extraction, Eyes

# Distance of the lids over that of the outer eye corners: 0.08 to 0.10 where eyes are shut, 0.19 to
# 0.24 where they are open, on twelve development clips.
_SHUT, _OPEN = 0.09, 0.18
# The compact network's confidence stays above 0.85 in front of faces.
_UNSEEN, _SEEN = 0.5, 0.85
_SIZE = 128  # of the pictures whose sharpness is measured
_BLURRED, _SHARP = 0.4, 0.8  # energy of edges, beside what is usual in the shot
_HEAD = slice(_SIZE // 6, _SIZE - _SIZE // 6)
_PATCH = 24  # side of the face, laid upright, whose look is compared
_STRANGE, _USUAL = 0.4, 0.8  # correlation with the shot's usual face
_FLAT = 0.01  # spread of a usual face that has no look
_FORGET = 0.05  # weight of a new frame in what is usual


class SourceScorer:
    """Scores the frames of one video, in order.

    What is usual is learnt from the shot: a frame is blurred beside sharper ones, and a hand before
    the face makes it look like no other.

    Args:
        eyes: keypoints that tell whether eyes are shut, or None.
    """

    def __init__(self, eyes: Eyes | None) -> None:
        self._eyes = eyes
        self.begin_shot()

    def begin_shot(self) -> None:
        """Forget what is usual."""
        self._edges: float | None = None
        self._face: np.ndarray | None = None

    def score(self, picture: np.ndarray, seen: Extraction) -> float:
        """The next frame's score, 0..1: the product of what speaks against it.

        picture: uint8 (S, S, 3) RGB; seen: what the animator saw in it.
        """
        small = cv2.resize(picture, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        score = self._sharpness(grey) * _ramp(seen.confidence, _UNSEEN, _SEEN)
        if self._eyes is not None:
            score *= _ramp(eyes_open(seen.keypoints, self._eyes), _SHUT, _OPEN)
            score *= self._look(grey, seen.keypoints, self._eyes)
        return score

    def _sharpness(self, grey: np.ndarray) -> float:
        edges = float(cv2.Laplacian(grey[_HEAD, _HEAD], cv2.CV_32F).var())
        usual = edges if self._edges is None else self._edges
        self._edges = usual + _FORGET * (edges - usual)
        return _ramp(edges / max(usual, 1e-6), _BLURRED, _SHARP)

    def _look(self, grey: np.ndarray, keypoints: np.ndarray, eyes: Eyes) -> float:
        """How much the face looks as it usually does."""
        patch = _upright(grey, keypoints, eyes)
        if self._face is None:
            self._face = patch
        usual, spread = self._face, float(np.std(self._face))
        self._face = usual + _FORGET * (patch - usual)
        if spread < _FLAT:
            return 1.0
        return _ramp(float(np.mean(patch * usual)) / spread, _STRANGE, _USUAL)


def eyes_open(keypoints: np.ndarray, eyes: Eyes) -> float:
    """Mean distance of the lids, twice, over that of the outer eye corners; keypoints (K, 3)."""
    gaps = sum(float(np.linalg.norm(keypoints[up] - keypoints[low])) for up, low in eyes.lids)
    left, right = eyes.corners
    return gaps / max(float(np.linalg.norm(keypoints[left] - keypoints[right])), 1e-6)


def _upright(grey: np.ndarray, keypoints: np.ndarray, eyes: Eyes) -> np.ndarray:
    """The face under the eyes as a patch of mean 0 and deviation 1, whatever its place and roll."""
    half = (_SIZE - 1) / 2
    left, right = (half * (1 + keypoints[corner, :2]) for corner in eyes.corners)
    if left[0] > right[0]:
        left, right = right, left
    across = right - left
    down = np.array([-across[1], across[0]])
    corners = np.stack([left - 0.3 * down, right - 0.3 * down, left + 1.1 * down])
    goal = np.array([[0, 0], [_PATCH, 0], [0, _PATCH]], np.float32)
    matrix = cv2.getAffineTransform(corners.astype(np.float32), goal)
    patch = cv2.warpAffine(grey, matrix, (_PATCH, _PATCH), borderMode=cv2.BORDER_REPLICATE)
    centred = patch.astype(np.float32) - patch.mean()
    return np.asarray(centred / max(float(centred.std()), 1e-6))


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))

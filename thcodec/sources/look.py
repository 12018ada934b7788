"""What lower faces look like, and how alike they look: a hand before a face is like no other.

A look (2, P) holds edges and redness of nose, mouth and cheeks, laid flat, each of mean 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from thcodec.models.animator import Extraction, Eyes

_WIDTH, _HEIGHT = 24, 16  # of the patch
_TOP, _BOTTOM = 0.22, 1.1  # where it lies below the outer eye corners, in their distances
_SMOOTH = 0.8  # pixels of the patch by which edges of like faces may differ
_FLAT = 0.01  # spread of a layer that tells nothing
# Likenesses: 0.36 to 0.64 of hands drawn into development clips to the face before, above 0.78 in
# nine of ten frames of the clips themselves.
_STRANGE, _FAMILIAR = 0.45, 0.65
# A frame is learnt from as far as it looks usual, or a hand that stays would become usual; the rest
# is for light and laughter.
_UNLIKE, _ALIKE = 0.7, 0.9
_LEAST = 0.1
_FORGET = 0.05  # weight of a new frame in what is usual
# A shot may begin with a hand: what so many times as many frames on end look unlike is not usual.
_OUTVOTED = 4
_MOST_VOTES = 100


class UsualLook:
    """What one person usually looks like."""

    def __init__(self) -> None:
        self._usual: np.ndarray | None = None
        self._like, self._unlike = 0, 0  # frames that look so, and those since that do not

    def strangeness(self, look: np.ndarray) -> float:
        """How little the next frame looks like the ones before, 0..1."""
        if self._usual is None or self._unlike >= _OUTVOTED * self._like:
            self._usual, self._like, self._unlike = look, self._unlike, 0
        alike = float(likeness([look], [self._usual])[0, 0])
        known = np.clip((alike - _UNLIKE) / (_ALIKE - _UNLIKE), _LEAST, 1)
        self._usual = self._usual + _FORGET * known * (look - self._usual)
        strange = float(strangeness(alike))
        if strange < 0.5:
            self._like, self._unlike = min(self._like + 1, _MOST_VOTES), 0
        else:
            self._unlike += 1
        return strange


def strangeness(alike: np.ndarray | float) -> np.ndarray:
    """0 for likenesses of one face, 1 where something else must be seen."""
    return np.clip((_FAMILIAR - np.asarray(alike)) / (_FAMILIAR - _STRANGE), 0, 1)


def likeness(looks: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> np.ndarray:
    """Mean correlations (n, m), -1..1, of the layers of n looks and m; 1 for two flat layers."""
    one, other = np.stack(looks), np.stack(others)
    flat = np.maximum(one.std(2)[:, None], other.std(2)[None]) < _FLAT
    spreads = one.std(2)[:, None] * other.std(2)[None]
    common = np.einsum("ilp,jlp->ijl", one, other) / one.shape[2]
    return np.asarray(np.where(flat, 1.0, common / np.maximum(spreads, _FLAT)).mean(2))


def look(picture: np.ndarray, seen: Extraction, eyes: Eyes, free: int) -> np.ndarray:
    """The look of a face.

    It is laid flat by the affine map that takes the head's keypoints at rest best to those in the
    picture, so that turns of the head change it little.

    Args:
        picture: uint8 (S, S, 3) RGB.
        seen: what the animator saw in it.
        eyes: which keypoints are the eyes' corners.
        free: keypoints, the last ones, that do not follow the head.
    """
    head = slice(0, len(seen.canonical) - free)
    rest = seen.canonical[:, :2]
    flat = np.c_[rest[head], np.ones(len(rest[head]))]
    to_picture = np.linalg.lstsq(flat, seen.keypoints[head, :2], rcond=None)[0]
    left, right = sorted(rest[list(eyes.corners)], key=lambda corner: float(corner[0]))
    across = right - left
    down = np.array([-across[1], across[0]])
    corners = np.stack([left + _TOP * down, right + _TOP * down, left + _BOTTOM * down])
    corners = (len(picture) - 1) / 2 * (1 + np.c_[corners, np.ones(3)] @ to_picture)
    goal = np.array([[0, 0], [_WIDTH, 0], [0, _HEIGHT]], np.float32)
    matrix = cv2.getAffineTransform(corners.astype(np.float32), goal)
    edges, redness = (
        cv2.warpAffine(layer, matrix, (_WIDTH, _HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        for layer in _layers(picture)
    )
    return np.stack([_normalised(cv2.GaussianBlur(edges, (0, 0), _SMOOTH)), _normalised(redness)])


def _layers(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    slopes = (cv2.Sobel(grey, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    redness = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)[..., 1]
    return np.sqrt(np.hypot(*slopes)), redness.astype(np.float32)


def _normalised(layer: np.ndarray) -> np.ndarray:
    """Of deviation 1, unless it tells nothing."""
    centred = layer.ravel() - layer.mean()
    return np.asarray(centred / max(float(centred.std()), _FLAT))

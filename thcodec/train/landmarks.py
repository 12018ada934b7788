"""Which mesh points the compact network's keypoints follow, and the canonical shape they are taken
from.
"""

from __future__ import annotations

import numpy as np

from thcodec.models.face_vid2vid.pose import rigid_fit

# The tracker's own two points after the 468 of the mesh: pupils, that on the picture's left first.
PUPILS = (468, 469)
POINTS = 470
# Lids, outer eye corners, lips, nose, chin, forehead, sides of the face, brows ("right" is the
# person's right).
FACE = (159, 145, 386, 374, 33, 263, 61, 291, 13, 14, 1, 152, 10, 234, 454, 105, 334)
KEYPOINTS = (*FACE, *PUPILS)
# The keypoint each becomes in a mirrored picture.
MIRROR = (2, 3, 0, 1, 5, 4, 7, 6, 8, 9, 10, 11, 12, 14, 13, 16, 15, 18, 17)
# Mesh points on the rim of the eye on the picture's left, corner to corner below, then above,
# and of the other eye.
EYE_RIMS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
)
LIP_RIMS = (
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
)
RIMS = tuple(point for rim in EYE_RIMS + LIP_RIMS for point in rim)

_RIGID_POINTS = (1, 4, 6, 10, 33, 133, 263, 362, 127, 356, 234, 454, 168, 197, 109, 338, 151, 9)


def mean_shape(meshes: list[np.ndarray], rounds: int = 4) -> np.ndarray:
    """Generalised Procrustes mean (470, 3) of meshes (470, 3): centred, frontal, unit mean square
    radius.
    """
    shape = _normalise(meshes[0])
    for _ in range(rounds):
        shape = _normalise(np.mean([align(mesh, shape) for mesh in meshes], axis=0))
    return _face_front(shape)


def align(mesh: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Undo the mesh's scale, rotation and translation relative to ``shape`` (rigid points only)."""
    rigid = list(_RIGID_POINTS)
    scale, rotation, translation = rigid_fit(shape[rigid], mesh[rigid], np.ones(len(rigid)))
    return (mesh - translation) @ rotation / scale


def canonical_keypoints(meshes: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Canonical keypoints (K, 3) of one person: median of a clip's aligned meshes (n, 470, 3)."""
    step = max(1, len(meshes) // 60)
    aligned = np.stack([align(mesh, shape) for mesh in meshes[::step]])
    return np.median(aligned, axis=0)[list(FACE)]


def _normalise(shape: np.ndarray) -> np.ndarray:
    centred = shape - shape.mean(0)
    return centred / np.sqrt((centred**2).sum(1).mean())


def _face_front(shape: np.ndarray) -> np.ndarray:
    """Turn the shape so that its left and right sides are level and equally far from the viewer."""
    across = shape[[454, 263, 356]].mean(0) - shape[[234, 33, 127]].mean(0)
    down = shape[152] - shape[10]
    x = across / np.linalg.norm(across)
    y = down - (down @ x) * x
    y /= np.linalg.norm(y)
    return _normalise(shape @ np.stack([x, y, np.cross(x, y)]).T)

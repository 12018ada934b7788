"""Eq. 1 read backwards: from keypoints in the picture to head pose and expression deformation
(numpy, encoder only).
"""

from __future__ import annotations

import numpy as np

from thcodec.motion.keypoints import Motion, transform


def rigid_fit(
    canonical: np.ndarray, keypoints: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Weighted least squares of keypoints = s R canonical + t (Umeyama 1991).

    canonical, keypoints: (K, 3); weights: (K,), how rigid each point is. Returns s, R (3, 3) and t
    (3,).
    """
    w = weights / weights.sum()
    mean_c, mean_k = w @ canonical, w @ keypoints
    c, k = canonical - mean_c, keypoints - mean_k
    u, d, vt = np.linalg.svd((k * w[:, None]).T @ c)
    sign = np.ones(3)
    sign[2] = np.sign(np.linalg.det(u @ vt))
    rotation = u @ np.diag(sign) @ vt
    scale = float((d * sign).sum() / (w @ (c * c).sum(1)))
    return scale, rotation, mean_k - scale * rotation @ mean_c


def euler_angles(rotation: np.ndarray) -> np.ndarray:
    """R = R_pitch R_yaw R_roll (3, 3) -> (3,) yaw, pitch, roll in degrees, |yaw| <= 90."""
    yaw = np.arcsin(np.clip(rotation[0, 2], -1.0, 1.0))
    pitch = np.arctan2(-rotation[1, 2], rotation[2, 2])
    roll = np.arctan2(-rotation[0, 1], rotation[0, 0])
    return np.degrees(np.array([yaw, pitch, roll]))


def decompose(
    canonical: np.ndarray, keypoints: np.ndarray, weights: np.ndarray, free: int = 0
) -> Motion:
    """Split keypoints (K, 3) of a frame into pose and expression deformation relative to canonical
    (K, 3).

    weights: (K,), how rigid each point is. The last ``free`` points do not follow the head. t_z and
    the depth of the head's deformation are 0: under the orthographic camera of eq. 1 the first
    moves nothing in the picture and the second next to nothing (0.00 dB on 82 pairs of val256), yet
    it would be a fifth of the bytes.
    """
    scale, rotation, translation = rigid_fit(canonical, keypoints, weights)
    angles = euler_angles(rotation)
    translation[2] = 0.0
    rest = Motion(angles, translation, float(np.log(scale)), np.zeros_like(canonical))
    rest.expression = keypoints - transform(canonical, rest, free)
    rest.expression[: len(keypoints) - free, 2] = 0.0
    return rest

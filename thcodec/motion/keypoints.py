"""The motion of one frame and what it does to canonical keypoints (face-vid2vid, eq. 1 and 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
_MAX_LOG_SCALE = 8.0


@dataclass
class Motion:
    """Head pose and expression of one frame.

    Attributes:
        rotation: (3,) yaw, pitch, roll in degrees.
        translation: (3,) in units of half the picture side.
        log_scale: natural logarithm of the scale; 0 in the published model.
        expression: (K, 3) deformation of each keypoint, in units of half the picture side.
        jacobians: (K, 3, 3) of each keypoint, or None.
    """

    rotation: Floats
    translation: Floats
    log_scale: float
    expression: Floats
    jacobians: Floats | None = None


def rotation_matrix(yaw: float, pitch: float, roll: float) -> Floats:
    """(3, 3) rotation R_pitch(x axis) R_yaw(y axis) R_roll(z axis); angles in degrees."""
    (sy, sp, sr), (cy, cp, cr) = (f(np.radians([yaw, pitch, roll])) for f in (np.sin, np.cos))
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    matrix: Floats = about_x @ about_y @ about_z
    return matrix


def scaled_rotation(motion: Motion) -> Floats:
    """(3, 3) scale times rotation of a frame's head, the Jacobian of eq. 2; always invertible.

    The scale is kept between exp(-8) and exp(8): no head is near that, yet a stream can say more
    than floats can hold.
    """
    scale = np.exp(np.clip(motion.log_scale, -_MAX_LOG_SCALE, _MAX_LOG_SCALE))
    matrix: Floats = scale * rotation_matrix(*motion.rotation)
    return matrix


def transform(canonical: Floats, motion: Motion, free: int = 0) -> Floats:
    """Keypoints (K, 3) of a frame: scale * R x_c + t + expression, from canonical ones (K, 3).

    The last ``free`` ones do not follow the head: x_c + expression (spec section 7.1).
    """
    points: Floats = canonical + motion.expression
    head = slice(0, len(canonical) - free)
    points[head] = canonical[head] @ scaled_rotation(motion).T + motion.translation
    points[head] += motion.expression[head]
    return points

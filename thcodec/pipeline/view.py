"""What a viewer may change of the motion before it is shown: head pose, and what it refers to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from thcodec.models.face_vid2vid.pose import euler_angles
from thcodec.motion import Motion, rotation_matrix


class View:
    """Turns the motions of one stream into those that are shown.

    Args:
        yaw, pitch, roll: degrees by which the head is turned further, seen from the viewer; R
            becomes R(yaw, pitch, roll) R (paper: section 3.3, free view).
        relative: what is shown is not each frame's motion but how it differs from the first
            frame's, laid upon the source's own. With one source that is the same; with each
            further one the difference between its frame and the first is counted twice.
    """

    def __init__(
        self, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, *, relative: bool = False
    ) -> None:
        self._turn = rotation_matrix(yaw, pitch, roll) if (yaw, pitch, roll) != (0, 0, 0) else None
        self._relative = relative
        self._first: Motion | None = None

    def shown(self, motion: Motion, source: Motion) -> Motion:
        """The motion to animate with; ``source`` is its source's own."""
        if self._relative:
            self._first = self._first or motion
            motion = _carried_over(motion, self._first, source)
        return motion if self._turn is None else _turned(motion, self._turn)


def _carried_over(motion: Motion, first: Motion, source: Motion) -> Motion:
    rotation = (
        rotation_matrix(*motion.rotation)
        @ rotation_matrix(*first.rotation).T
        @ rotation_matrix(*source.rotation)
    )
    return replace(
        motion,
        rotation=euler_angles(rotation),
        translation=source.translation + motion.translation - first.translation,
        log_scale=source.log_scale + motion.log_scale - first.log_scale,
        expression=source.expression + motion.expression - first.expression,
    )


def _turned(motion: Motion, turn: np.ndarray) -> Motion:
    return replace(
        motion,
        rotation=euler_angles(turn @ rotation_matrix(*motion.rotation)),
        jacobians=None if motion.jacobians is None else turn @ motion.jacobians,
    )

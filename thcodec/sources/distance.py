"""How far frames are from sources, in keypoint space.

A distance predicts what it costs to show a frame by animating a source instead of a source of its
own: the rise of ST-LPIPS, in thousandths. The weights are a non-negative least-squares fit to pairs
of frames of development clips, see benchmarks/distance.py; free keypoints, lids and lips add no
more to it. Positions are compared after alignment of the heads: how the pose differs counts on its
own, and keypoints by their expression deformation only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thcodec.motion import Motion

ROTATION = 0.8  # a degree
TRANSLATION = 190.0  # half the picture's side
SCALE = 70.0  # of the natural logarithm
EXPRESSION = 140.0  # root mean square over the head's keypoints, half the picture's side


def distances(sources: Sequence[Motion], frames: Sequence[Motion], free: int = 0) -> np.ndarray:
    """Distances (n, m) of n sources from m frames, thousandths of ST-LPIPS.

    All motions are relative to the same canonical keypoints; the last ``free`` ones of each do not
    follow the head and are left out.
    """
    one, other = (weighted(motions, free) for motions in (sources, frames))
    total = np.zeros((len(sources), len(frames)))
    for part, beside in zip(one, other, strict=True):
        total += np.linalg.norm(part[:, None] - beside[None], axis=2)
    return total


def weighted(motions: Sequence[Motion], free: int) -> list[np.ndarray]:
    """Blocks (n, .) of rotation, translation, scale and expression; the lengths of their
    differences add up to the distance.
    """
    head = slice(0, len(motions[0].expression) - free)
    expression = np.stack([motion.expression[head, :2].ravel() for motion in motions])
    return [
        ROTATION * np.stack([motion.rotation for motion in motions]),
        TRANSLATION * np.stack([motion.translation[:2] for motion in motions]),
        SCALE * np.array([[motion.log_scale] for motion in motions]),
        EXPRESSION * expression / np.sqrt(expression.shape[1] / 2),
    ]

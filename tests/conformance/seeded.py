"""An animator whose weights come from a fixed seed: it draws the pixels of the conformance files.

No one is meant to look at its pictures. It takes part in all that a decoder computes: the upscaled
still, the dequantised keypoints of eq. 1, the Jacobians and the motion of the frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from thcodec.bitstream import KeypointModel, ModelIdentity
from thcodec.models.animator import Animator, Extraction
from thcodec.motion import Motion, transform

_SPREAD = 0.3  # of a keypoint's influence, in half sides of the picture


@dataclass
class _Still:
    picture: np.ndarray
    canonical: np.ndarray
    keypoints: np.ndarray


class SeededAnimator(Animator):
    """Moves pixels with the nearest keypoints and mixes their colours."""

    def __init__(self, model: KeypointModel, size: int, seed: int = 1) -> None:
        self.identity = ModelIdentity("seeded", "1")
        self.keypoint_model = model
        self.size = size
        weights = []
        for _ in range(9):
            seed = (seed * 1103515245 + 12345) % 2**31
            weights.append((seed >> 16) / 2**15 - 0.5)
        self._mix = np.eye(3) * 0.8 + 0.2 * np.reshape(weights, (3, 3))

    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        raise NotImplementedError

    def motion(self, extraction: Extraction, canonical: np.ndarray, source: Extraction) -> Motion:
        raise NotImplementedError

    def prepare(self, picture: np.ndarray, canonical: np.ndarray, motion: Motion) -> _Still:
        points = transform(canonical, motion, self.keypoint_model.free)
        return _Still(picture.astype(np.float32) @ self._mix.T, canonical, points)

    def animate(self, source: _Still, motions: list[Motion]) -> list[np.ndarray]:
        return [self._draw(source, motion) for motion in motions]

    def _draw(self, source: _Still, motion: Motion) -> np.ndarray:
        points = transform(source.canonical, motion, self.keypoint_model.free)[:, :2]
        axis = (2 * np.arange(self.size) + 1) / self.size - 1
        grid = np.stack(np.meshgrid(axis, axis), axis=2)[:, :, None]
        distance = ((grid - points) ** 2).sum(axis=3)
        weight = np.exp(-distance / _SPREAD**2)
        weight /= weight.sum(axis=2, keepdims=True) + 0.1
        shift = (weight[..., None] * (source.keypoints[:, :2] - points)).sum(axis=2)
        place = ((grid[:, :, 0] + shift + 1) * self.size - 1) / 2
        drawn = cv2.remap(
            source.picture.astype(np.float32),
            place.astype(np.float32),
            None,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)

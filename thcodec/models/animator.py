"""What the pipeline asks of a network that animates stills."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from thcodec.bitstream.header import KeypointModel, ModelIdentity
from thcodec.motion.keypoints import Motion


@dataclass(frozen=True)
class Extraction:
    """What an animator sees in one frame.

    keypoints: (K, 3) where they are in the picture, x right, y down, z away, the picture spanning
    [-1, 1]. canonical: (K, 3) the same points of this person at rest, facing the viewer.
    confidence: 0..1, how much the keypoints look like a face. scene: what the animator needs to
    follow, between frames, what is no face.
    """

    keypoints: np.ndarray
    canonical: np.ndarray
    confidence: float
    scene: Any = None


class Animator(ABC):
    """Extracts motion from pictures (encoder) and applies motion to a source picture (decoder).

    identity: what the stream header says of this network. keypoint_model: its motion's shape and
    quantiser steps. size: side of the square pictures it takes and makes, in pixels.
    """

    identity: ModelIdentity
    keypoint_model: KeypointModel
    size: int

    @abstractmethod
    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        """Pictures (size, size, 3) uint8 RGB -> one Extraction each."""

    @abstractmethod
    def motion(self, extraction: Extraction, canonical: np.ndarray, source: Extraction) -> Motion:
        """Pose and expression that carry a source's canonical keypoints (K, 3) to the extraction's
        (eq. 1). ``source`` is what was seen in that source, maybe the same extraction.
        """

    @abstractmethod
    def prepare(self, picture: np.ndarray, canonical: np.ndarray, motion: Motion) -> Any:
        """All that is computed once per source, from its picture (size, size, 3) uint8, its
        canonical keypoints (K, 3) and its own motion. The result is opaque and goes back into
        ``animate``."""

    @abstractmethod
    def animate(self, source: Any, motions: list[Motion]) -> list[np.ndarray]:
        """The prepared source in each of the motions: pictures (size, size, 3) uint8 RGB."""

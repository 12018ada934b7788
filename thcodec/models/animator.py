"""What the pipeline asks of a network that animates stills."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np

from thcodec.bitstream.header import KeypointModel, ModelIdentity
from thcodec.motion.keypoints import Motion


@dataclass(frozen=True)
class Extraction:
    """What an animator sees in one frame.

    keypoints: (K, 3) where they are in the picture, x right, y down, z away, the picture spanning
    [-1, 1]. canonical: (K, 3) the same points of this person at rest, facing the viewer.
    confidence: 0..1, how much the keypoints look like a face. scene: what the animator needs to
    find again, in another frame, what this one shows.
    """

    keypoints: np.ndarray
    canonical: np.ndarray
    confidence: float
    scene: Any = None


@dataclass(frozen=True)
class Eyes:
    """Keypoints round the eyes. lids: (upper, lower) of each eye; corners: the two outer ones."""

    lids: tuple[tuple[int, int], ...]
    corners: tuple[int, int]


class Animator(ABC):
    """Extracts motion from pictures (encoder) and applies motion to a source picture (decoder).

    An encoder of files extracts and compares in one thread while it aligns in another, and the
    pipeline extracts and animates by ``extracting`` and ``animating`` only: what they began may go
    on beside every other method, so that what they were given must stay as it is till then.

    identity: what the stream header says of this network. keypoint_model: its motion's shape and
    quantiser steps. size: side of the square pictures it takes and makes, in pixels. eyes: where
    its keypoints see whether eyes are shut, or None. compares: whether it has ``unlikeness``.
    """

    identity: ModelIdentity
    keypoint_model: KeypointModel
    size: int
    eyes: Eyes | None = None
    compares: bool = False

    @abstractmethod
    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        """Pictures (size, size, 3) uint8 RGB -> one Extraction each."""

    def extracting(self, pictures: list[np.ndarray]) -> Callable[[], list[Extraction]]:
        """``extract``, begun where the network can go on by itself; what is returned waits for it.
        Here it is begun then."""
        return partial(self.extract, pictures)

    @abstractmethod
    def motion(self, extraction: Extraction, canonical: np.ndarray, source: Extraction) -> Motion:
        """Pose and expression that carry a source's canonical keypoints (K, 3) to the extraction's
        (eq. 1). ``source`` is what was seen in that source, maybe the same extraction.
        """

    def align(
        self,
        motion: Motion,
        before: Motion,
        drift: np.ndarray,
        extraction: Extraction,
        canonical: np.ndarray,
        own: Motion,
        source: Extraction,
        rounds: int,
    ) -> Motion:
        """A motion of an extraction's frame that lays the source's picture on it better.

        before: that of the frame before as it was coded, the cheapest to code again. drift: what
        alignment added to that frame's expression (K, 3). canonical, own: the source's
        canonical keypoints (K, 3) and its own motion, as the decoder has them. rounds: how often
        the motion is bettered. Here it stays as it is.
        """
        return motion

    def unlikeness(
        self,
        motion: Motion,
        extraction: Extraction,
        canonical: np.ndarray,
        own: Motion,
        source: Extraction,
    ) -> float:
        """How unlike an extraction's frame a source looks when a motion carries it there, in
        thousandths of ST-LPIPS; the rest as for ``align``. Only where ``compares``.
        """
        raise NotImplementedError

    @abstractmethod
    def prepare(self, picture: np.ndarray, canonical: np.ndarray, motion: Motion) -> Any:
        """All that is computed once per source, from its picture (size, size, 3) uint8, its
        canonical keypoints (K, 3) and its own motion. The result is opaque and goes back into
        ``animate``."""

    @abstractmethod
    def animate(self, source: Any, motions: list[Motion]) -> list[np.ndarray]:
        """The prepared source in each of the motions: pictures (size, size, 3) uint8 RGB."""

    def animating(self, source: Any, motions: list[Motion]) -> Callable[[], list[np.ndarray]]:
        """``animate``, begun as in ``extracting``."""
        return partial(self.animate, source, motions)

    def transfer(self, motions: list[Motion], of: Any, to: Any) -> list[Motion]:
        """The same driving frames as motions of another prepared source: from those relative to
        ``of`` to those relative to ``to``. Here they are the same, as they are for a network whose
        motion does not depend on the source.
        """
        return motions

    def blend(
        self,
        first: Any,
        second: Any,
        first_motions: list[Motion],
        second_motions: list[Motion],
        weights: Sequence[float],
    ) -> list[np.ndarray]:
        """Driving frames out of two prepared sources, as pictures (size, size, 3) uint8 RGB.

        Each frame's motion is given relative to either; `weights`, 0..1, are of the second. Here
        the two pictures are faded; a network may fuse what it knows of both.
        """
        pictures = self.animate(first, first_motions), self.animate(second, second_motions)
        return [fade(*each) for each in zip(*pictures, weights, strict=True)]


def fade(first: np.ndarray, second: np.ndarray, weight: float) -> np.ndarray:
    """Two pictures (S, S, 3) uint8 mixed, the second with `weight` 0..1."""
    mixed: np.ndarray = cv2.addWeighted(first, 1 - weight, second, weight, 0)
    return mixed

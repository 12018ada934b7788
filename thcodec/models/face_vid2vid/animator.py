"""The compact face-vid2vid behind the Animator interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from thcodec.bitstream.header import KeypointModel, ModelIdentity
from thcodec.errors import LimitError
from thcodec.models.animator import Animator, Extraction, Eyes
from thcodec.models.face_vid2vid.alignment import Alignment, Reach, scene_of, staying, unlikeness
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.networks import Networks, Placed
from thcodec.models.face_vid2vid.pose import decompose, rigid_fit
from thcodec.models.face_vid2vid.tracking import carried, follow, grey, optical_flow
from thcodec.models.runtime import INT8, choose_runtime
from thcodec.motion.keypoints import Motion, scaled_rotation, transform

# How rigidly each keypoint follows the skull; the order is that of thcodec/train/landmarks.py.
_FACE_RIGIDITY = [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 2, 0, 1, 1.5, 1.5, 0.2, 0.2]
RIGIDITY = np.array(_FACE_RIGIDITY + [0.0] * (COMPACT.keypoints - COMPACT.face))
ANCHORS = np.array([(x, y, 0.0) for x, y in COMPACT.anchors])
SIZE_UNIT = 8  # pixels: the generator halves the picture three times

COMPACT_KEYPOINTS = KeypointModel(
    keypoints=COMPACT.keypoints,
    free=COMPACT.free,
    rotation_step=1 << 22,  # 0.25 degrees
    translation_step=1 << 15,  # 1/512: a quarter of a pixel at 256
    scale_step=1 << 15,
    expression_step=3 << 15,
    depth_step=1 << 17,  # LOST is two steps: more than the encoder's hysteresis holds back
    canonical_step=1 << 16,
)


@dataclass(frozen=True, eq=False)
class PreparedSource:
    """A source's appearance as its runtime has it, canonical keypoints (K, 3), the same where they
    are in the picture, its scaled head rotation (3, 3), and the picture in grey for optical flow.
    """

    appearance: Any
    canonical: np.ndarray
    keypoints: np.ndarray
    turn: np.ndarray
    grey: np.ndarray
    _found: WeakKeyDictionary[PreparedSource, np.ndarray] = field(default_factory=WeakKeyDictionary)

    def free_in(self, other: PreparedSource) -> np.ndarray:
        """Where this source's free keypoints are in the picture of another, (F, 3) with z as in
        ``follow``; sought once."""
        if other not in self._found:
            flow = optical_flow(self.grey, other.grey)
            self._found[other] = follow(flow, self.keypoints[COMPACT.seen :, :2])
        return self._found[other]


class CompactAnimator(Animator):
    """The compact network's parts, on whatever they run, put together."""

    eyes = Eyes(COMPACT.eyes, COMPACT.eye_corners)
    compares = True

    def __init__(self, networks: Networks, identity: ModelIdentity, size: int) -> None:
        self.identity, self.keypoint_model, self.size = identity, COMPACT_KEYPOINTS, size
        self._networks = networks

    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        return self.extracting(pictures)()

    def extracting(self, pictures: list[np.ndarray]) -> Callable[[], list[Extraction]]:
        found = self._networks.extracting(pictures)
        return lambda: [_extraction(*each) for each in zip(pictures, found(), strict=True)]

    def motion(self, extraction: Extraction, canonical: np.ndarray, source: Extraction) -> Motion:
        keypoints = extraction.keypoints
        if source is not extraction:
            flow = optical_flow(source.scene.grey, extraction.scene.grey)
            free = follow(flow, canonical[COMPACT.seen :, :2])
            keypoints = np.concatenate([keypoints[: COMPACT.seen], free])
        return decompose(canonical, keypoints, RIGIDITY, COMPACT.free)

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
        if not rounds:
            return motion
        drift = staying(motion, before, drift[:, :2])
        jacobian = _jacobian(scaled_rotation(own), motion)
        pair = Alignment(source.scene, extraction.scene, jacobian, drift)
        for _ in range(rounds):
            moved = replace(motion, expression=motion.expression + _flat(drift))
            drift = pair.bettered(drift, self._reach(source, canonical, own, moved))
        return replace(motion, expression=motion.expression + _flat(drift))

    def unlikeness(
        self,
        motion: Motion,
        extraction: Extraction,
        canonical: np.ndarray,
        own: Motion,
        source: Extraction,
    ) -> float:
        reach = self._reach(source, canonical, own, motion)
        return unlikeness(source.scene, extraction.scene, reach)

    def _reach(
        self, source: Extraction, canonical: np.ndarray, own: Motion, motion: Motion
    ) -> Reach:
        """Where a source's picture goes with a motion, its own being ``own``."""
        keypoints, driving = (transform(canonical, each, COMPACT.free) for each in (own, motion))
        jacobian = _jacobian(scaled_rotation(own), motion)
        return self._networks.field(source.scene.small, keypoints, driving, jacobian)

    def prepare(self, picture: np.ndarray, canonical: np.ndarray, motion: Motion) -> PreparedSource:
        return PreparedSource(
            self._networks.prepare(picture),
            canonical,
            transform(canonical, motion, COMPACT.free),
            scaled_rotation(motion),
            grey(picture),
        )

    def animate(self, source: PreparedSource, motions: list[Motion]) -> list[np.ndarray]:
        return self.animating(source, motions)()

    def animating(
        self, source: PreparedSource, motions: list[Motion]
    ) -> Callable[[], list[np.ndarray]]:
        return self._networks.synthesising(placed(source, motions)) if motions else list

    def transfer(
        self, motions: list[Motion], of: PreparedSource, to: PreparedSource
    ) -> list[Motion]:
        places = to.free_in(of)
        return [_transferred(motion, places, of, to) for motion in motions]

    def blend(
        self,
        first: PreparedSource,
        second: PreparedSource,
        first_motions: list[Motion],
        second_motions: list[Motion],
        weights: Sequence[float],
    ) -> list[np.ndarray]:
        if not first_motions:
            return []
        both = placed(first, first_motions), placed(second, second_motions)
        return self._networks.blend(*both, np.asarray(weights))


def load_compact(
    path: Path,
    identity: ModelIdentity,
    size: int,
    *,
    device: str,
    runtime: str,
    threads: int | None,
    live: bool,
) -> CompactAnimator:
    """Read the compact network's weights. Raises WeightsError for missing, surplus or misshapen
    tensors, LimitError for a size that cannot be halved three times, ThvError for a device or a
    runtime that is not there.
    """
    if size % SIZE_UNIT:
        raise LimitError(
            f"the compact animator makes sizes that are multiples of {SIZE_UNIT}, not {size}"
        )
    chosen = choose_runtime(runtime, device)
    if chosen == "torch":
        from thcodec.models.face_vid2vid.torch_networks import load_torch

        return CompactAnimator(load_torch(path, device, threads), identity, size)
    from thcodec.models.face_vid2vid.openvino_networks import load_openvino

    networks = load_openvino(
        path, identity.sha256, size, int8=INT8[chosen], threads=threads, live=live
    )
    return CompactAnimator(networks, identity, size)


def _flat(drift: np.ndarray) -> np.ndarray:
    """Ways (K, 2) in the picture as (K, 3)."""
    return np.pad(drift, ((0, 0), (0, 1)))


def _transferred(
    motion: Motion, places: np.ndarray, of: PreparedSource, to: PreparedSource
) -> Motion:
    """A motion of one source as one of another, whose free keypoints have `places` in the first.

    The head's pose stays: those of two sources differ by 0.1 degrees and half a percent of scale.
    """
    points = transform(of.canonical, motion, COMPACT.free)
    free = slice(COMPACT.seen, None)
    points[free] = carried(places, of.keypoints[free], points[free])
    moved = replace(motion, expression=np.zeros_like(points))
    return replace(motion, expression=points - transform(to.canonical, moved, COMPACT.free))


def placed(source: PreparedSource, motions: list[Motion]) -> Placed:
    """A source with what carries it to some driving frames, at least one."""
    driving = [transform(source.canonical, motion, COMPACT.free) for motion in motions]
    jacobian = [_jacobian(source.turn, motion) for motion in motions]
    return Placed(source.appearance, source.keypoints, np.stack(driving), np.stack(jacobian))


def _jacobian(turn: np.ndarray, motion: Motion) -> np.ndarray:
    """(3, 3) of the head, from a driving frame to a source whose scaled rotation is ``turn``."""
    jacobian: np.ndarray = turn @ np.linalg.inv(scaled_rotation(motion))
    return jacobian


def _extraction(picture: np.ndarray, seen: tuple[np.ndarray, np.ndarray]) -> Extraction:
    """Free keypoints stand at their anchors: in a source they do."""
    keypoints, canonical = (points.astype(np.float64) for points in seen)
    sure = _confidence(canonical, keypoints)
    keypoints, canonical = (np.concatenate([points, ANCHORS]) for points in (keypoints, canonical))
    return Extraction(keypoints, canonical, sure, scene_of(picture))


def _confidence(canonical: np.ndarray, keypoints: np.ndarray) -> float:
    """1 where a turned rigid head explains the keypoints, 0 where they miss by the head's radius.

    Faces stay above 0.85, also half covered ones; pictures without any fall below 0.
    """
    weights = RIGIDITY[: COMPACT.seen]
    scale, rotation, translation = rigid_fit(canonical, keypoints, weights)
    miss = keypoints - (scale * canonical @ rotation.T + translation)
    error = np.sqrt(weights @ (miss**2).sum(1) / weights.sum())
    return float(np.clip(1 - error / max(scale, 1e-6), 0, 1))

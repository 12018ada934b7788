"""The compact face-vid2vid behind the Animator interface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from thcodec.bitstream.header import KeypointModel, ModelIdentity
from thcodec.errors import LimitError, ThvError, WeightsError
from thcodec.models.animator import Animator, Extraction
from thcodec.models.face_vid2vid.blocks import channels_last
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.generator import Appearance
from thcodec.models.face_vid2vid.network import FaceVid2Vid
from thcodec.models.face_vid2vid.pose import decompose, rigid_fit
from thcodec.models.face_vid2vid.tracking import flow_both_ways, follow, grey
from thcodec.models.weights_file import read_weights
from thcodec.motion.keypoints import Motion, scaled_rotation, transform

# How rigidly each keypoint follows the skull; the order is that of thcodec/train/landmarks.py.
_FACE_RIGIDITY = [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 2, 0, 1, 1.5, 1.5, 0.2, 0.2]
RIGIDITY = np.array(_FACE_RIGIDITY + [0.0] * (COMPACT.keypoints - COMPACT.face))
ANCHORS = np.array([(x, y, 0.0) for x, y in COMPACT.anchors])
SIZE_UNIT = 8  # pixels: the generator halves the picture three times
BATCH = 8  # frames at a time; memory does not grow with the clip

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


@dataclass(frozen=True)
class PreparedSource:
    """A source's appearance (batch of one), canonical keypoints (K, 3), the same where they are in
    the picture, and its scaled head rotation (3, 3)."""

    appearance: Appearance
    canonical: np.ndarray
    keypoints: np.ndarray
    turn: np.ndarray


class CompactAnimator(Animator):
    """Wraps a trained FaceVid2Vid; all methods run without gradients on ``device``."""

    def __init__(self, net: FaceVid2Vid, identity: ModelIdentity, size: int, device: str) -> None:
        self.identity, self.keypoint_model, self.size = identity, COMPACT_KEYPOINTS, size
        self._device = torch.device(device)
        self._net = channels_last(net.eval().requires_grad_(False).to(self._device))

    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        found = []
        with torch.inference_mode():
            for start in range(0, len(pictures), BATCH):
                part = pictures[start : start + BATCH]
                seen = (_array(points) for points in self._net.extractor(self._tensor(part)))
                found += [_extraction(*each) for each in zip(part, *seen, strict=True)]
        return found

    def motion(self, extraction: Extraction, canonical: np.ndarray, source: Extraction) -> Motion:
        keypoints = extraction.keypoints
        if source is not extraction:
            flow, _ = flow_both_ways(source.scene, extraction.scene)
            free = follow(flow, canonical[COMPACT.seen :, :2])
            keypoints = np.concatenate([keypoints[: COMPACT.seen], free])
        return decompose(canonical, keypoints, RIGIDITY, COMPACT.free)

    def prepare(self, picture: np.ndarray, canonical: np.ndarray, motion: Motion) -> PreparedSource:
        with torch.inference_mode():
            appearance = self._net.appearance(self._tensor([picture]))
        return PreparedSource(
            appearance,
            canonical,
            transform(canonical, motion, COMPACT.free),
            scaled_rotation(motion),
        )

    def animate(self, source: PreparedSource, motions: list[Motion]) -> list[np.ndarray]:
        pictures = []
        for start in range(0, len(motions), BATCH):
            part = motions[start : start + BATCH]
            driving = np.stack(
                [transform(source.canonical, motion, COMPACT.free) for motion in part]
            )
            jacobian = np.stack(
                [source.turn @ np.linalg.inv(scaled_rotation(motion)) for motion in part]
            )
            pictures += self._synthesise(source, driving, jacobian)
        return pictures

    def _synthesise(
        self, source: PreparedSource, driving: np.ndarray, jacobian: np.ndarray
    ) -> list[np.ndarray]:
        count = len(driving)
        with torch.inference_mode():
            out = self._net.synthesise(
                source.appearance.expand(count),
                self._floats(np.broadcast_to(source.keypoints, driving.shape)),
                self._floats(driving),
                self._floats(jacobian),
            )
            pictures = out.picture.clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1)
        return list(np.ascontiguousarray(pictures.cpu().numpy()))

    def _tensor(self, pictures: Sequence[np.ndarray]) -> torch.Tensor:
        batch = torch.from_numpy(np.stack(pictures)).to(self._device)
        return batch.permute(0, 3, 1, 2).float().div_(255)

    def _floats(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self._device)


def load_compact(path: Path, identity: ModelIdentity, size: int, device: str) -> CompactAnimator:
    """Read the compact network's weights. Raises WeightsError for missing, surplus or misshapen
    tensors, LimitError for a size that cannot be halved three times, ThvError for a device that is
    not there.
    """
    if size % SIZE_UNIT:
        raise LimitError(
            f"the compact animator makes sizes that are multiples of {SIZE_UNIT}, not {size}"
        )
    net = FaceVid2Vid(COMPACT)
    state = read_weights(path)
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"{path} does not fit the compact animator: {reason}") from error
    try:
        return CompactAnimator(net, identity, size, device)
    except (RuntimeError, AssertionError) as error:  # both are torch's ways to refuse a device
        reason = str(error).splitlines()[0][:200]
        raise ThvError(f"device {device!r} cannot be used: {reason}") from None


def _extraction(picture: np.ndarray, keypoints: np.ndarray, canonical: np.ndarray) -> Extraction:
    """Free keypoints stand at their anchors: in a source they do."""
    sure = _confidence(canonical, keypoints)
    keypoints, canonical = (np.concatenate([points, ANCHORS]) for points in (keypoints, canonical))
    return Extraction(keypoints, canonical, sure, grey(picture))


def _confidence(canonical: np.ndarray, keypoints: np.ndarray) -> float:
    """1 where a turned rigid head explains the keypoints, 0 where they miss by the head's radius.

    Faces stay above 0.85, also half covered ones; pictures without any fall below 0.
    """
    weights = RIGIDITY[: COMPACT.seen]
    scale, rotation, translation = rigid_fit(canonical, keypoints, weights)
    miss = keypoints - (scale * canonical @ rotation.T + translation)
    error = np.sqrt(weights @ (miss**2).sum(1) / weights.sum())
    return float(np.clip(1 - error / max(scale, 1e-6), 0, 1))


def _array(tensor: torch.Tensor) -> np.ndarray:
    array: np.ndarray = tensor.cpu().numpy().astype(np.float64)
    return array

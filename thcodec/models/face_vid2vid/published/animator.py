"""The published face-vid2vid behind the Animator interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from thcodec.bitstream.header import KeypointModel, ModelIdentity
from thcodec.errors import LimitError, ThvError
from thcodec.models.animator import Animator, Extraction
from thcodec.models.face_vid2vid.published.config import (
    VOX_256,
    VOX_256_BETA,
    PublishedConfig,
)
from thcodec.models.face_vid2vid.published.generator import Volumes
from thcodec.models.face_vid2vid.published.network import PublishedNet
from thcodec.models.face_vid2vid.published.weights import load_net
from thcodec.models.folding import make_fast
from thcodec.motion.keypoints import Motion, scaled_rotation, transform

CONFIGS = {"face-vid2vid:vox-256": VOX_256, "face-vid2vid:vox-256-beta": VOX_256_BETA}
BATCH = 4  # pictures that are looked at at a time


def keypoint_model(config: PublishedConfig) -> KeypointModel:
    """What a stream carries for this network. Its deformations have a depth that counts, and its
    canonical keypoints are sent once per source, so finely.
    """
    return KeypointModel(
        keypoints=config.keypoints,
        rotation_step=1 << 22,  # a quarter of a degree
        translation_step=1 << 16,  # 1/256: half a pixel
        scale_step=1 << 16,  # the scale is always 1
        expression_step=1 << 16,
        depth_step=1 << 17,
        canonical_step=1 << 14,
    )


class PublishedExtraction(Extraction):
    """Head pose and expression of a frame; its canonical keypoints are found when they are asked
    for, which is once per source.
    """

    confidence = 1.0
    scene = None
    pose: Motion
    _find_canonical: Callable[[], np.ndarray]

    def __init__(self, pose: Motion, find_canonical: Callable[[], np.ndarray]) -> None:
        vars(self).update(pose=pose, _find_canonical=find_canonical)  # its class is frozen

    @cached_property
    def canonical(self) -> np.ndarray:
        """(K, 3) canonical keypoints."""
        return self._find_canonical()

    @cached_property
    def keypoints(self) -> np.ndarray:
        """(K, 3) keypoints in the picture."""
        return transform(self.canonical, self.pose)


@dataclass(frozen=True)
class PreparedSource:
    """A source's volumes, canonical keypoints (K, 3), the same where they are in the picture, and
    its head rotation (3, 3).
    """

    volumes: Volumes
    canonical: np.ndarray
    keypoints: np.ndarray
    turn: np.ndarray


class PublishedAnimator(Animator):
    """Wraps a PublishedNet; all methods run without gradients on ``device``.

    The network tells no face from other things, so ``confidence`` is always 1. ``jacobians`` turns
    the candidate motions with the head as in eq. 2, J_k = R J_c,k: for one person J_c,k cancels in
    J_s J_d^-1, so that a stream need not carry them. The published weights were taught without.
    """

    def __init__(
        self,
        net: PublishedNet,
        identity: ModelIdentity,
        device: str = "cpu",
        *,
        jacobians: bool = False,
    ) -> None:
        self.identity, self.size = identity, net.config.size
        self.keypoint_model = keypoint_model(net.config)
        self._device = torch.device(device)
        self._net = net.eval().requires_grad_(False).to(self._device)
        make_fast(net.generator)
        self._jacobians = jacobians

    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        found: list[Extraction] = []
        for start in range(0, len(pictures), BATCH):
            part = pictures[start : start + BATCH]
            with torch.inference_mode():
                pose = self._eyes.pose(self._tensor(part))
                parts = (pose.true_degrees(), pose.translation, pose.expression)
            values = zip(part, *map(_array, parts), strict=True)
            found += [
                PublishedExtraction(
                    Motion(rotation, translation, 0.0, expression), self._finder(picture)
                )
                for picture, rotation, translation, expression in values
            ]
        return found

    def motion(self, extraction: Extraction, canonical: np.ndarray, source: Extraction) -> Motion:
        if not isinstance(extraction, PublishedExtraction):
            raise TypeError("an extraction of another animator")
        return extraction.pose

    def prepare(self, picture: np.ndarray, canonical: np.ndarray, motion: Motion) -> PreparedSource:
        with torch.inference_mode():
            volumes = self._net.generator.prepare(self._tensor([picture]))
        return PreparedSource(
            volumes, canonical, transform(canonical, motion), scaled_rotation(motion)
        )

    def animate(self, source: PreparedSource, motions: list[Motion]) -> list[np.ndarray]:
        return [self._picture(source, motion) for motion in motions]

    @cached_property
    def _eyes(self) -> PublishedNet:
        """The network with its encoder's part made fast, which a decoder never needs."""
        make_fast(self._net.detector)
        make_fast(self._net.pose)
        return self._net

    def _picture(self, source: PreparedSource, motion: Motion) -> np.ndarray:
        """One at a time: a frame keeps a processor busy, and a second one costs as much memory."""
        jacobian = None
        if self._jacobians:
            turn = source.turn @ np.linalg.inv(scaled_rotation(motion))
            jacobian = self._floats(turn)
        driving = self._floats(transform(source.canonical, motion))
        with torch.inference_mode():
            picture, _ = self._net.generator(
                source.volumes, self._floats(source.keypoints), driving, jacobian
            )
            pixels = picture[0].mul_(255).round_().byte().permute(1, 2, 0)
        return np.ascontiguousarray(pixels.cpu().numpy())

    def _finder(self, picture: np.ndarray) -> Callable[[], np.ndarray]:
        def find() -> np.ndarray:
            with torch.inference_mode():
                return _array(self._eyes.detector(self._tensor([picture])))[0]

        return find

    def _tensor(self, pictures: Sequence[np.ndarray]) -> torch.Tensor:
        batch = torch.from_numpy(np.stack(pictures)).to(self._device)
        return batch.permute(0, 3, 1, 2).float().div_(255)

    def _floats(self, array: np.ndarray) -> torch.Tensor:
        """A batch of one."""
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)[None]).to(self._device)


def load_published(
    path: Path, identity: ModelIdentity, size: int, device: str
) -> PublishedAnimator:
    """Read a published network's weights: a torch checkpoint as published, or an imported file.

    Raises WeightsError for what does not fit, LimitError for a size that the network does not have,
    ThvError for a device that is not there.
    """
    config = CONFIGS[identity.name]
    if size != config.size:
        raise LimitError(f"{identity.name} makes pictures of {config.size} pixels, not of {size}")
    net = load_net(path, config)
    try:
        return PublishedAnimator(net, identity, device)
    except (RuntimeError, AssertionError) as error:  # both are torch's ways to refuse a device
        reason = str(error).splitlines()[0][:200]
        raise ThvError(f"device {device!r} cannot be used: {reason}") from None


def _array(tensor: torch.Tensor) -> np.ndarray:
    array: np.ndarray = tensor.cpu().numpy().astype(np.float64)
    return array

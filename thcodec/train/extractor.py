"""Teach the extractor's look at the whole face what the face mesh sees."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import channels_last
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.extractor import FaceExtractor
from thcodec.train import landmarks
from thcodec.train.checkpoint import Average, load_checkpoint, save_checkpoint
from thcodec.train.prepare import PreparedClip, load

TRACKED = 0.9  # mesh score from which a frame teaches


@dataclass(frozen=True)
class ExtractorTraining:
    """Hyper-parameters of one run; ``minutes`` of wall clock bound it, and the learning rate falls
    with them.
    """

    minutes: float = 20.0
    batch: int = 32
    rate: float = 2e-3
    average: float = 0.998
    seed: int = 0


def train_face(cache: Path, run: Path, settings: ExtractorTraining) -> Path:
    """Train on ``cache/train``; checkpoint, log and preview in ``run``. Returns the checkpoint's
    path.
    """
    run.mkdir(parents=True, exist_ok=True)
    data = MeshData(load(cache, "train"), settings.seed)
    held_out = MeshData(load(cache, "val"), 1, shape=data.shape).fixed_batch(256)
    net = channels_last(FaceExtractor(COMPACT))
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.rate, weight_decay=1e-4)
    average = Average(net, settings.average)
    checkpoint = run / "face.pt"
    step, spent = load_checkpoint(checkpoint, net, optimiser, average)
    start, saved = time.monotonic() - spent, time.monotonic()
    while (progress := (time.monotonic() - start) / 60 / settings.minutes) < 1:
        for group in optimiser.param_groups:
            group["lr"] = (
                settings.rate * min(1.0, (step + 1) / 200) * (0.02 + 0.98 * (1 - progress) ** 1.5)
            )
        loss = _loss(net, *data.batch(settings.batch))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        average.update(net)
        step += 1
        if time.monotonic() - saved > 60:
            saved = time.monotonic()
            report = {
                "step": step,
                "minutes": (saved - start) / 60,
                "loss": loss.item(),
                **evaluate(average.net, held_out),
            }
            with (run / "face.log").open("a") as log:
                log.write(json.dumps(report) + "\n")
            save_checkpoint(
                checkpoint, net, optimiser, average, step, saved - start, asdict(settings)
            )
    save_checkpoint(
        checkpoint, net, optimiser, average, step, time.monotonic() - start, asdict(settings)
    )
    return checkpoint


def evaluate(net: FaceExtractor, batch: tuple[torch.Tensor, ...]) -> dict[str, float]:
    """Mean errors on a batch in picture units (1 = half the picture's side)."""
    pictures, keypoints, canonical = batch
    net.eval()
    with torch.inference_mode():
        located, shape = net(pictures)
    openings = _openings(located) - _openings(keypoints)
    return {
        "xy": float((located - keypoints)[..., :2].norm(dim=-1).mean()),
        "z": float((located - keypoints)[..., 2].abs().mean()),
        "opening": float(openings.abs().mean()),
        "canonical": float((shape - canonical).norm(dim=-1).mean()),
    }


def _openings(keypoints: torch.Tensor) -> torch.Tensor:
    upper, lower = zip(*COMPACT.openings, strict=True)
    return keypoints[:, list(lower), :2] - keypoints[:, list(upper), :2]


def _loss(
    net: FaceExtractor, pictures: torch.Tensor, keypoints: torch.Tensor, canonical: torch.Tensor
) -> torch.Tensor:
    net.train()
    located, shape = net(pictures)
    position = functional.smooth_l1_loss(located[..., :2], keypoints[..., :2], beta=0.01)
    depth = functional.smooth_l1_loss(located[..., 2], keypoints[..., 2], beta=0.02)
    opening = functional.smooth_l1_loss(_openings(located), _openings(keypoints), beta=0.005)
    person = functional.smooth_l1_loss(shape, canonical, beta=0.05)
    return 10 * position + 3 * depth + 10 * opening + person


class MeshData:
    """Random, distorted frames of prepared clips with the teacher's keypoints."""

    def __init__(
        self, clips: list[PreparedClip], seed: int, shape: np.ndarray | None = None
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._items = [(clip, np.flatnonzero(clip.score > TRACKED)) for clip in clips]
        self._items = [(clip, frames) for clip, frames in self._items if len(frames)]
        if shape is None:
            shape = landmarks.mean_shape(
                [clip.mesh[frames[len(frames) // 2]] for clip, frames in self._items]
            )
        self.shape = shape
        self._canonical = [
            landmarks.canonical_keypoints(clip.mesh[frames], shape) for clip, frames in self._items
        ]
        sizes = np.array([len(frames) for _, frames in self._items], float)
        self._chance = np.sqrt(sizes) / np.sqrt(sizes).sum()  # long clips do not drown the others

    def batch(self, size: int) -> tuple[torch.Tensor, ...]:
        """Pictures (n, 3, 128, 128) in [0, 1], keypoints and canonical ones (n, K, 3) each."""
        return _stack([self._sample() for _ in range(size)])

    def fixed_batch(self, size: int) -> tuple[torch.Tensor, ...]:
        """Undistorted frames, spread over all clips."""
        samples = []
        for i in range(size):
            index = i % len(self._items)
            clip, frames = self._items[index]
            frame = frames[(i * 37) % len(frames)]
            picture = cv2.resize(
                clip.frames[frame], (COMPACT.extractor_size,) * 2, interpolation=cv2.INTER_AREA
            )
            samples.append(
                (picture, clip.mesh[frame][list(landmarks.FACE)], self._canonical[index])
            )
        return _stack(samples)

    def _sample(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = self._random
        index = int(random.choice(len(self._items), p=self._chance))
        clip, frames = self._items[index]
        frame = int(random.choice(frames))
        picture, keypoints = clip.frames[frame], clip.mesh[frame][list(landmarks.FACE)]
        canonical = self._canonical[index]
        if random.random() < 0.5:
            picture, keypoints, canonical = picture[:, ::-1], mirror(keypoints), mirror(canonical)
        picture, keypoints = self._distort(picture, keypoints)
        return picture, keypoints, canonical

    def _distort(self, picture: np.ndarray, keypoints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        random = self._random
        angle, zoom = np.radians(random.normal(0, 10)), np.exp(random.normal(0, 0.13))
        shift = random.normal(0, 0.07, 2)
        turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        keypoints = keypoints.copy()
        keypoints[:, :2] = keypoints[:, :2] @ turn.T + shift
        keypoints[:, 2] *= zoom
        size = COMPACT.extractor_size
        picture = _warp(picture, turn, shift, size)
        if random.random() < 0.3:
            small = int(random.uniform(0.4, 0.9) * size)
            picture = cv2.resize(
                cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA), (size, size)
            )
        gain, offset = (
            np.exp(random.normal(0, 0.15, 3) + random.normal(0, 0.15)),
            random.normal(0, 12),
        )
        return np.clip(picture * gain + offset, 0, 255).astype(np.uint8), keypoints


def mirror(keypoints: np.ndarray) -> np.ndarray:
    """Keypoints (K, 3) of the mirrored picture."""
    return keypoints[list(landmarks.MIRROR[: len(keypoints)])] * np.array([-1.0, 1.0, 1.0])


def _warp(picture: np.ndarray, turn: np.ndarray, shift: np.ndarray, size: int) -> np.ndarray:
    """Apply p -> turn p + shift (coordinates in [-1, 1]) while shrinking to ``size``."""
    side = picture.shape[0]
    if side >= 2 * size:
        picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        side = size
    inner, outer = (side - 1) / 2, (size - 1) / 2
    matrix = np.zeros((2, 3))
    matrix[:, :2] = turn * outer / inner
    matrix[:, 2] = outer * (shift + 1) - matrix[:, :2] @ np.array([inner, inner])
    return cv2.warpAffine(
        np.ascontiguousarray(picture),
        matrix,
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _stack(samples: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[torch.Tensor, ...]:
    pictures, keypoints, canonical = (np.stack(part) for part in zip(*samples, strict=True))
    batch = (
        torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255)
    )  # strides stay channels_last
    return (
        batch,
        torch.from_numpy(keypoints.astype(np.float32)),
        torch.from_numpy(canonical.astype(np.float32)),
    )

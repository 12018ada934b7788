"""Teach the extractor's close-ups where lids, pupils and lips are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import channels_last
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.extractor import (
    EYE_REACH,
    MOUTH_REACH,
    CloseUp,
    CloseUpFrame,
    close_up_frame,
)
from thcodec.train import landmarks
from thcodec.train.checkpoint import Average, load_checkpoint, save_checkpoint
from thcodec.train.extractor import TRACKED
from thcodec.train.pairs import Track

CANDIDATES = 6  # frames of a clip among which the one with the most open or shut eyes is taken


@dataclass(frozen=True)
class CloseUpTraining:
    """Hyper-parameters of one run; ``minutes`` of wall clock for eyes and mouth each."""

    minutes: float = 8.0
    batch: int = 128
    rate: float = 2e-3
    average: float = 0.998
    seed: int = 0


@dataclass(frozen=True)
class Region:
    """What one net looks at: name, keypoints that set the frame, reach, mirrored, mesh points."""

    around: tuple[int, ...]
    reach: float
    mirrored: bool
    mesh: tuple[int, ...]

    def frame(self, face: torch.Tensor) -> CloseUpFrame:
        """The region's square in pictures with the face's keypoints (N, F, 3)."""
        return close_up_frame(COMPACT, face, self.around, self.reach, self.mirrored)


EYES = tuple(
    Region(eye, EYE_REACH, bool(i), (*(landmarks.FACE[k] for k in eye), landmarks.PUPILS[i]))
    for i, eye in enumerate(COMPACT.eyes)
)
MOUTH = Region(COMPACT.mouth, MOUTH_REACH, False, tuple(landmarks.FACE[k] for k in COMPACT.mouth))


def train_close_ups(
    train: list[Track], val: list[Track], run: Path, settings: CloseUpTraining
) -> dict[str, dict[str, torch.Tensor]]:
    """Train both nets on tracks of the face; returns their states by name: eye and mouth."""
    states = {}
    for name, regions in (("eye", EYES), ("mouth", (MOUTH,))):
        net = CloseUp(COMPACT, len(regions[0].mesh))
        states[name] = _train(name, net, regions, train, val, run, settings)
    return states


def _train(
    name: str,
    net: CloseUp,
    regions: tuple[Region, ...],
    train: list[Track],
    val: list[Track],
    run: Path,
    settings: CloseUpTraining,
) -> dict[str, torch.Tensor]:
    torch.manual_seed(settings.seed)
    data = CloseUpData(train, regions, settings.seed)
    held_out = CloseUpData(val, regions, 1).batch(256, distort=False)
    optimiser = torch.optim.AdamW(channels_last(net).parameters(), lr=1e-3, weight_decay=1e-3)
    average = Average(net, settings.average)
    checkpoint = run / f"{name}.pt"
    step, spent = load_checkpoint(checkpoint, net, optimiser, average)
    start = saved = time.monotonic() - spent

    def keep() -> None:
        report = {"step": step, "minutes": (saved - start) / 60, **evaluate(average.net, held_out)}
        with (run / f"{name}.log").open("a") as log:
            log.write(json.dumps(report) + "\n")
        save_checkpoint(checkpoint, net, optimiser, average, step, saved - start, asdict(settings))

    while (progress := (time.monotonic() - start) / 60 / settings.minutes) < 1:
        for group in optimiser.param_groups:
            fall = 0.02 + 0.98 * (1 - progress) ** 1.5
            group["lr"] = settings.rate * min(1.0, (step + 1) / 200) * fall
        _update(net, data.batch(settings.batch), optimiser)
        average.update(net)
        step += 1
        if time.monotonic() - saved > 60:
            saved = time.monotonic()
            keep()
    saved = time.monotonic()
    keep()
    return average.net.state_dict()


def _update(
    net: CloseUp, batch: tuple[torch.Tensor, torch.Tensor], optimiser: torch.optim.Optimizer
) -> None:
    net.train()
    pictures, points = batch
    found = net(pictures)
    loss = 10 * functional.smooth_l1_loss(found, points, beta=0.02)
    for pair in _opening_pairs(points.shape[1]):
        opening = functional.smooth_l1_loss(
            _opening(found, pair), _opening(points, pair), beta=0.02
        )
        loss = loss + 5 * opening
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()


def _opening_pairs(points: int) -> tuple[tuple[int, int], ...]:
    return ((0, 1),) if points == 3 else ((2, 3), (0, 1))


def _opening(points: torch.Tensor, pair: tuple[int, int]) -> torch.Tensor:
    return points[:, pair[1]] - points[:, pair[0]]


def evaluate(net: CloseUp, batch: tuple[torch.Tensor, torch.Tensor]) -> dict[str, float]:
    """Mean error of points and of openings as shares of the close-up's half side, and the slope
    of the found openings over the teacher's: 1 where their whole amplitude is seen.
    """
    net.eval()
    pictures, points = batch
    with torch.inference_mode():
        found = net(pictures)
    pair = _opening_pairs(points.shape[1])[0]
    mine, true = (_opening(p, pair)[:, 1] for p in (found, points))
    slope = ((mine - mine.mean()) * (true - true.mean())).mean() / true.var()
    return {
        "error": float((found - points).norm(dim=-1).mean()),
        "opening": float((mine - true).abs().mean()),
        "spread": float(true.std()),
        "slope": float(slope),
    }


class CloseUpData:
    """Random close-ups of tracked frames with the teacher's points in them."""

    def __init__(self, tracks: list[Track], regions: tuple[Region, ...], seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._regions = regions
        self._items = [(track, np.flatnonzero(track.clip.score > TRACKED)) for track in tracks]
        self._items = [item for item in self._items if len(item[1])]
        sizes = np.sqrt([len(frames) for _, frames in self._items])
        self._chance = sizes / sizes.sum()

    def batch(self, count: int, distort: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
        """Close-ups (count, 3, s, s) in [0, 1] and points (count, P, 2) in them."""
        samples = [self._sample(distort) for _ in range(count)]
        pictures, points = (np.stack(part) for part in zip(*samples, strict=True))
        batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255)
        return batch, torch.from_numpy(points.astype(np.float32))

    def _sample(self, distort: bool) -> tuple[np.ndarray, np.ndarray]:
        random = self._random
        track, frames = self._items[random.choice(len(self._items), p=self._chance)]
        region = self._regions[random.integers(len(self._regions))]
        at = self._pick(track, frames, region)
        face = torch.from_numpy(track.keypoints[at][None].astype(np.float32))
        frame = region.frame(face)
        if distort:
            frame = self._shift(frame)
        points = torch.from_numpy(
            track.clip.mesh[at][None, list(region.mesh), :2].astype(np.float32)
        )
        picture = _cut(track.clip.frames[at], frame)
        target = frame.from_picture(points)[0].numpy()
        if distort:
            if region == MOUTH and random.random() < 0.5:  # its sides are alike
                picture, target = picture[:, ::-1], target[[1, 0, 2, 3]] * [-1.0, 1.0]
            picture = self._tint(picture)
        return picture, target

    def _pick(self, track: Track, frames: np.ndarray, region: Region) -> int:
        """A frame; every second time that with the smallest or the largest opening of a few."""
        random = self._random
        if random.random() < 0.5:
            return int(random.choice(frames))
        few = random.choice(frames, CANDIDATES)
        pair = _opening_pairs(len(region.mesh))[0]
        upper, lower = (track.clip.mesh[few, region.mesh[i], 1] for i in pair)
        extreme: Callable[[np.ndarray], np.intp] = np.argmax if random.random() < 0.4 else np.argmin
        return int(few[extreme(lower - upper)])

    def _shift(self, frame: CloseUpFrame) -> CloseUpFrame:
        random = self._random
        angle, zoom = random.normal(0, 0.08), np.exp(random.normal(0, 0.1))
        turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        axes = frame.axes @ torch.from_numpy(turn.astype(np.float32))
        offset = torch.from_numpy(random.normal(0, 0.1, 2).astype(np.float32))
        return CloseUpFrame(frame.centre + axes @ offset, axes)

    def _tint(self, picture: np.ndarray) -> np.ndarray:
        random = self._random
        if random.random() < 0.3:
            small = int(random.uniform(0.4, 0.9) * len(picture))
            shrunk = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
            picture = cv2.resize(shrunk, picture.shape[1::-1])
        gain = np.exp(random.normal(0, 0.12, 3)) * np.exp(random.normal(0, 0.2))
        noise = random.normal(0, random.uniform(0, 6), picture.shape)
        return np.clip(picture * gain + noise, 0, 255).astype(np.uint8)


def _cut(picture: np.ndarray, frame: CloseUpFrame) -> np.ndarray:
    """What ``CloseUpFrame.cut`` does, on one picture (S, S, 3) uint8."""
    size = COMPACT.close_up_size
    inner, outer = (size - 1) / 2, (picture.shape[0] - 1) / 2
    matrix = np.zeros((2, 3))
    matrix[:, :2] = frame.axes[0].numpy() * outer / inner
    matrix[:, 2] = outer * (frame.centre[0].numpy() + 1) - matrix[:, :2] @ np.array([inner, inner])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        np.ascontiguousarray(picture),
        matrix,
        (size, size),
        flags=flags,
        borderMode=cv2.BORDER_REPLICATE,
    )

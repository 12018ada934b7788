"""Pairs of a source and a driving frame of one shot, degraded and quantised as by the codec."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.data import IterableDataset

from thcodec.models.face_vid2vid.animator import ANCHORS, RIGIDITY
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.pose import decompose
from thcodec.models.face_vid2vid.tracking import Flow, flow_both_ways, follow, grey, shrink
from thcodec.motion.keypoints import Motion, scaled_rotation, transform
from thcodec.train import landmarks
from thcodec.train.device import picture_on
from thcodec.train.extractor import TRACKED, mirror
from thcodec.train.prepare import PreparedClip
from thcodec.train.streams import start_workers, worker_seed

# Pictures (N, 3, S, S) in [0, 1] -> keypoints and canonical keypoints.
Locate = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Track:
    """A clip and what the extractor sees in it: keypoints, canonical keypoints (n, seen, 3)."""

    clip: PreparedClip
    keypoints: np.ndarray
    canonical: np.ndarray


@dataclass
class PairBatch:
    """A batch of N pairs at picture size S, motion fields having size h.

    source, driving: (N, 3, S, S), the source as the decoder has it; uint8 until ``on`` makes them
    floats in [0, 1]. keypoints (N, K, 3);
    jacobian (N, 3, 3) from driving to source; meshes: the teacher's points in both frames (N,
    468, 2), all 0 where it saw no face; flow (N, h, h, 2): where optical flow says that each sample
    of the driving frame comes from; trusted (N, h, h): 1 where that can be believed. second: the
    same driving frames with other sources of their shots, or None.
    """

    source: torch.Tensor
    driving: torch.Tensor
    source_keypoints: torch.Tensor
    driving_keypoints: torch.Tensor
    jacobian: torch.Tensor
    source_mesh: torch.Tensor
    driving_mesh: torch.Tensor
    flow: torch.Tensor
    trusted: torch.Tensor
    second: PairBatch | None = field(default=None, kw_only=True)

    def on(self, device: torch.device | str) -> PairBatch:
        """The batch ready to be used there."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {name: part.to(device) for name, part in parts.items() if name != "second"}
        moved |= {name: picture_on(moved[name], device) for name in ("source", "driving")}
        return PairBatch(**moved, second=self.second and self.second.on(device))


def extract_tracks(locate: Locate, clips: list[PreparedClip], cache: Path) -> list[Track]:
    """Run an extractor over every frame, once: results are kept in ``cache``, one file a clip."""
    cache.mkdir(parents=True, exist_ok=True)
    tracks = []
    for clip in clips:
        path = cache / f"{clip.name}.npz"
        if not path.exists():
            found = [
                _extract(locate, clip.frames[i : i + 32]) for i in range(0, len(clip.frames), 32)
            ]
            keypoints, canonical = (np.concatenate(part) for part in zip(*found, strict=True))
            partial = path.with_suffix(".partial.npz")
            np.savez(partial, keypoints=keypoints, canonical=canonical)
            partial.replace(path)  # a run may be stopped at any time
        stored = np.load(path)
        tracks.append(Track(clip, stored["keypoints"], stored["canonical"]))
    return tracks


def _extract(locate: Locate, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode():
        pictures = torch.from_numpy(np.array(frames)).permute(0, 3, 1, 2).float().div_(255)
        keypoints, canonical = locate(pictures)
    return keypoints.numpy(), canonical.numpy()


def keypoint_motion(
    canonical: np.ndarray,
    source: np.ndarray,
    driving: np.ndarray,
    noise: np.random.Generator | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split both frames' keypoints (K, 3) by eq. 1 and put them together again as a decoder
    would.

    ``noise`` adds the error of a quantiser step to the parameters. Returns the source's and the
    driving frame's keypoints (K, 3) and the Jacobian (3, 3) from driving to source.
    """
    motions = [
        decompose(canonical, keypoints, RIGIDITY, COMPACT.free) for keypoints in (source, driving)
    ]
    if noise is not None:
        motions = [_quantiser_noise(motion, noise) for motion in motions]
    moved = [transform(canonical, motion, COMPACT.free) for motion in motions]
    turns = [scaled_rotation(motion) for motion in motions]
    return moved[0], moved[1], turns[0] @ np.linalg.inv(turns[1])


def _quantiser_noise(motion: Motion, noise: np.random.Generator) -> Motion:
    return Motion(
        motion.rotation + noise.uniform(-0.4, 0.4, 3),
        motion.translation + noise.uniform(-0.003, 0.003, 3),
        motion.log_scale + float(noise.uniform(-0.004, 0.004)),
        motion.expression + noise.uniform(-0.004, 0.004, motion.expression.shape),
    )


class PairSampler:
    """Random training pairs at picture size ``size``; every call of ``batch`` draws new ones."""

    def __init__(self, tracks: list[Track], seed: int | list[int], degraded: float) -> None:
        self._tracks = [track for track in tracks if len(track.keypoints) > 10]
        self._random = np.random.default_rng(seed)
        self._degraded = degraded
        weights = np.sqrt([len(track.keypoints) for track in self._tracks])
        self._chance = weights / weights.sum()

    def batch(self, count: int, size: int, two: bool = False) -> PairBatch:
        """``count`` pairs, with a second source each if ``two``; a share ``degraded`` of sources is
        put through a small JPEG or WebP.
        """
        sets = [self._set(size, 1 + two) for _ in range(count)]
        first, *rest = (stack(list(pairs)) for pairs in zip(*sets, strict=True))
        return replace(first, second=rest[0]) if rest else first

    def _set(self, size: int, sources: int) -> list[tuple[np.ndarray, ...]]:
        """Pairs of one driving frame with each of some sources."""
        random = self._random
        track = self._tracks[random.choice(len(self._tracks), p=self._chance)]
        chosen = [int(i) for i in random.integers(len(track.keypoints), size=sources)]
        driving = self._driving_frame(track, chosen[0])
        mirrored, gain = random.random() < 0.5, self._gain()
        return [self._pair(track, source, driving, size, mirrored, gain) for source in chosen]

    def _pair(
        self, track: Track, first: int, second: int, size: int, mirrored: bool, gain: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        random = self._random
        frames = [track.clip.frames[first], track.clip.frames[second]]
        keypoints, canonical = (
            [track.keypoints[first], track.keypoints[second]],
            track.canonical[first],
        )
        meshes = _meshes(track.clip, first, second)
        if mirrored:
            frames = [frame[:, ::-1] for frame in frames]
            keypoints, canonical = [mirror(k) for k in keypoints], mirror(canonical)
            meshes = [mesh * np.array([-1.0, 1.0]) for mesh in meshes]
        source, driving = (_tint(shrink(frame, size), gain) for frame in frames)
        *moved, flow = relate(source, driving, canonical, keypoints, noise=random)
        if random.random() < self._degraded:
            source = degrade(
                source,
                int(random.choice([64, 96, 128, 128]) * size / 256),
                int(random.integers(40, 92)),
                str(random.choice(["JPEG", "WEBP"])),
            )
        return source, driving, *moved, *meshes, *flow

    def _driving_frame(self, track: Track, source: int) -> int:
        """Any frame, or of a few the one that differs most in eyes and mouth, or in how the head is
        turned: blinks and large turns are rare.
        """
        chance = self._random.random()
        few = 1 if chance < 0.35 else 10 if chance < 0.7 else 4
        frames = self._random.integers(0, len(track.keypoints), few)
        measure = openings if chance < 0.7 else turns
        change = measure(track.keypoints[frames]) - measure(track.keypoints[source])
        return int(frames[np.abs(change).sum(1).argmax()])

    def _gain(self) -> np.ndarray:
        """Of each channel: light and white balance are no motion."""
        if self._random.random() < 0.5:
            return np.ones(3)
        return np.exp(self._random.normal(0, 0.1, 3) + self._random.normal(0, 0.1))


class PairStream(IterableDataset[PairBatch]):
    """Batches of ``count`` pairs without end, a share ``two`` of them with two sources."""

    def __init__(
        self, tracks: list[Track], seed: int, count: int, size: int, degraded: float, two: float
    ) -> None:
        self._tracks, self._seed, self._degraded = tracks, seed, degraded
        self._count, self._size, self._two = count, size, two

    def start(self, workers: int) -> Iterator[PairBatch]:
        """Let so many processes, or a thread, make batches ahead; they end with the iterator."""
        return start_workers(self, workers)

    def __iter__(self) -> Iterator[PairBatch]:
        seed = worker_seed(self._seed)
        sampler, chosen = (
            PairSampler(self._tracks, seed, self._degraded),
            np.random.default_rng(seed),
        )
        while True:
            yield sampler.batch(self._count, self._size, bool(chosen.random() < self._two))


def _tint(picture: np.ndarray, gain: np.ndarray) -> np.ndarray:
    return np.clip(picture * gain, 0, 255).astype(np.uint8)


def relate(
    source: np.ndarray,
    driving: np.ndarray,
    canonical: np.ndarray,
    keypoints: list[np.ndarray],
    noise: np.random.Generator | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """What ``keypoint_motion`` returns, with free keypoints followed from one frame to the other,
    and the field that optical flow sees with the share of it to trust.

    keypoints, canonical: (seen, 3) as the extractor found them.
    """
    there, back = flow_both_ways(grey(source), grey(driving))
    free = (ANCHORS, follow(there, ANCHORS[:, :2]))
    whole = [np.concatenate(parts) for parts in zip(keypoints, free, strict=True)]
    shape = np.concatenate([canonical, ANCHORS])
    moved = keypoint_motion(shape, whole[0], whole[1], noise)
    return *moved, field_of(back)


def field_of(flow: Flow) -> tuple[np.ndarray, np.ndarray]:
    """Flow from the driving frame to the source as a motion field (h, h, 2) in [-1, 1], and which
    of its samples to trust (h, h)."""
    half = (COMPACT.motion_size,) * 2
    to = (flow.to / ((len(flow.to) - 1) / 2) - 1).astype(np.float32)
    small = cv2.resize(to, half, interpolation=cv2.INTER_AREA)
    sure = cv2.resize(flow.trusted.astype(np.float32), half, interpolation=cv2.INTER_AREA)
    return small, (sure > 0.99).astype(np.float32)


def openings(keypoints: np.ndarray) -> np.ndarray:
    """How far eyes and mouth are open, (n, 3), of keypoints (n, K, 3); eyes count twice."""
    upper, lower = np.array(COMPACT.openings).T
    distance = np.linalg.norm(
        (keypoints[..., lower, :] - keypoints[..., upper, :])[..., :2], axis=-1
    )
    weighted: np.ndarray = distance * np.array([2.0, 2.0, 1.0])
    return weighted


def turns(keypoints: np.ndarray) -> np.ndarray:
    """Where the nose is between the sides of the face and between forehead and chin, (n, 2), of
    keypoints (n, K, 3)."""
    points = keypoints[..., [landmarks.FACE.index(p) for p in (1, 234, 454, 10, 152)], :2]
    nose, right, left, top, chin = np.moveaxis(points, -2, 0)
    height = np.linalg.norm(chin - top, axis=-1, keepdims=True)
    aside = ((nose - (right + left) / 2) / height)[..., :1]
    nod = ((nose - (top + chin) / 2) / height)[..., 1:]
    turned: np.ndarray = np.concatenate([aside, nod], -1)
    return turned


def degrade(picture: np.ndarray, size: int, quality: int, codec: str = "JPEG") -> np.ndarray:
    """Shrink (S, S, 3) to ``size``, code it as Pillow's ``codec`` does and enlarge it again."""
    stream = io.BytesIO()
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    Image.fromarray(small).save(stream, codec, quality=quality)
    back = Image.open(stream).resize(picture.shape[1::-1], Image.Resampling.BICUBIC)
    return np.asarray(back)


def fixed_pairs(tracks: list[Track], distance: int, per_clip: int) -> list[tuple[np.ndarray, ...]]:
    """The same undistorted pairs every time: driving frame ``distance`` frames after the source."""
    pairs = []
    for track in tracks:
        last = len(track.keypoints) - distance
        for start in np.linspace(0, last - 1, per_clip).astype(int) if last > 0 else ():
            ends = (start, start + distance)
            source, driving = (np.array(track.clip.frames[at]) for at in ends)
            keypoints = [track.keypoints[at] for at in ends]
            *moved, field = relate(source, driving, track.canonical[start], keypoints)
            pairs.append((source, driving, *moved, *_meshes(track.clip, *ends), *field))
    return pairs


def _meshes(clip: PreparedClip, first: int, second: int) -> list[np.ndarray]:
    seen = min(clip.score[first], clip.score[second]) > TRACKED
    mesh = slice(0, landmarks.PUPILS[0])  # a shut lid hides the pupil: the field may differ
    return [clip.mesh[frame][mesh, :2] * seen for frame in (first, second)]


def stack(pairs: list[tuple[np.ndarray, ...]]) -> PairBatch:
    """Pairs, each with its parts in the order of PairBatch, as one batch."""
    parts = [np.stack(part) for part in zip(*pairs, strict=True)]
    pictures = [torch.from_numpy(part).permute(0, 3, 1, 2) for part in parts[:2]]
    rest = [torch.from_numpy(part.astype(np.float32)) for part in parts[2:]]
    return PairBatch(*pictures, *rest)

"""Pairs of a still as the codec sends it and the picture that it was made of."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from numpy.lib.format import open_memmap
from PIL import Image
from torch.utils.data import IterableDataset

from thcodec.bitstream.header import StillCodec
from thcodec.errors import ThvError
from thcodec.sources.stills import decode_still, encode_still, jpeg_tables, resize_still
from thcodec.train.device import picture_on
from thcodec.train.streams import start_workers, worker_seed

SHARP = 450  # pixels of a crop before it was brought to 512: less holds no detail to learn from
WINDOWS = 2  # samples of one coded still, where it is larger than they are: coding takes time
_CODECS = (StillCodec.JPEG, StillCodec.WEBP)


@dataclass(frozen=True)
class Job:
    """Stills of ``still`` pixels made of pictures of ``size``; ``share`` of the batches."""

    still: int
    size: int
    share: float = 1.0

    @property
    def scale(self) -> int:
        """How many times larger the picture is."""
        return self.size // self.still


@dataclass
class StillBatch:
    """still: (N, 3, h, w) decoded; target: (N, 3, scale h, scale w); both uint8 until ``on`` makes
    them floats in [0, 1].
    """

    still: torch.Tensor
    target: torch.Tensor
    scale: int

    def on(self, device: torch.device | str) -> StillBatch:
        """The batch ready to be used there."""
        still, target = (picture_on(each, device) for each in (self.still, self.target))
        return StillBatch(still, target, self.scale)


def prepare_stills(data: Path, cache: Path, frames: int) -> None:
    """Decode the sharp portraits of train and val and ``frames`` of each clip of ``train512``,
    evenly spread, into ``cache/{train,val}/<name>.npy``, each uint8 (n, 512, 512, 3).

    What is there already stays. Raises ThvError without any data.
    """
    clips = sorted((data / "train512").glob("*.mp4"))
    table = data / "portraits" / "portraits.csv"
    if not clips or not table.is_file():
        raise ThvError(f"no stills in {data}: this training wants folders train512 and portraits")
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["native_crop"]) >= SHARP]
    for split in ("train", "val"):
        chosen = [table.parent / row["file"] for row in rows if row["split"] == split]
        target = cache / split / "portraits.npy"
        if not target.exists():
            _save(target, len(chosen), map(_picture, chosen))
    tasks = [(clip, cache / "train" / f"{clip.stem}.npy", frames) for clip in clips]
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(_prepare_clip, *zip(*tasks, strict=True)))


def load_stills(cache: Path, split: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """Memory maps of a split: its portraits and its clips, each (n, 512, 512, 3)."""
    paths = sorted((cache / split).glob("*.npy"))
    clips = [np.load(path, mmap_mode="r") for path in paths if path.stem != "portraits"]
    return np.load(cache / split / "portraits.npy", mmap_mode="r"), clips


class StillSampler:
    """Random samples of the training stills, degraded as by the codec; ``portraits`` is the share
    that comes of portraits, the rest comes of clips, each clip as likely as the others.
    """

    def __init__(
        self, portraits: np.ndarray, clips: list[np.ndarray], share: float, seed: int | list[int]
    ) -> None:
        self._portraits, self._clips = portraits, clips
        self._share = share if clips else 1.0
        self._random = np.random.default_rng(seed)

    def batch(self, count: int, patch: int, job: Job) -> StillBatch:
        """``count`` new samples that show squares of ``patch`` pixels of stills."""
        windows = WINDOWS if job.still > patch else 1
        pairs: list[tuple[np.ndarray, np.ndarray]] = []
        while len(pairs) < count:
            pairs += self._samples(patch, job, min(windows, count - len(pairs)))
        return stack(pairs, job.scale)

    def _samples(self, patch: int, job: Job, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Squares of one coded still, and the same squares of its picture."""
        random = self._random
        if random.random() < self._share:
            picture = self._portraits[random.integers(len(self._portraits))]
        else:
            clip = self._clips[random.integers(len(self._clips))]
            picture = clip[random.integers(len(clip))]
        picture = self._zoomed(picture, job.size)
        if random.random() < 0.5:
            picture = picture[:, ::-1]
        picture = np.ascontiguousarray(picture)
        still = self._degraded(picture, job.still)
        pairs = []
        for y, x in random.integers(0, job.still - patch + 1, (count, 2)):
            shown = picture[job.scale * y :, job.scale * x :][: job.scale * patch]
            pairs.append((still[y : y + patch, x : x + patch], shown[:, : job.scale * patch]))
        return pairs

    def _zoomed(self, picture: np.ndarray, size: int) -> np.ndarray:
        """A square that holds at least three quarters of the side, reduced to ``size``."""
        side = len(picture)
        lowest = max(size, 3 * side // 4)
        if lowest < side and self._random.random() < 0.7:
            wanted = int(self._random.integers(lowest, side + 1))
            y, x = self._random.integers(0, side - wanted + 1, 2)
            picture = picture[y : y + wanted, x : x + wanted]
        return resize_still(np.ascontiguousarray(picture), size)

    def _degraded(self, picture: np.ndarray, size: int) -> np.ndarray:
        """Reduced mostly by the encoder's own filter, coded with any quality one would choose."""
        random = self._random
        if random.random() < 0.8:
            still = resize_still(picture, size)
        else:
            still = cv2.GaussianBlur(picture, (0, 0), 0.4 * len(picture) / size)
            still = cv2.resize(still, (size, size), interpolation=cv2.INTER_CUBIC)
        if random.random() < 0.04:
            return still
        codec = _CODECS[random.integers(2)]
        quality = int(random.triangular(15, 60, 96))
        return coded(still, codec, quality)


def coded(still: np.ndarray, codec: StillCodec, quality: int) -> np.ndarray:
    """A still, uint8 (S, S, 3), as the decoder sees it."""
    size = len(still)
    tables = jpeg_tables(quality) if codec is StillCodec.JPEG else b""
    data = encode_still(still, codec=codec, quality=quality, tables=tables)
    return decode_still(data, codec, size, size, tables=tables)


def stack(pairs: list[tuple[np.ndarray, np.ndarray]], scale: int) -> StillBatch:
    """Stills and their pictures, uint8 (H, W, 3), as one batch."""
    parts = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
    still, target = (part.permute(0, 3, 1, 2) for part in parts)
    return StillBatch(still, target, scale)


class StillStream(IterableDataset[StillBatch]):
    """Batches without end for a mixture of jobs; ``shape``: samples and their stills' pixels."""

    def __init__(
        self,
        stills: tuple[np.ndarray, list[np.ndarray]],
        jobs: tuple[Job, ...],
        portraits: float,
        seed: int,
        shape: tuple[int, int],
    ) -> None:
        self._stills, self._jobs, self._portraits = stills, jobs, portraits
        self._seed, self._shape = seed, shape

    def start(self, workers: int) -> Iterator[StillBatch]:
        """Let so many processes, or a thread, make batches ahead; they end with the iterator."""
        return start_workers(self, workers)

    def __iter__(self) -> Iterator[StillBatch]:
        seed = worker_seed(self._seed)
        sampler = StillSampler(*self._stills, self._portraits, seed)
        chosen, shares = np.random.default_rng(seed), np.array([job.share for job in self._jobs])
        while True:
            job = self._jobs[chosen.choice(len(shares), p=shares / shares.sum())]
            yield sampler.batch(*self._shape, job)


def _prepare_clip(clip: Path, target: Path, frames: int) -> None:
    if target.exists():
        return
    with av.open(str(clip)) as container:
        total = sum(1 for _ in container.decode(video=0))
    chosen = sorted({round(i) for i in np.linspace(0, total - 1, frames)})
    _save(target, len(chosen), _frames(clip, set(chosen)))


def _frames(clip: Path, chosen: set[int]) -> Iterator[np.ndarray]:
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index in chosen:
                yield frame.to_ndarray(format="rgb24")


def _picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _save(target: Path, count: int, pictures: Iterator[np.ndarray]) -> None:
    """Write pictures one by one; the file gets its name when it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    array = open_memmap(partial, "w+", np.uint8, (count, 512, 512, 3))
    for index, picture in enumerate(pictures):
        array[index] = resize_still(picture, 512)
    array.flush()
    partial.replace(target)

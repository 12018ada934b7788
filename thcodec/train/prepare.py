"""Decode the training clips once: frames memory-mapped, the teacher's mesh beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from thcodec.errors import ThvError
from thcodec.train.mesh import MeshTracker


@dataclass(frozen=True)
class PreparedClip:
    """One decoded shot: frames (n, 256, 256, 3) uint8, mesh (n, 470, 3) in [-1, 1], score (n,) in
    0..1.
    """

    name: str
    frames: np.ndarray
    mesh: np.ndarray
    score: np.ndarray


def prepare(data: Path, cache: Path, splits: tuple[str, ...], jobs: int = 2) -> int:
    """Decode each clip of ``data/<split>256`` into ``cache/<split>/<clip>/``; done ones stay.

    Returns the number of clips in the cache. Interrupted runs go on where they stopped.
    Raises ThvError without any clip.
    """
    tasks = []
    for split in splits:
        for clip in sorted((data / f"{split}256").glob("*.mp4")):
            tasks.append((clip, cache / split / clip.stem))
    if not tasks:
        raise ThvError(f"no clips in {data}: thcodec train wants a folder with train256 and val256")
    with ProcessPoolExecutor(jobs) as pool:
        list(pool.map(_prepare_clip, *zip(*tasks, strict=True)))
    return len(tasks)


def load(cache: Path, split: str, resident: bool = False) -> list[PreparedClip]:
    """Open every prepared clip of a split.

    Frames stay on disk until they are read; ``resident`` ones are held in memory (200 KB a frame),
    for random access that does not wait for the disk.
    """
    clips = []
    for folder in sorted((cache / split).iterdir()):
        if (folder / "done.json").exists():
            track = np.load(folder / "mesh.npz")
            frames = np.load(folder / "frames.npy", mmap_mode=None if resident else "r")
            clips.append(PreparedClip(folder.name, frames, track["mesh"], track["score"]))
    return clips


def _prepare_clip(clip: Path, folder: Path) -> None:
    if (folder / "done.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    tracker = MeshTracker()
    frames, mesh, score = [], [], []
    for frame in _frames(clip):
        points, confidence = tracker.track(frame)
        frames.append(frame)
        mesh.append(points)
        score.append(confidence)
    np.save(folder / "frames.npy", np.stack(frames))
    np.savez(folder / "mesh.npz", mesh=np.stack(mesh), score=np.array(score, np.float32))
    summary = {"frames": len(frames), "tracked": int(sum(s > 0 for s in score))}
    (folder / "done.json").write_text(json.dumps(summary))


def _frames(clip: Path) -> Iterator[np.ndarray]:
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")

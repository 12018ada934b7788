"""Clips of a folder, and their frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from thcodec.errors import MediaError
from thcodec.media.video_input import VideoInput


def find_clips(folder: Path, names: list[str] | None = None) -> list[Path]:
    """The clips of a folder in order of name, or those named (without .mp4).

    Raises MediaError when there is none, or not every one that was named.
    """
    found = sorted(path for path in folder.glob("*.mp4") if not names or path.stem in names)
    missing = sorted(set(names or ()) - {path.stem for path in found})
    if missing or not found:
        what = f"no {', '.join(missing)}" if missing else "no clips"
        raise MediaError(f"{what} in {folder}: give another folder with --data")
    return found


def read_frames(clip: Path, limit: int | None = None) -> list[np.ndarray]:
    """The first `limit` frames, or all: uint8 (H, W, 3)."""
    frames: list[np.ndarray] = []
    with VideoInput(clip, audio=False) as video:
        for frame in video.frames():
            frames.append(frame.rgb)
            if len(frames) == limit:
                break
    return frames

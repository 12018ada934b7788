"""Clips in, results out: what all benchmarks share."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from thcodec.media.video_input import VideoInput

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
TEST_CLIPS = ROOT.parent / "shared" / "data" / "test256"
VAL_CLIPS = ROOT.parent / "shared" / "data" / "val256"


def parser(description: str | None, data: Path = TEST_CLIPS) -> argparse.ArgumentParser:
    """The options of every benchmark that runs the animator over clips of a folder."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--data", type=Path, default=data)
    options.add_argument("--clips", nargs="*", help="names without .mp4; all by default")
    options.add_argument("--limit", type=int, default=250, help="frames of each clip")
    options.add_argument("--weights", type=Path)
    options.add_argument("--results", type=Path, default=RESULTS)
    return options


def clips(folder: Path, names: list[str] | None = None) -> list[Path]:
    """The clips of a folder in order of name, or those named. Raises SystemExit without any."""
    found = sorted(path for path in folder.glob("*.mp4") if not names or path.stem in names)
    if not found:
        raise SystemExit(f"no clips in {folder}: give another folder with --data")
    return found


def read(clip: Path, limit: int) -> list[np.ndarray]:
    """The first `limit` frames, uint8 (H, W, 3)."""
    with VideoInput(clip, audio=False) as video:
        return [frame.rgb for frame, _ in zip(video.frames(), range(limit), strict=False)]


def save(name: str, figures: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write `figures` and how they came about to ``folder/name.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    record = {"made_by": _command(), "machine": _machine(), **figures}
    path.write_text(json.dumps(_rounded(record), indent=1, ensure_ascii=False) + "\n")
    print(f"written: {path}")
    return path


def _command() -> str:
    module = getattr(sys.modules["__main__"], "__spec__", None)
    name = f"python -m {module.name}" if module is not None else "python"
    return shlex.join([*name.split(), *sys.argv[1:]])


def _machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _rounded(value: Any) -> Any:
    """Figures to five significant digits: more would be noise in every diff."""
    if isinstance(value, float | np.floating):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value

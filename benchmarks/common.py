"""Clips in, results out: what all benchmarks share."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from thcodec.errors import MediaError
from thcodec.evaluate.clips import find_clips
from thcodec.evaluate.record import save_record
from thcodec.models import registry
from thcodec.models.animator import Animator
from thcodec.pipeline.config import EncoderConfig

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
FRAME_RATE = 25  # of all clips
OUTPUTS = ("--results", "--pictures", "--videos", "--figure")  # options that take a place
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
    try:
        return find_clips(folder, names)
    except MediaError as error:
        raise SystemExit(str(error)) from None


def load_network(weights: Path | None) -> Animator:
    """The default animator on the runtime that the command line takes."""
    return registry.load_animator(EncoderConfig().animator, weights=weights, runtime="auto")


def save(name: str, figures: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write `figures` and how they came about to ``folder/name.json``."""
    path = folder / f"{name}.json"
    save_record(path, _command(), figures)
    print(f"written: {path}")
    return path


def _command() -> str:
    """The command, without where its outputs went: that is a matter of the machine."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    name = f"python -m {module.name}" if module is not None else "python"
    words = iter(sys.argv[1:])
    kept = [word for word in words if word not in OUTPUTS or next(words, None) is None]
    return shlex.join([*name.split(), *kept])

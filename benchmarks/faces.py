"""Sharp pictures of people not trained on: portraits, and frames of the clips of ``test512``."""

from __future__ import annotations

import argparse
import csv
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import common
from thcodec.errors import ThvError
from thcodec.media.video_input import VideoInput
from thcodec.models import registry
from thcodec.models.upscaler import Upscaler
from thcodec.train.stills import SHARP

DATA = common.ROOT.parent / "shared" / "data"


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options of the benchmarks of upscalers."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--data", type=Path, default=DATA, help="folder of portraits and test512")
    options.add_argument(
        "--split", choices=("test", "val"), default="test", help="val is for choosing settings"
    )
    options.add_argument("--limit", type=int, help="pictures; all by default")
    options.add_argument("--weights", type=Path, help="of the upscaler face")
    options.add_argument("--tfhub", help="folder or handle of TensorFlow Hub's ESRGAN")
    options.add_argument("--results", type=Path, default=common.RESULTS)
    return options


def load_pictures(data: Path, split: str, limit: int | None = None) -> list[np.ndarray]:
    """Pictures (512, 512, 3) uint8 of portraits, for ``test`` also a frame of each clip.

    ``limit`` takes as many, evenly spread. Raises SystemExit without any.
    """
    table = data / "portraits" / "portraits.csv"
    if not table.is_file():
        raise SystemExit(f"no portraits in {data}: give another folder with --data")
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    names = [row["file"] for row in rows if int(row["native_crop"]) >= SHARP]
    pictures = [_portrait(table.parent / name) for name in names]
    if split == "test":
        pictures += [load_frames(clip, (20,))[0] for clip in clips(data)]
    if limit is not None and limit < len(pictures):
        pictures = [pictures[i] for i in np.linspace(0, len(pictures) - 1, limit).astype(int)]
    return pictures


def clips(data: Path) -> list[Path]:
    """The clips of test512 in order of name. Raises SystemExit without any."""
    return common.clips(data / "test512")


def load_frames(clip: Path, wanted: tuple[int, ...]) -> list[np.ndarray]:
    """The frames of these numbers, in rising order, as far as the clip has them."""
    with VideoInput(clip, audio=False) as video:
        frames = islice(enumerate(video.frames()), max(wanted) + 1)
        return [frame.rgb for index, frame in frames if index in wanted]


def load_upscalers(
    names: list[str] | None, weights: Path | None, tfhub: str | None
) -> dict[str, Upscaler]:
    """Those named, or all that can be had here; says which cannot, and why."""
    given = {"face": weights, "tfhub": tfhub}
    loaded = {}
    for name in names or [name for name in registry.UPSCALERS if name != "esrgan"]:
        try:
            loaded[name] = registry.load_upscaler(name, weights=given.get(name))
        except ThvError as error:
            if names:
                raise SystemExit(f"{name}: {error}") from None
            print(f"left out: {name}: {error}")
    return loaded


def _portrait(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))

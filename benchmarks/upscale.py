"""Upscalers on coded stills of people not trained on: fidelity, identity, colour, time.

Portraits and one frame of each clip of ``test512`` are reduced, coded, decoded and enlarged again:
64 -> 256, 128 -> 512 and 128 -> 256 by each codec at several qualities, 43 -> 256 (x6) and
32 -> 256 (x8) at the middle; networks that take seconds a still at some of these only. Scores are
means over pictures; time is the median, to be measured on a quiet machine. Steadiness looks at ten
sources of each clip, a second apart: how much the sharpness, against the original's, and the error
of the mean colour vary among them. Texture is fine detail on smooth areas, in shares of the
original's: above 1 it is invented.

Writes ``upscale.json`` and its table ``upscale.md``. ``--figure FILE.png`` draws five people at
128 -> 512: still, every upscaler, original; footage rights are not cleared, so not to be committed.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image

from benchmarks import common, faces
from thcodec.bitstream.header import StillCodec
from thcodec.evaluate.identity import IdentityScorer
from thcodec.evaluate.perceptual import Distance, load_stlpips
from thcodec.evaluate.scores import score
from thcodec.models.upscaler import Upscaler
from thcodec.sources.stills import resize_still
from thcodec.train.stills import coded

QUALITIES = (30, 60, 85)
CODECS = {"JPEG": StillCodec.JPEG, "WebP": StillCodec.WEBP}
SIZES = ((64, 256), (128, 512), (128, 256))
FARTHER = ((43, 256), (32, 256))
SOURCES, APART = 10, 25  # of a clip, frames
PEOPLE = 5  # in the figure
COLUMNS = {  # title -> (score, digits)
    "PSNR dB": ("psnr", 2),
    "SSIM": ("ssim", 3),
    "ST-LPIPS": ("stlpips", 3),
    "identity": ("identity", 3),
    "colour error": ("colour", 2),
    "texture": ("texture", 2),
    "ms a still": ("ms", 1),
}


class Setting(NamedTuple):
    """How stills are made."""

    still: int
    size: int
    codec: str
    quality: int

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.still} -> {self.size}, {self.codec} q{self.quality}"


SLOW = ("realesrgan", "tfhub")  # seconds a still
SLOW_SETTINGS = (
    *(Setting(still, 256, codec, 60) for still in (64, 43, 32) for codec in CODECS),
    Setting(128, 512, "JPEG", 60),
)


def main() -> None:
    """Measure and save the figures."""
    parser = faces.parser(__doc__)
    parser.add_argument("--upscalers", nargs="*", help="names; all that can be had by default")
    parser.add_argument("--qualities", nargs="*", type=int, default=QUALITIES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--figure", type=Path, help="PNG with five people")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    upscalers = faces.load_upscalers(options.upscalers, options.weights, options.tfhub)
    pictures = faces.load_pictures(options.data, options.split, options.limit)
    if options.figure is not None:
        Image.fromarray(figure(pictures, upscalers)).save(options.figure)
    stlpips, identity = load_stlpips(), IdentityScorer()
    settings = [
        Setting(*sizes, codec, quality)
        for sizes in SIZES
        for codec in CODECS
        for quality in options.qualities
    ]
    middle = options.qualities[len(options.qualities) // 2]
    settings += [Setting(*sizes, codec, middle) for sizes in FARTHER for codec in CODECS]
    results: dict[str, dict[str, dict[str, float | None]]] = {}
    for setting in settings:
        rows = results[setting.title] = {}
        for name, upscaler in upscalers.items():
            if name in SLOW and setting not in SLOW_SETTINGS:
                continue
            rows[name] = measure(pictures, upscaler, setting, stlpips, identity)
            print(setting.title, name, rows[name], flush=True)
    steady = {}
    if options.split == "test":
        clips = faces.clips(options.data)[: options.limit]
        quick = {name: item for name, item in upscalers.items() if name not in SLOW}
        steady = {name: steadiness(clips, upscaler) for name, upscaler in quick.items()}
    hashes = {name: upscaler.identity.sha256.hex()[:16] for name, upscaler in upscalers.items()}
    record: dict[str, Any] = {
        "split": options.split,
        "pictures": len(pictures),
        "threads_used": options.threads,
        "weights": hashes,
        "settings": results,
        "steadiness": steady,
    }
    common.save("upscale", record, options.results)
    text = f"{table(results)}\n\n{record['pictures']} pictures of {options.split}.\n"
    (options.results / "upscale.md").write_text(text)


def table(settings: dict[str, dict[str, dict[str, float | None]]]) -> str:
    """All rows as Markdown."""
    lines = [
        "| still | upscaler | " + " | ".join(COLUMNS) + " |",
        "|---" * (2 + len(COLUMNS)) + "|",
    ]
    for title, rows in settings.items():
        for name, scores in rows.items():
            cells = [
                "-" if (value := scores[key]) is None else f"{value:.{digits}f}"
                for key, digits in COLUMNS.values()
            ]
            lines.append(f"| {title} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measure(
    pictures: list[np.ndarray],
    upscaler: Upscaler,
    setting: Setting,
    stlpips: Distance | None,
    identity: IdentityScorer,
) -> dict[str, float | None]:
    """Mean scores over pictures (512, 512, 3) and the median of the milliseconds for one."""
    originals = [resize_still(picture, setting.size) for picture in pictures]
    stills = [make_still(picture, setting) for picture in originals]
    upscaler.upscale(stills[0], setting.size)  # the first run of a network takes longer
    large, times = [], []
    for still in stills:
        start = time.perf_counter()
        large.append(upscaler.upscale(still, setting.size))
        times.append(1000 * (time.perf_counter() - start))
    pairs = list(zip(large, originals, strict=True))
    colour = [np.abs(_colour(a) - _colour(b)).max() for a, b in pairs]
    return {
        **score(originals, large, stlpips).as_dict(),
        "identity": identity.similarity(originals, large),
        "colour": float(np.mean(colour)),
        "texture": float(np.mean([_texture(*pair) for pair in pairs])),
        "ms": float(np.median(times)),
    }


def make_still(picture: np.ndarray, setting: Setting) -> np.ndarray:
    """What the decoder gets of a picture."""
    still = resize_still(picture, setting.still)
    return coded(still, CODECS[setting.codec], setting.quality)


def steadiness(clips: list[Path], upscaler: Upscaler) -> dict[str, float]:
    """Standard deviations over the sources of a clip, mean over clips: of the logarithm of the
    sharpness against the original's, and of the error of the mean colour.
    """
    setting = Setting(64, 256, "WebP", 60)
    sharpness, colour = [], []
    for clip in clips:
        frames = faces.load_frames(clip, tuple(range(0, SOURCES * APART, APART)))
        originals = [resize_still(frame, setting.size) for frame in frames]
        large = [upscaler.upscale(make_still(o, setting), setting.size) for o in originals]
        pairs = list(zip(large, originals, strict=True))
        sharpness.append(np.std([np.log(_sharpness(a) / _sharpness(b)) for a, b in pairs]))
        colour.append(np.std([_colour(a) - _colour(b) for a, b in pairs], axis=0).max())
    return {"sharpness": float(np.mean(sharpness)), "colour": float(np.mean(colour))}


def figure(pictures: list[np.ndarray], upscalers: dict[str, Upscaler]) -> np.ndarray:
    """A row for each of five people: the still by nearest neighbour, every upscaler, original."""
    setting = Setting(128, 512, "JPEG", 60)
    rows = []
    for index in np.linspace(0, len(pictures) - 1, PEOPLE).astype(int):
        picture = pictures[index]
        still = make_still(picture, setting)
        cells = [still.repeat(setting.size // setting.still, 0)]
        cells = [cells[0].repeat(setting.size // setting.still, 1)]
        cells += [upscaler.upscale(still, setting.size) for upscaler in upscalers.values()]
        rows.append(np.concatenate([*cells, picture], 1))
    return np.concatenate(rows)


def _colour(picture: np.ndarray) -> np.ndarray:
    mean: np.ndarray = picture.mean((0, 1), dtype=np.float64)
    return mean


def _sharpness(picture: np.ndarray) -> float:
    return float(_detail(picture).mean())


def _texture(picture: np.ndarray, original: np.ndarray) -> float:
    """Fine detail against the original's over the smoothest third of the original, which is skin
    and background: what exceeds 1 is invented.
    """
    detail = _detail(original)
    activity = cv2.GaussianBlur(detail, (0, 0), len(original) / 64)
    smooth = activity <= np.percentile(activity, 33)
    return float(_detail(picture)[smooth].mean() / max(float(detail[smooth].mean()), 0.1))


def _detail(picture: np.ndarray) -> np.ndarray:
    """Size of the Laplacian, mean over the channels: (H, W)."""
    return np.abs(cv2.Laplacian(picture.astype(np.float32), cv2.CV_32F)).mean(2)


if __name__ == "__main__":
    main()

"""Whether several sources of a face, registered and averaged, sharpen the newest one.

The idea of the paper's related work (multi-frame super resolution) with what a decoder has: sources
a given number of frames apart, as coded stills. Each older one is enlarged, brought onto the newest
by dense optical flow and mixed in where the two agree. Everything is measured on the development
clips: the newest alone, and fused with one or three older ones, for several weights.

With stills enlarged by lanczos the mean gains 0.1 to 0.5 dB of PSNR and loses 2 to 15 % of ST-LPIPS
at every distance and weight: it is smoother, not sharper. So the decoder does not do it.

``python -m benchmarks.fusion [--upscaler face --weights FILE]`` writes ``fusion.json`` and its
table ``fusion.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from benchmarks import common, faces
from benchmarks.upscale import CODECS
from thcodec.evaluate.perceptual import load_stlpips
from thcodec.evaluate.scores import Scores, score
from thcodec.models.upscaler import Upscaler
from thcodec.sources.stills import resize_still
from thcodec.train.stills import coded

SIZE = 256
GAPS = (4, 25, 100)  # frames between sources: 0.16 s, 1 s, the encoder's default
OLDER = (1, 3)
WEIGHTS = (0.25, 0.5, 1.0)  # of an older picture where it agrees, the newest being 1
AGREEMENT = 8.0  # grey levels of difference at which an older picture counts half as much


def main() -> None:
    """Measure and save the figures."""
    parser = common.parser(__doc__, common.VAL_CLIPS)
    parser.add_argument("--upscaler", default="lanczos")
    parser.add_argument("--still", type=int, default=64)
    parser.add_argument("--codec", choices=tuple(CODECS), default="WebP")
    parser.add_argument("--quality", type=int, default=60)
    parser.add_argument("--gaps", nargs="*", type=int, default=GAPS)
    options = parser.parse_args()
    (upscaler,) = faces.load_upscalers([options.upscaler], options.weights, None).values()
    stlpips = load_stlpips()
    clips = common.clips(options.data, options.clips)
    results: dict[str, dict[str, Scores]] = {}
    for gap in options.gaps:
        groups = [group for clip in clips if (group := _group(clip, gap))]
        stills = [[_received(picture, upscaler, options) for picture in group] for group in groups]
        originals = [group[-1] for group in groups]
        alone = [group[-1] for group in stills]
        rows = results[f"{gap} frames apart, {len(groups)} clips"] = {}
        rows["newest alone"] = score(originals, alone, stlpips)
        registered = [[register(older, group[-1]) for older in group[:-1]] for group in stills]
        for count, weight in product(OLDER, WEIGHTS):
            fused = [
                fuse(newest, older[-count:], weight)
                for newest, older in zip(alone, registered, strict=True)
            ]
            rows[f"with {count} older, weight {weight}"] = score(originals, fused, stlpips)
        for name, scores in rows.items():
            print(gap, name, scores, flush=True)
    figures = {
        title: {name: scores.as_dict() for name, scores in rows.items()}
        for title, rows in results.items()
    }
    still = f"{options.codec} {options.still} q{options.quality}, {options.upscaler}"
    common.save("fusion", {"still": still, "gaps": figures}, options.results)
    (options.results / "fusion.md").write_text(_table(still, results))


def register(older: np.ndarray, newest: np.ndarray) -> np.ndarray:
    """An older picture (S, S, 3) uint8 brought onto the newest by dense optical flow (DIS)."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (newest, older)]
    moved = flow.calc(grey[0], grey[1], np.zeros((*newest.shape[:2], 2), np.float32))
    y, x = np.mgrid[: len(newest), : len(newest)].astype(np.float32)
    x, y = x + moved[..., 0], y + moved[..., 1]
    return cv2.remap(older, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def fuse(newest: np.ndarray, older: Sequence[np.ndarray], weight: float) -> np.ndarray:
    """The mean of the newest and registered older pictures, each counting ``weight`` where it
    agrees with the newest over a few pixels and less where it does not.
    """
    total = newest.astype(np.float32)
    counts = np.ones((*newest.shape[:2], 1), np.float32)
    for picture in older:
        difference = np.abs(picture.astype(np.float32) - newest).mean(2)
        share = weight / (1 + (cv2.GaussianBlur(difference, (0, 0), 3) / AGREEMENT) ** 2)
        total += share[..., None] * picture
        counts += share[..., None]
    mean: np.ndarray = (total / counts).round().clip(0, 255).astype(np.uint8)
    return mean


def _group(clip: Path, gap: int) -> list[np.ndarray]:
    """Four frames ``gap`` apart, the newest last; none of a clip that is too short."""
    wanted = tuple(gap * index for index in range(max(OLDER) + 1))
    frames = faces.load_frames(clip, wanted)
    return frames if len(frames) == len(wanted) else []


def _received(picture: np.ndarray, upscaler: Upscaler, way: argparse.Namespace) -> np.ndarray:
    still = coded(resize_still(picture, way.still), CODECS[way.codec], way.quality)
    return upscaler.upscale(still, SIZE)


def _table(still: str, results: dict[str, dict[str, Scores]]) -> str:
    lines = [f"Stills: {still}. Development clips.", ""]
    lines += ["| sources | picture | PSNR dB | SSIM | ST-LPIPS |", "|---|---|---|---|---|"]
    for title, rows in results.items():
        for name, s in rows.items():
            distance = "-" if s.stlpips is None else f"{s.stlpips:.4f}"
            lines.append(f"| {title} | {name} | {s.psnr:.2f} | {s.ssim:.4f} | {distance} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

"""What a byte of a still buys: small stills with and without super resolution, and larger ones.

Pictures of people not trained on, at 256 pixels, are sent as stills of several sizes by each codec
over a range of qualities, enlarged by lanczos and, where they are smaller, by the upscaler face.
Draws ``upscale_rate.svg`` beside the figures. ``--split val`` is for choosing the encoder's
defaults, the default split for reporting.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import common, faces
from benchmarks.upscale import CODECS
from thcodec.bitstream.header import StillCodec
from thcodec.evaluate.perceptual import Distance, load_stlpips
from thcodec.evaluate.scores import score
from thcodec.models import registry
from thcodec.models.upscaler import Upscaler
from thcodec.sources.stills import decode_still, encode_still, jpeg_tables, resize_still

SIZE = 256
STILLS = (48, 64, 96, 128, 192, 256)
QUALITIES = (15, 30, 50, 70)


def main() -> None:
    """Measure, save the figures, draw them."""
    parser = faces.parser(__doc__)
    parser.add_argument("--stills", nargs="*", type=int, default=STILLS)
    parser.add_argument("--qualities", nargs="*", type=int, default=QUALITIES)
    options = parser.parse_args()
    upscalers: dict[str, Upscaler] = {
        "lanczos": registry.load_upscaler("lanczos"),
        "face": registry.load_upscaler("face", weights=options.weights, runtime="auto"),
    }
    stlpips = load_stlpips()
    pictures = [
        resize_still(picture, SIZE)
        for picture in faces.load_pictures(options.data, options.split, options.limit)
    ]
    curves: dict[str, list[dict[str, Any]]] = {}
    for codec, still, name in _curves(tuple(options.stills), tuple(upscalers)):
        points = curves[f"{codec} {still} {name}"] = [
            _point(pictures, CODECS[codec], still, quality, upscalers[name], stlpips)
            for quality in options.qualities
        ]
        print(codec, still, name, points[len(points) // 2], flush=True)
    record = {"split": options.split, "pictures": len(pictures), "curves": curves}
    common.save("upscale_rate", record, options.results)
    draw(curves, options.results / "upscale_rate.svg", stlpips is not None)


def _curves(stills: tuple[int, ...], names: tuple[str, ...]) -> Iterator[tuple[str, int, str]]:
    for codec in CODECS:
        for still in stills:
            for name in names:
                if name == "lanczos" or still < SIZE:
                    yield codec, still, name


def _point(
    pictures: list[np.ndarray],
    codec: StillCodec,
    still: int,
    quality: int,
    upscaler: Upscaler,
    stlpips: Distance | None,
) -> dict[str, Any]:
    """Mean bytes and scores at one quality; tables that a stream holds once are not counted."""
    tables = jpeg_tables(quality) if codec is StillCodec.JPEG else b""
    sizes, large = [], []
    for picture in pictures:
        data = encode_still(
            resize_still(picture, still), codec=codec, quality=quality, tables=tables
        )
        sizes.append(len(data))
        decoded = decode_still(data, codec, still, still, tables=tables)
        large.append(upscaler.upscale(decoded, SIZE))
    scores = score(pictures, large, stlpips).as_dict()
    return {"quality": quality, "bytes": float(np.mean(sizes)), **scores}


def draw(curves: dict[str, list[dict[str, Any]]], path: Path, perceptual: bool) -> None:
    """One picture for each codec and score: a line for each size, dashed without the network."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "thcodec"  # else every run gives other identifiers
    from matplotlib import pyplot

    scores = {"psnr": "PSNR, dB"}
    if perceptual:
        scores = {"stlpips": "ST-LPIPS (lower is better)", **scores}
    figure, axes = pyplot.subplots(
        len(scores), len(CODECS), figsize=(12, 5 * len(scores)), squeeze=False
    )
    stills = sorted({int(name.split()[1]) for name in curves})
    for name, points in curves.items():
        codec, still, upscaler = name.split()
        for row, key in enumerate(scores):
            axes[row, list(CODECS).index(codec)].plot(
                [point["bytes"] for point in points],
                [point[key] for point in points],
                color=f"C{stills.index(int(still))}",
                linestyle="--" if upscaler == "lanczos" else "-",
                marker=".",
                label=f"{still} px, {upscaler}",
            )
    for row, title in enumerate(scores.values()):
        for column, codec in enumerate(CODECS):
            axis = axes[row, column]
            axis.set(xscale="log", xlabel=f"bytes a still, {codec}", ylabel=title)
            axis.grid(alpha=0.3, which="both")
    axes[0, 0].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    print(f"written: {path}")


if __name__ == "__main__":
    main()

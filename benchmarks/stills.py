"""Bytes and PSNR of source stills: three codecs, sizes and qualities, over the validation faces.

Run from the repository's root, with ../shared beside it: ``python -m benchmarks.stills``. It writes
``benchmarks/results/stills.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from thcodec.bitstream.header import StillCodec
from thcodec.media.video_input import VideoInput
from thcodec.sources.stills import decode_still, encode_still, jpeg_tables, resize_still

ROOT = Path(__file__).resolve().parents[1]
CLIPS = ROOT.parent / "shared" / "data" / "val256"
RESULT = ROOT / "benchmarks" / "results" / "stills.md"
FRAME = 20  # of each clip
SIZES = (64, 128)
QUALITIES = (20, 35, 50, 65, 80)


def main() -> None:
    """Measure and write the table."""
    pictures = [_frame(path) for path in sorted(CLIPS.glob("*.mp4"))]
    if not pictures:
        raise SystemExit(f"no clips in {CLIPS}")
    lines = [
        f"Mean over {len(pictures)} faces of val256: bytes / PSNR in dB against the reduced still.",
        f"JPEG's shared tables ({len(jpeg_tables(50))} bytes, once per stream) are not counted.",
        "",
        "| size, quality | JPEG, shared tables | WebP | complete JPEG, optimised | AV1, alone |",
        "|---|---|---|---|---|",
    ]
    for size in SIZES:
        stills = [resize_still(picture, size) for picture in pictures]
        for quality in QUALITIES:
            cells = [_measure(stills, codec, quality) for codec in StillCodec]
            lines.append(f"| {size}, {quality} | {' | '.join(cells)} |")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(RESULT.read_text(encoding="utf-8"))


def _frame(path: Path) -> np.ndarray:
    with VideoInput(path, audio=False) as video:
        return next(islice(video.frames(), FRAME, None)).rgb


def _measure(stills: Sequence[np.ndarray], codec: StillCodec, quality: int) -> str:
    tables = jpeg_tables(quality)
    sizes, errors = [], []
    for still in stills:
        height, width = still.shape[:2]
        data = encode_still(still, codec=codec, quality=quality, tables=tables)
        again = decode_still(data, codec, width, height, tables=tables)
        sizes.append(len(data))
        errors.append(np.mean((still.astype(float) - again) ** 2))
    psnr = np.mean(10 * np.log10(255**2 / np.array(errors)))
    return f"{np.mean(sizes):.0f} / {psnr:.2f}"


if __name__ == "__main__":
    main()

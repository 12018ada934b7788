"""``make demo``: a real clip there and back, with figures, a side-by-side video and a strip."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import thcodec
from examples import side_by_side
from examples.sample import CREDIT, fetch_sample
from thcodec.cli.console import progress_bar
from thcodec.pipeline import Summary

_COLUMNS = 8  # of the strip


def main() -> None:
    """Encode, decode, compare, show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, help="a video of your own instead of the sample")
    parser.add_argument("--out", type=Path, default=Path("demo"))
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    parser.add_argument("--crop", default="auto")
    options = parser.parse_args()
    if options.clip is None:
        print(CREDIT)
    clip = options.clip or fetch_sample(options.cache)
    options.out.mkdir(parents=True, exist_ok=True)
    stream, video = options.out / "sample.thv", options.out / "decoded.mp4"

    config = thcodec.EncoderConfig(crop=options.crop)
    try:
        with progress_bar("encode") as progress:
            encoded = thcodec.encode(clip, stream, config, overwrite=True, progress=progress)
        with progress_bar("decode") as progress:
            decoded = thcodec.decode(stream, video, overwrite=True, progress=progress)
    except thcodec.ThvError as error:
        raise SystemExit(f"demo: {error}") from None
    scores, strip = compare(clip, stream, video, options.out / "side_by_side.mp4", encoded.frames)
    strip.save(options.out / "strip.png")
    print(table(clip, encoded, decoded, scores))
    names = ", ".join(path.name for path in sorted(options.out.iterdir()))
    print(f"\n{options.out}/ holds {names}")


def compare(
    clip: Path, stream: Path, video: Path, target: Path, frames: int
) -> tuple[side_by_side.Scores, Image.Image]:
    """Score every frame, write the side-by-side video, and cut a strip of eight pairs from it."""
    scores = side_by_side.Scores()
    chosen = set(np.linspace(0, frames - 1, _COLUMNS).round().astype(int).tolist())
    columns = []
    written = side_by_side.write(target, stream, side_by_side.pairs(clip, stream, video))
    for index, pair in enumerate(written):
        scores.add(pair)
        if index in chosen:
            columns.append(np.vstack([pair.original, pair.decoded]))
    return scores, Image.fromarray(np.hstack(columns))


def table(clip: Path, encoded: Summary, decoded: Summary, scores: side_by_side.Scores) -> str:
    """The figures as text."""
    size = encoded.bytes
    kinds = {
        "sources": size.sources,
        "motion": size.motion,
        "audio": size.audio,
        "framing": size.framing,
    }
    lines = [
        f"\n{clip.name}: {encoded.frames} frames, {encoded.duration:.1f} s, {encoded.sources} "
        "sources",
        f"{'':<18}{'bytes':>10}{'kbit/s':>10}",
        _size_line("input file", clip.stat().st_size, encoded),
        _size_line(".thv file", size.total, encoded),
        *(_size_line(f"  {kind}", count, encoded) for kind, count in kinds.items()),
        f"motion per frame  {size.motion / encoded.frames:>10.2f} bytes",
        f"encode            {encoded.frames / encoded.elapsed:>10.1f} frames/s",
        f"decode            {decoded.frames / decoded.elapsed:>10.1f} frames/s",
        f"{'':<18}{'PSNR dB':>10}{'SSIM':>10}",
    ]
    for name, values in (("decoded", scores.decoded), ("source repeated", scores.repeated)):
        psnr, ssim = np.mean(values, axis=0)
        lines.append(f"{name:<18}{psnr:>10.2f}{ssim:>10.3f}")
    return "\n".join(lines)


def _size_line(name: str, count: int, summary: Summary) -> str:
    return f"{name:<18}{count:>10}{summary.kbits(count):>10.2f}"


if __name__ == "__main__":
    main()

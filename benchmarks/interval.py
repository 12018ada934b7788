"""Rate and quality against the source interval, for several kinds of stills: default options.

Each clip goes through Encoder and Decoder whole; bytes are whole records, sound and header left out
of the rate. Every seventh frame is scored against the original; the others are not synthesised,
which changes no byte and saves most of the time. Defaults are chosen here, so the clips are those
for development (val256), never those that figures are reported on; shorter ones are left out.

``python -m benchmarks.interval [--limit 60 --clips vr5_s0]`` is a quick look.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks import common
from benchmarks.quality import STEP
from benchmarks.sampling import SharedEyes, Stream, encoded, kbit_rates
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.perceptual import Distance, load_stlpips
from thcodec.evaluate.scores import score
from thcodec.pipeline.config import EncoderConfig

INTERVALS = (50, 100, 250)
STILLS = {  # name -> (codec, size, quality)
    "JPEG 64 q60": (1, 64, 60),
    "WebP 64 q60": (2, 64, 60),
    "WebP 128 q60": (2, 128, 60),
    "WebP 256 q40": (2, 256, 40),
    "AV1 128 q60": (5, 128, 60),
    "AV1 256 q25": (5, 256, 25),
}


def main() -> None:
    """Measure all clips and save the figures."""
    parser = common.parser(__doc__, common.VAL_CLIPS)
    options = parser.parse_args()
    network = common.load_network(options.weights)
    stlpips = load_stlpips()
    rows: dict[str, list[dict[str, float | None]]] = {}
    for clip in common.clips(options.data, options.clips):
        frames, animator = read_frames(clip, options.limit), SharedEyes(network)
        if len(frames) < options.limit:
            continue
        for name, (codec, size, quality) in STILLS.items():
            stills = EncoderConfig(
                crop="none", still_codec=codec, source_size=size, source_quality=quality
            )
            for interval in INTERVALS:
                row = measure(frames, animator, replace(stills, interval=interval), stlpips)
                rows.setdefault(f"{name}, {interval}", []).append(row)
        print(clip.stem, rows[f"{name}, {interval}"][-1])
    if not rows:
        raise SystemExit("no clip is long enough")
    means = {
        key: {field: _mean([row[field] for row in found]) for field in found[0]}
        for key, found in rows.items()
    }
    common.save(
        "interval", {"clips": len(next(iter(rows.values()))), "mean": means}, options.results
    )


def measure(
    frames: list[np.ndarray],
    animator: SharedEyes,
    config: EncoderConfig,
    stlpips: Distance | None,
) -> dict[str, float | None]:
    """kbit/s of sources and motion, and the scores of one clip with one configuration."""
    packets = encoded(frames, animator, config)
    pictures = Stream(packets, animator).sampled(STEP)
    rate = kbit_rates(packets, len(frames))
    scores = score(frames[::STEP], pictures, stlpips)
    stream = sum(map(len, packets))
    return {"kbps": sum(rate.values()), "bytes": stream, **rate, **scores.as_dict()}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


if __name__ == "__main__":
    main()

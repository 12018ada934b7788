"""The paper's own outputs beside ours on its driving clip: fidelity, and how much switches jump.

At each of its intervals between sources: the paper's video, and the clip coded and decoded here
with default motion and transition; with super resolution both have stills of 64x64, without it of
the full size. Scores are means over every 7th frame; the teleport index
(thcodec/evaluate/teleport.py) is the median over the first switches.

``python -m benchmarks.paper_outputs --limit 60 --intervals 20`` is a quick look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import common
from benchmarks.quality import STEP
from benchmarks.sampling import SharedEyes, Stream, encoded, kbit_rates
from benchmarks.seed_figures import SEED
from benchmarks.transitions import Sizes
from thcodec.evaluate import teleport
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.perceptual import load_stlpips
from thcodec.evaluate.scores import score
from thcodec.models.animator import Animator
from thcodec.pipeline.config import EncoderConfig

INTERVALS = (10, 20, 30, 60)
SWITCHES, SAMPLE = 6, 10  # that are looked at, and steps elsewhere
STILLS = {
    "no_esrgan": {"source_size": 256, "source_quality": 80},
    "esrgan": {"source_size": 64, "source_quality": 80, "upscaler": "face"},
}


def main() -> None:
    """Measure and save the figures."""
    parser = common.parser(__doc__, SEED)
    parser.add_argument("--intervals", nargs="*", type=int, default=INTERVALS)
    options = parser.parse_args()
    frames = read_frames(options.data / "driving.mp4", options.limit)
    animator, stlpips = SharedEyes(common.load_network(options.weights)), load_stlpips()
    sizes, rows = Sizes(stlpips), dict[str, dict[str, Any]]()
    for interval in options.intervals:
        for kind in STILLS:
            theirs = read_frames(options.data / f"{kind}_{interval}frame.mp4", options.limit)
            ours, kbps = _ours(frames, animator, kind, interval)
            for name, pictures in (("the paper", theirs), ("thcodec", ours)):
                row = rows[f"{kind}, {interval}, {name}"] = {
                    **score(frames[::STEP], pictures[::STEP], stlpips).as_dict(),
                    "index": _index(frames, pictures, interval, sizes),
                    "kbps": kbps if name == "thcodec" else None,
                }
                print(kind, interval, name, row, flush=True)
    common.save("paper_outputs", {"frames": len(frames), "rows": rows}, options.results)


def _ours(
    frames: list[np.ndarray], animator: Animator, kind: str, interval: int
) -> tuple[list[np.ndarray], float]:
    """All pictures, and kbit/s at 25 frames a second."""
    config = EncoderConfig(crop="none", interval=interval, **STILLS[kind])  # type: ignore[arg-type]
    packets = encoded(frames, animator, config)
    rates = kbit_rates(packets, len(frames))
    return Stream(packets, animator).sampled(1), sum(rates.values())


def _index(
    frames: Sequence[np.ndarray], pictures: Sequence[np.ndarray], interval: int, sizes: Sizes
) -> float:
    """Median teleport index over the first switches."""
    switches = range(interval, len(frames) - teleport.REACH - 1, interval)
    others = teleport.elsewhere(switches, len(frames), 0, SAMPLE)
    looked_at = [teleport.near(at) for at in switches[:SWITCHES]]
    steps = sorted({*others, *(step for found in looked_at for step in found)})
    decoded, original = (sizes.of(dict(enumerate(shown)), steps)[0] for shown in (pictures, frames))
    return float(np.median([teleport.index(decoded, original, at, others) for at in looked_at]))


if __name__ == "__main__":
    main()

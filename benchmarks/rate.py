"""Motion bytes per frame in file and live mode, and what quantising the motion costs in PSNR.

One source (frame 0, full size) per clip; bytes are whole MOTION records, framing included. The cost
is the mean PSNR with unquantised motion less that with quantised motion, every seventh frame.

``python -m benchmarks.rate [--limit 60 --clips vr5_s0]`` is a quick look.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks import common
from benchmarks.quality import STEP, canonical_of
from thcodec.bitstream import RecordType
from thcodec.evaluate.clips import read_frames
from thcodec.models.animator import Animator
from thcodec.motion import Motion, Quantiser
from thcodec.pipeline.config import EncoderConfig
from thcodec.pipeline.encoder import Encoder
from thcodec.pipeline.quality import psnr

_BATCH = 8


def main() -> None:
    """Measure all clips and save the figures."""
    parser = common.parser(__doc__)
    options = parser.parse_args()
    animator = common.load_network(options.weights)
    table = {}
    for clip in common.clips(options.data, options.clips):
        frames = read_frames(clip, options.limit)
        table[clip.stem] = {
            "file_bytes_per_frame": motion_bytes(frames, animator, live=False),
            "live_bytes_per_frame": motion_bytes(frames, animator, live=True),
            "quantisation_cost_db": quantisation_cost(frames, animator),
        }
        print(clip.stem, table[clip.stem])
    means = {
        key: float(np.mean([row[key] for row in table.values()]))
        for key in next(iter(table.values()))
    }
    common.save("rate", {"mean": means, "clips": table}, options.results)


def motion_bytes(frames: list[np.ndarray], animator: Animator, *, live: bool) -> float:
    """Bytes of the MOTION records per frame at 25 frames a second."""
    config = EncoderConfig(crop="none", interval=0)
    encoder = Encoder(config, live=live, animator=animator)
    packets = [packet for frame in frames for packet in encoder.push(frame)] + encoder.flush()
    return sum(len(p) for p in packets if p.type == RecordType.MOTION) / len(frames)


def quantisation_cost(frames: list[np.ndarray], animator: Animator) -> float:
    """PSNR in dB that the integers of the stream lose against unquantised motion."""
    exact = _reconstruct(frames, animator, None)
    quantiser = Quantiser(animator.keypoint_model, EncoderConfig().hysteresis)
    return exact - _reconstruct(frames, animator, quantiser)


def _reconstruct(
    frames: list[np.ndarray], animator: Animator, quantiser: Quantiser | None
) -> float:
    """Mean PSNR of every seventh frame when frame 0 is moved like each of them."""
    seen = [
        extraction
        for start in range(0, len(frames), _BATCH)
        for extraction in animator.extract(frames[start : start + _BATCH])
    ]
    canonical = canonical_of(seen[0], quantiser)
    motions = [animator.motion(extraction, canonical, seen[0]) for extraction in seen]
    if quantiser is not None:
        motions = list(_quantised(motions, quantiser))
    source = animator.prepare(frames[0], canonical, motions[0])
    pictures = animator.animate(source, motions[STEP::STEP])
    return float(np.mean([psnr(*pair) for pair in zip(frames[STEP::STEP], pictures, strict=True)]))


def _quantised(motions: list[Motion], quantiser: Quantiser) -> Iterator[Motion]:
    previous = None
    for motion in motions:
        previous = quantiser.quantise(motion, previous)
        yield quantiser.dequantise(previous)


if __name__ == "__main__":
    main()

"""Rate and quality against the source interval, for several kinds of stills: default options.

Each clip goes through Encoder and Decoder whole; bytes are whole records, sound and header left out
of the rate. Every seventh frame is scored against the original; the others are not synthesised,
which changes no byte and saves most of the time. Defaults are chosen here, so the clips are those
for development (val256), never those that figures are reported on; shorter ones are left out.

``python -m benchmarks.interval [--limit 60 --clips vr5_s0]`` is a quick look.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np

from benchmarks import common
from benchmarks.quality import STEP
from thcodec.bitstream import RecordType
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.perceptual import Distance, load_stlpips
from thcodec.evaluate.scores import score
from thcodec.models import registry
from thcodec.models.animator import Animator, Extraction
from thcodec.motion import Motion
from thcodec.pipeline.config import EncoderConfig
from thcodec.pipeline.decoder import Decoder
from thcodec.pipeline.encoder import Encoder

INTERVALS = (50, 100, 250)
FRAME_RATE = 25
STILLS = {  # name -> (codec, size, quality)
    "JPEG 64 q60": (1, 64, 60),
    "WebP 64 q60": (2, 64, 60),
    "WebP 128 q60": (2, 128, 60),
    "WebP 256 q40": (2, 256, 40),
}


class SampledAnimator(Animator):
    """Synthesises every seventh frame only, and looks at no picture twice."""

    def __init__(self, animator: Animator) -> None:
        self.identity, self.size = animator.identity, animator.size
        self.keypoint_model = animator.keypoint_model
        self._animator, self._seen, self._frame = animator, dict[int, Extraction](), 0
        self._blank = np.zeros((self.size, self.size, 3), np.uint8)

    def restart(self) -> None:
        """The next frame that is animated is the stream's first."""
        self._frame = 0

    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        keys = [crc32(np.ascontiguousarray(picture).data) for picture in pictures]
        for key, picture in zip(keys, pictures, strict=True):
            if key not in self._seen:
                self._seen[key] = self._animator.extract([picture])[0]
        return [self._seen[key] for key in keys]

    def motion(self, extraction: Extraction, canonical: np.ndarray, source: Extraction) -> Motion:
        return self._animator.motion(extraction, canonical, source)

    def prepare(self, picture: np.ndarray, canonical: np.ndarray, motion: Motion) -> Any:
        return self._animator.prepare(picture, canonical, motion)

    def animate(self, source: Any, motions: list[Motion]) -> list[np.ndarray]:
        pictures = []
        for motion in motions:
            wanted = self._frame % STEP == 0
            pictures.append(self._animator.animate(source, [motion])[0] if wanted else self._blank)
            self._frame += 1
        return pictures


def main() -> None:
    """Measure all clips and save the figures."""
    parser = common.parser(__doc__, common.VAL_CLIPS)
    options = parser.parse_args()
    network = registry.load_animator(EncoderConfig().animator, weights=options.weights)
    stlpips = load_stlpips()
    rows: dict[str, list[dict[str, float | None]]] = {}
    for clip in common.clips(options.data, options.clips):
        frames, animator = read_frames(clip, options.limit), SampledAnimator(network)
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
    animator: SampledAnimator,
    config: EncoderConfig,
    stlpips: Distance | None,
) -> dict[str, float | None]:
    """kbit/s of sources and motion, and the scores of one clip with one configuration."""
    encoder, decoder = Encoder(config, live=False, animator=animator), Decoder(animator=animator)
    animator.restart()
    packets = [packet for frame in frames for packet in encoder.push(frame)] + encoder.flush()
    pictures = [frame.rgb for packet in packets for frame in decoder.push(packet)]
    seconds = len(frames) / FRAME_RATE
    rate = {
        kind.name.lower(): sum(len(p) for p in packets if p.type == kind) * 8 / seconds / 1000
        for kind in (RecordType.SOURCE, RecordType.MOTION)
    }
    scores = score(frames[::STEP], pictures[::STEP], stlpips)
    return {"kbps": sum(rate.values()), **rate, **scores.as_dict()}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


if __name__ == "__main__":
    main()

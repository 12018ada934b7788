"""Calls over simulated links: what losses do to the pictures, and for how long.

Every frame is sent live, in datagrams of 1200 bytes with one parity fragment; 50 ms each way, and
feedback after every frame, lost like all else. A pause is a run of concealed frames; pictures are
scored against the clip at every seventh frame, as the viewer sees them.

``python -m benchmarks.loss [--limit 100 --clips vr5_s0]`` is a quick look.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks import common
from benchmarks.links import Conditions, Outcome, call
from benchmarks.quality import STEP
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.perceptual import Distance, load_stlpips
from thcodec.evaluate.scores import score
from thcodec.models.animator import Animator, Extraction
from thcodec.motion import Motion
from thcodec.pipeline import Decoder, Encoder, LinkConfig
from thcodec.pipeline.config import DecoderConfig, EncoderConfig

STEP_MS = 40
LINKS = {
    "no loss": Conditions(),
    "1 % random": Conditions(loss=0.01),
    "5 % random": Conditions(loss=0.05),
    "10 % random": Conditions(loss=0.1),
    "30 % random": Conditions(loss=0.3),
    "10 % in bursts of 4": Conditions(loss=0.1, burst=4),
    "10 % late by 100 ms": Conditions(late=0.1, hold=4),
    "250 ms jitter": Conditions(jitter=250, hold=8),
}


class Sketch(Animator):
    """Stands in for an animator and puts off its pictures: most are never scored.

    Its pictures are numbers; ``draw`` turns one into the picture that the animator would make.
    """

    def __init__(self, animator: Animator) -> None:
        self.identity = animator.identity
        self.keypoint_model = animator.keypoint_model
        self.size = animator.size
        self.eyes = animator.eyes
        self._animator = animator
        self._seen: dict[bytes, Extraction] = {}
        self._sources: dict[bytes, Any] = {}
        self._plans: dict[int, tuple[bytes, Motion]] = {}
        self._drawn: dict[tuple[bytes, bytes], np.ndarray] = {}

    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        """As the animator, once for each picture."""
        keys = [picture.tobytes() for picture in pictures]
        for key, picture in zip(keys, pictures, strict=True):
            if key not in self._seen:
                (self._seen[key],) = self._animator.extract([picture])
        return [self._seen[key] for key in keys]

    def motion(self, extraction: Extraction, canonical: np.ndarray, source: Extraction) -> Motion:
        """As the animator."""
        return self._animator.motion(extraction, canonical, source)

    def prepare(self, picture: np.ndarray, canonical: np.ndarray, motion: Motion) -> bytes:
        """A name for the source, which is prepared once."""
        key = picture.tobytes() + canonical.tobytes()
        if key not in self._sources:
            self._sources[key] = self._animator.prepare(picture, canonical, motion)
        return key

    def animate(self, source: bytes, motions: list[Motion]) -> list[np.ndarray]:
        """Numbers, for `draw`."""
        start = len(self._plans)
        for at, motion in enumerate(motions):
            self._plans[start + at] = source, motion
        return [np.array([start + at]) for at in range(len(motions))]

    def draw(self, number: np.ndarray) -> np.ndarray:
        """The picture (S, S, 3) uint8 that a number stands for."""
        source, motion = self._plans[int(number[0])]
        parts = motion.rotation, motion.translation, [motion.log_scale], motion.expression
        key = source, b"".join(np.asarray(part, np.float64).tobytes() for part in parts)
        if key not in self._drawn:
            (self._drawn[key],) = self._animator.animate(self._sources[source], [motion])
        return self._drawn[key]


def main() -> None:
    """Measure all links over all clips and save the figures."""
    parser = common.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="calls over each link and clip")
    options = parser.parse_args()
    animator = common.load_network(options.weights)
    stlpips = load_stlpips()
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in LINKS}
    pauses: dict[str, list[int]] = {name: [] for name in LINKS}
    names = []
    for clip in common.clips(options.data, options.clips):
        pictures, sketch = read_frames(clip, options.limit), Sketch(animator)
        names.append(clip.stem)
        for name, conditions in LINKS.items():
            for seed in range(options.seeds if name != "no loss" else 1):
                luck = 2 * (len(names) * options.seeds + seed)  # its own for each call and way
                outcome = one_call(sketch, pictures, conditions, luck)
                rows[name].append(measure(outcome, pictures, sketch, stlpips))
                pauses[name] += outcome.pauses
            print(clip.stem, name, rows[name][-1], flush=True)
        record = {key: summary(rows[key], pauses[key], rows["no loss"]) for key in LINKS}
        links = {key: asdict(conditions) for key, conditions in LINKS.items()}
        figures = {"clips": names, "frames": options.limit, "conditions": links, "links": record}
        common.save("loss", figures, options.results)  # after each clip: it takes long


def one_call(
    sketch: Sketch, pictures: list[np.ndarray], conditions: Conditions, seed: int
) -> Outcome:
    """A call with the default options."""
    encoder = Encoder(EncoderConfig(crop="none"), animator=sketch, link=LinkConfig())
    cut = DecoderConfig(hold=conditions.hold, transition="cut")  # a sketch cannot be mixed
    decoder = Decoder(cut, animator=sketch)
    return call(encoder, decoder, pictures, conditions, seed=seed, step=STEP_MS)


def measure(
    outcome: Outcome, pictures: list[np.ndarray], sketch: Sketch, stlpips: Distance | None
) -> dict[str, float]:
    """Figures of one call."""
    shown = [frame for frame in outcome.frames if frame.pts % STEP == 0 and frame.pts]
    scores = score(
        [pictures[frame.pts] for frame in shown], [sketch.draw(f.rgb) for f in shown], stlpips
    )
    return {
        "psnr": scores.psnr,
        "stlpips": float("nan") if scores.stlpips is None else scores.stlpips,
        "missing": outcome.missing,
        "first_frame": outcome.frames[0].pts,
        "concealed": sum(frame.concealed for frame in outcome.frames) / len(outcome.frames),
        "bytes_per_frame": outcome.bytes / len(pictures),
    }


def summary(
    rows: list[dict[str, float]], pauses: list[int], lossless: list[dict[str, float]]
) -> dict[str, float]:
    """Means over the calls; pauses in ms."""
    means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    means["missing"] = sum(row["missing"] for row in rows)
    means["first_frame"] = max(row["first_frame"] for row in rows)
    means["stlpips_ratio"] = means["stlpips"] / float(np.mean([r["stlpips"] for r in lossless]))
    lengths = np.array(pauses or [0]) * STEP_MS
    means["pause_mean_ms"] = float(lengths.mean())
    means["pause_95_ms"] = float(np.percentile(lengths, 95))
    means["pause_max_ms"] = float(lengths.max())
    means["pauses"] = len(pauses)
    return means


if __name__ == "__main__":
    main()

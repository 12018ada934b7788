"""What distances by keypoints and by pictures, and the closed loop's error, are fitted to.

In each clip every sixtieth frame is a source, coded by default, and is animated into itself and
into frames drawn at random. What ST-LPIPS rises by, from the first to the others, is explained in
three ways: by how pose, scale, place and expression differ (non-negative least squares: the
constants of thcodec/sources/distance.py); by how unlike the source is when the motion field carries
it there (least squares: SLOPE of thcodec/models/face_vid2vid/alignment.py); and by what SSIM loses
at 128 pixels (the same: the constant of thcodec/pipeline/closed_loop.py). Constants are chosen
here, so clips are those for development.

``python -m benchmarks.distance [--limit 120 --clips W036_s0]`` is a quick look.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.optimize import nnls

from benchmarks import common
from benchmarks.quality import coded_still
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.perceptual import Distance, load_stlpips
from thcodec.models.animator import Animator
from thcodec.motion import Motion, Quantiser
from thcodec.pipeline.quality import ssim
from thcodec.sources import distance

EVERY = 60  # frames from one source to the next
TARGETS = 9  # frames that each source is animated into
PARTS = {  # of distances, and their constants; features() gives them with these taken out
    "rotation": distance.ROTATION,
    "translation": distance.TRANSLATION,
    "scale": distance.SCALE,
    "expression": distance.EXPRESSION,
}


def main() -> None:
    """Fit and save."""
    options = common.parser(__doc__, common.VAL_CLIPS).parse_args()
    animator = common.load_network(options.weights)
    stlpips = load_stlpips()
    if stlpips is None:
        raise SystemExit("nothing to fit to: ST-LPIPS is not installed")
    rows: list[list[float]] = []
    rng = np.random.default_rng(0)
    for path in common.clips(options.data, options.clips):
        rows += pairs(read_frames(path, options.limit), animator, stlpips, rng)
        print(path.stem, len(rows), flush=True)
        table = np.array(rows)
        parts, unlike, lost, rise = table[:, :-3], table[:, -3], table[:, -2], 1000 * table[:, -1]
        weights, _ = nnls(parts, np.maximum(rise, 0))
        figures = {
            "pairs": len(rows),
            "weights": dict(zip(PARTS, map(float, weights), strict=True)),
            "correlation": float(np.corrcoef(parts @ weights, rise)[0, 1]),
            "constants": PARTS,
            "correlation of constants": float(
                np.corrcoef(parts @ list(PARTS.values()), rise)[0, 1]
            ),
            "per_unlikeness": float(unlike @ rise / (unlike @ unlike)),  # 1 where SLOPE is right
            "correlation of unlikeness": float(np.corrcoef(unlike, rise)[0, 1]),
            "per_ssim": float(lost @ rise / (lost @ lost)),
            "correlation of SSIM": float(np.corrcoef(lost, rise)[0, 1]),
        }
        common.save("distance", figures, options.results)


def pairs(
    frames: list[np.ndarray], animator: Animator, stlpips: Distance, rng: np.random.Generator
) -> list[list[float]]:
    """For each pair: the parts of the distance, unlikeness, loss of SSIM, rise of ST-LPIPS."""
    quantiser = Quantiser(animator.keypoint_model, 0.5)
    found = []
    for start in range(min(5, len(frames) - 1), len(frames), EVERY):
        targets = rng.choice(len(frames), min(TARGETS, len(frames)), replace=False)
        wanted = [frames[at] for at in (start, *targets)]
        source, *_ = seen = animator.extract(wanted)
        integers = quantiser.quantise_canonical(source.canonical)
        canonical = quantiser.dequantise_canonical(integers)
        own, *motions = (
            quantiser.dequantise(quantiser.quantise(animator.motion(each, canonical, source)))
            for each in seen
        )
        prepared = animator.prepare(coded_still(frames[start]), canonical, own)
        pictures = animator.animate(prepared, [own, *motions])
        far = stlpips(wanted, pictures)
        alike = [ssim(_small(a), _small(b)) for a, b in zip(wanted, pictures, strict=True)]
        free = animator.keypoint_model.free
        found += [
            [
                *features(own, motion, free),
                animator.unlikeness(motion, seen[at], canonical, own, source),
                alike[0] - alike[at],
                far[at] - far[0],
            ]
            for at, motion in enumerate(motions, 1)
        ]
    return found


def features(one: Motion, other: Motion, free: int) -> list[float]:
    """The parts of the distance of two motions, in the order of PARTS, without their weights."""
    blocks = zip(distance.weighted([one], free), distance.weighted([other], free), strict=True)
    lengths = (float(np.linalg.norm(a - b)) for a, b in blocks)
    return [length / weight for length, weight in zip(lengths, PARTS.values(), strict=True)]


def _small(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (128, 128), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()

"""The animator against repeating the source, four seconds later, on people never trained on.

Every seventh frame t is a source for frame t + 100. Two settings:

    full    the source picture as it is and unquantised motion: the network alone
    coded   the still as coded by default, upscaled, and quantised motion: the codec

``python -m benchmarks.quality [--limit 60 --clips vr5_s0]`` is a quick look.
"""

from __future__ import annotations

import numpy as np

from benchmarks import common
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.perceptual import Distance, load_stlpips
from thcodec.evaluate.scores import Scores, mean, score
from thcodec.models import registry
from thcodec.models.animator import Animator, Extraction
from thcodec.motion import Quantiser
from thcodec.motion.keypoints import Floats
from thcodec.pipeline.config import ALIGNMENT, EncoderConfig
from thcodec.sources.stills import decode_still, encode_still, resize_still

STEP = 7  # frames between two scored ones: it divides no usual source interval


def main() -> None:
    """Measure all clips and save the figures."""
    parser = common.parser(__doc__)
    parser.add_argument("--distance", type=int, default=100, help="frames from source to target")
    options = parser.parse_args()
    animator = common.load_network(options.weights)
    stlpips = load_stlpips()
    table: dict[str, dict[str, dict[str, Scores]]] = {}
    for clip in common.clips(options.data, options.clips):
        frames = read_frames(clip, options.limit)
        if len(frames) <= options.distance:
            print(f"{clip.stem}: shorter than the distance, left out")
            continue
        table[clip.stem] = measure(frames, animator, options.distance, stlpips)
        print(clip.stem, table[clip.stem])
    if not table:
        raise SystemExit("no clip is long enough")
    common.save("quality", _record(table, options.distance, animator), options.results)


def measure(
    frames: list[np.ndarray], animator: Animator, distance: int, stlpips: Distance | None
) -> dict[str, dict[str, Scores]]:
    """Setting -> way -> scores of one clip of uint8 (S, S, 3) frames."""
    starts = range(0, len(frames) - distance, STEP)
    wanted = [frames[start + distance] for start in starts]
    results = {}
    for setting, quantiser in (("full", None), ("coded", Quantiser(animator.keypoint_model))):
        stills = [
            frames[start] if quantiser is None else coded_still(frames[start]) for start in starts
        ]
        moved = [
            _animate(animator, frames[start], still, target, quantiser)
            for start, still, target in zip(starts, stills, wanted, strict=True)
        ]
        results[setting] = {
            "repeat": score(wanted, stills, stlpips),
            "animator": score(wanted, moved, stlpips),
        }
    return results


def _animate(
    animator: Animator,
    source: np.ndarray,
    still: np.ndarray,
    target: np.ndarray,
    quantiser: Quantiser | None,
) -> np.ndarray:
    """The still of `source` in the motion of `target`; a quantiser does what the stream does."""
    first, second = animator.extract([source, target])
    canonical = canonical_of(first, quantiser)
    own, motion = (animator.motion(seen, canonical, first) for seen in (first, second))
    drift = np.zeros_like(motion.expression)  # there is no frame before
    between = motion, drift, second, canonical, own, first
    motions = [own, animator.align(motion, *between, ALIGNMENT)]
    if quantiser is not None:
        motions = [quantiser.dequantise(quantiser.quantise(motion)) for motion in motions]
    prepared = animator.prepare(still, canonical, motions[0])
    return animator.animate(prepared, motions[1:])[0]


def canonical_of(seen: Extraction, quantiser: Quantiser | None) -> Floats:
    """Canonical keypoints (K, 3), as the decoder has them when there is a quantiser."""
    if quantiser is None:
        return np.asarray(seen.canonical, np.float64)
    return quantiser.dequantise_canonical(quantiser.quantise_canonical(seen.canonical))


def coded_still(picture: np.ndarray) -> np.ndarray:
    """What the decoder has of a source with the default options."""
    settings = EncoderConfig().stills(live=False)
    codec, side = settings.codec, settings.size
    data = encode_still(resize_still(picture, side), codec=codec, quality=settings.quality)
    still = decode_still(data, codec, side, side)
    return registry.load_upscaler(settings.upscaler, runtime="auto").upscale(still, len(picture))


def _record(
    table: dict[str, dict[str, dict[str, Scores]]], distance: int, animator: Animator
) -> dict[str, object]:
    settings = ("full", "coded")
    ways = ("repeat", "animator")
    return {
        "animator": {
            "name": animator.identity.name,
            "version": animator.identity.version,
            "sha256": animator.identity.sha256.hex(),
        },
        "distance_frames": distance,
        "mean": {
            setting: {
                way: mean([clip[setting][way] for clip in table.values()]).as_dict() for way in ways
            }
            for setting in settings
        },
        "clips": {
            name: {
                setting: {way: clip[setting][way].as_dict() for way in ways} for setting in settings
            }
            for name, clip in table.items()
        },
    }


if __name__ == "__main__":
    main()

"""Whether a switch to another source is seen: the teleport index of every kind of transition.

Each clip is encoded once for each policy and decoded with each transition; only the frames near the
switches and a sample of the others are synthesised. What is counted is in thcodec/evaluate/
teleport.py; the original's own index is 0. With ``--whole`` a switch reaches to three frames after
the longest transition. "distance" and "psnr" compare the fourth frame of a switch with the original
(ST-LPIPS, dB): what showing the old source for longer costs. All figures are medians over switches.

``--pictures FOLDER`` saves for each clip a strip of a switch: a row for the original and for each
transition. ``--videos FOLDER`` decodes everything and saves the original and all transitions side
by side.

``python -m benchmarks.transitions --data ../shared/data/val256 --clips obama_s0 --limit 110`` is a
quick look.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from PIL import Image

from benchmarks import common
from benchmarks.sampling import Pictures, SharedEyes, Stream, encoded, motion_bytes
from thcodec.bitstream import Transition
from thcodec.evaluate import teleport
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.perceptual import Distance, load_stlpips
from thcodec.media.video_output import VideoOutput
from thcodec.models.animator import Animator
from thcodec.motion import Motion
from thcodec.pipeline.config import (
    DEFAULT_TRANSITION,
    TRANSITIONS,
    EncoderConfig,
    transition_named,
)
from thcodec.pipeline.quality import psnr

POLICIES: dict[str, dict[str, Any]] = {"interval": {}}
SHOWN = TRANSITIONS[1:]  # against the cut
SAMPLE = 10  # steps elsewhere
MARGIN = 2  # frames of a strip before the switch and after the transition
INDICES = "stlpips", "pixels"
MEASURES = *INDICES, "distance", "psnr"
Kinds = dict[str, Transition | None]
Steps = dict[int, float]


class CachedAnimator(SharedEyes):
    """Makes no picture of a clip twice either: transitions share most of them."""

    def __init__(self, animator: Animator) -> None:
        super().__init__(animator)
        self._prepared: dict[int, Any] = {}
        self._pictures: dict[tuple[int, bytes], np.ndarray] = {}

    def prepare(self, picture: np.ndarray, canonical: np.ndarray, motion: Motion) -> Any:
        key = crc32(np.ascontiguousarray(picture).data)
        if key not in self._prepared:
            self._prepared[key] = super().prepare(picture, canonical, motion)
        return self._prepared[key]

    def animate(self, source: Any, motions: list[Motion]) -> list[np.ndarray]:
        keys = [(id(source), motion_bytes(motion)) for motion in motions]
        for key, motion in zip(keys, motions, strict=True):
            if key not in self._pictures:
                (self._pictures[key],) = super().animate(source, [motion])
        return [self._pictures[key] for key in keys]

    def blend(self, first: Any, second: Any, *frames: Any) -> list[np.ndarray]:
        if type(self._animator).blend is Animator.blend:
            return Animator.blend(self, first, second, *frames)  # of the pictures kept here
        return super().blend(first, second, *frames)


class Sizes:
    """Sizes of steps between pictures, no pair of which is compared twice."""

    def __init__(self, stlpips: Distance | None) -> None:
        self._stlpips = stlpips
        self._known: dict[tuple[int, int], tuple[float, float]] = {}

    def of(self, pictures: Pictures, steps: Iterable[int]) -> tuple[Steps, Steps]:
        """ST-LPIPS (0 where it is not installed) and change in pixels of each step."""
        found = {step: self.between(pictures[step - 1], pictures[step]) for step in steps}
        distances, changes = ({step: size[i] for step, size in found.items()} for i in (0, 1))
        return distances, changes

    def between(self, before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
        """The two sizes of a single step."""
        key = crc32(before.data), crc32(after.data)
        if key not in self._known:
            distance = self._stlpips([before], [after])[0] if self._stlpips else 0.0
            self._known[key] = distance, teleport.pixel_change(before, after)
        return self._known[key]


def measure(
    stream: Stream, frames: Sequence[np.ndarray], kinds: Kinds, sizes: Sizes, whole: bool
) -> dict[str, dict[str, list[float]]]:
    """Indices of all switches of a clip, by the name of the transition; none of a short clip."""
    longest = _longest(kinds)
    others = teleport.elsewhere(stream.switches, stream.length, longest, SAMPLE)
    touched = [teleport.near(at, longest if whole else 0) for at in stream.switches]
    touched = [steps for steps in touched if max(steps) < stream.length]
    if not others or not touched:
        return {}
    steps = sorted({*others, *(step for found in touched for step in found)})
    wanted = {frame for step in steps for frame in (step - 1, step)}
    original = sizes.of(dict(enumerate(frames)), steps)
    results: dict[str, dict[str, list[float]]] = {}
    for name, transition in kinds.items():
        pictures = stream.decode(transition, wanted)
        decoded = sizes.of(pictures, steps)
        results[name] = rows = {
            name_of: [teleport.index(*pair, found, others) for found in touched]
            for name_of, pair in zip(INDICES, zip(decoded, original, strict=True), strict=True)
        }
        shown = [found[2 * teleport.REACH] for found in touched]
        pairs = [(frames[pts], pictures[pts]) for pts in shown]
        rows["distance"] = [sizes.between(*pair)[0] for pair in pairs]
        rows["psnr"] = [psnr(*pair) for pair in pairs]
    return results


def main() -> None:
    """Measure all clips and save the figures."""
    options = _options()
    network = common.load_network(options.weights)
    stlpips = load_stlpips()
    kinds: Kinds = {"cut": None}
    for kind, length in product(options.transitions, options.lengths):
        kinds[f"{kind}, {length} frames"] = transition_named(kind, length)
    results: dict[str, dict[str, dict[str, list[float]]]] = {}
    for clip in common.clips(options.data, options.clips):
        frames, sizes = read_frames(clip, options.limit), Sizes(stlpips)
        animator = CachedAnimator(network)
        for policy in options.policies:
            config = EncoderConfig(crop="none", interval=options.interval, **POLICIES[policy])
            stream = Stream(encoded(frames, animator, config), animator)
            for name, indices in measure(stream, frames, kinds, sizes, options.whole).items():
                results.setdefault(f"{policy}, {name}", {})[clip.stem] = indices
                print(clip.stem, policy, name, _medians([indices]), flush=True)
            _show(stream, frames, kinds, options, f"{clip.stem}-{policy}")
    if not results:
        raise SystemExit("no clip is long enough")
    medians = {name: _medians(rows.values()) for name, rows in results.items()}
    for name, found in medians.items():
        print(name, found)
    figures = {"interval": options.interval, "median": medians, "clips": results}
    common.save("transitions", figures, options.results)


def _options() -> argparse.Namespace:
    parser = common.parser(__doc__)
    parser.add_argument("--interval", type=int, default=50)
    parser.add_argument("--policies", nargs="*", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--transitions", nargs="*", choices=SHOWN, default=SHOWN)
    parser.add_argument("--lengths", nargs="*", type=int, default=[DEFAULT_TRANSITION])
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--pictures", type=Path, help="folder for a strip of a switch per clip")
    parser.add_argument("--videos", type=Path, help="folder for side-by-side videos")
    return parser.parse_args()


def _medians(clips: Iterable[dict[str, list[float]]]) -> dict[str, float]:
    """Over all switches of some clips."""
    rows = list(clips)
    return {
        name: round(float(np.median([value for row in rows for value in row[name]])), 3)
        for name in MEASURES
    }


def _show(
    stream: Stream,
    frames: Sequence[np.ndarray],
    kinds: Kinds,
    options: argparse.Namespace,
    name: str,
) -> None:
    """The strip and the video that were asked for."""
    if options.pictures and stream.switches:
        at = stream.switches[0]
        last = at + _longest(kinds) + MARGIN
        window = range(max(0, at - MARGIN), min(last, stream.length))
        rows = [
            dict(enumerate(frames)),
            *(stream.decode(shown, window) for shown in kinds.values()),
        ]
        strip = np.vstack([np.hstack([row[pts] for pts in window]) for row in rows])
        options.pictures.mkdir(parents=True, exist_ok=True)
        Image.fromarray(strip).save(options.pictures / f"{name}.png")
    if options.videos:
        everything = range(stream.length)
        rows = [stream.decode(shown, everything) for shown in kinds.values()]
        options.videos.mkdir(parents=True, exist_ok=True)
        size = (len(rows) + 1) * len(frames[0]), len(frames[0])
        with VideoOutput(
            options.videos / f"{name}.mp4", size, Fraction(1, 25), overwrite=True
        ) as output:
            for pts in everything:
                output.add_frame(np.hstack([frames[pts], *(row[pts] for row in rows)]), pts)
            output.close()


def _longest(kinds: Kinds) -> int:
    return max(shown.frames if shown else 0 for shown in kinds.values())


if __name__ == "__main__":
    main()

"""How the generator's repairs should be laid over the moved source: quality of some ways.

Network alone, full-size sources, exact motion, driving frame 4 s after the source, on development
clips. ``generator.smoothed`` is chosen from it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import torch

from benchmarks import common
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.perceptual import load_stlpips
from thcodec.evaluate.scores import Scores, mean, score
from thcodec.models import registry
from thcodec.models.face_vid2vid import generator

_SMOOTHED = generator.smoothed  # patched below
WAYS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "not at all": torch.zeros_like,
    "as painted, half of it": lambda repair: repair / 2,
    "as painted": lambda repair: repair,
    "smoothed, half of it": lambda repair: _SMOOTHED(repair) / 2,
    "smoothed (default)": generator.smoothed,
}
DISTANCE = 100  # frames


def main() -> None:
    """Measure and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=common.VAL_CLIPS)
    parser.add_argument("--clips", nargs="*", help="names without .mp4; all by default")
    parser.add_argument("--step", type=int, default=49, help="frames between two sources")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--results", type=Path, default=common.RESULTS)
    options = parser.parse_args()
    animator, stlpips = registry.load_animator(weights=options.weights), load_stlpips()
    rows: dict[str, list[Scores]] = {}
    for clip in common.clips(options.data, options.clips):
        frames = read_frames(clip, 250)
        starts = range(0, len(frames) - DISTANCE, options.step)
        if not starts:
            continue
        sources, targets = ([frames[s + d] for s in starts] for d in (0, DISTANCE))
        rows.setdefault("repeated", []).append(score(targets, sources, stlpips))
        seen = list(zip(animator.extract(sources), animator.extract(targets), strict=True))
        for name, way in WAYS.items():
            with patch.object(generator, "smoothed", way):
                pictures = []
                for source, (first, second) in zip(sources, seen, strict=True):
                    canonical = first.canonical
                    motions = [animator.motion(each, canonical, first) for each in (first, second)]
                    prepared = animator.prepare(source, canonical, motions[0])
                    pictures += animator.animate(prepared, motions[1:])
            rows.setdefault(name, []).append(score(targets, pictures, stlpips))
    if not rows:
        raise SystemExit("no clip is long enough")
    means = {name: mean(scores).as_dict() for name, scores in rows.items()}
    print(means)
    common.save("paint", {"distance_frames": DISTANCE, "mean": means}, options.results)


if __name__ == "__main__":
    main()

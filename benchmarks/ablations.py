"""What one choice in the network or its training is worth: variants that differ in it alone, from
the same start, trained side by side on the same batches, then measured on people never trained on.

    depth    planes of the appearance volume, from nothing, at 128x128: motion field, appearance
             and generator. All variants have equally many channels in all.
    critic   weight of the adversarial loss, from the shipped weights: appearance and generator.

``python -m benchmarks.ablations depth`` wants what ``thcodec train`` wants, and an hour.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks import common
from thcodec.evaluate.perceptual import load_stlpips
from thcodec.evaluate.scores import score
from thcodec.models.catalogue import find_network
from thcodec.models.face_vid2vid.config import COMPACT, WIDE
from thcodec.models.face_vid2vid.network import FaceVid2Vid
from thcodec.models.face_vid2vid.torch_networks import load_net
from thcodec.models.registry import find_weights
from thcodec.train.animator import (
    DISTANCE,
    PARTS,
    AnimatorTrainer,
    AnimatorTraining,
    Stage,
    synthesised,
)
from thcodec.train.pairs import PairStream, Track, fixed_pairs
from thcodec.train.prepare import prepare
from thcodec.train.run import tracks_of
from thcodec.train.schedule import scheduled

DEPTHS = (1, 2, 4)
WEIGHTS = (0.0, 0.03, 0.15)  # of the critic
FLAT = 1e-6  # |z| of a volume's only plane: the middle
FROM_NOTHING = Stage(128, 8, 45, 1.5e-3, PARTS, crop=128, degraded=0.2)
PAINTING = Stage(
    256, 4, 45, 2e-4, PARTS[1:], 112, 0.35, perceptual=2, pixels=1.5, close_ups=1.5, settled=True
)
REPORT_SECONDS = 300


def main() -> None:
    """Train and measure the variants of one choice."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("choice", choices=("depth", "critic"))
    options.add_argument("--data", type=Path, default=common.TEST_CLIPS.parent)
    options.add_argument("--work", type=Path, default=Path("runs/ablations"))
    options.add_argument("--every", type=int, default=2, help="which training clips are taken")
    options.add_argument("--minutes", type=float, default=45)
    options.add_argument("--results", type=Path, default=common.RESULTS)
    asked = options.parse_args()
    data = some(asked.data, asked.work / "data", asked.every)
    prepare(data, asked.work / "cache", ("train", "val"))
    shipped = load_net(find_weights(str(find_network("compact").file)))
    train, val = tracks_of(shipped.extractor, shipped.extractor, asked.work / "cache", asked.work)
    trainers, stages = {}, {}
    for name, (net, stage) in VARIANTS[asked.choice](shipped).items():
        torch.manual_seed(0)  # critics begin alike
        folder = asked.work / f"{asked.choice}-{name}"
        stages[name] = stage = replace(stage, minutes=asked.minutes)
        trainers[name] = AnimatorTrainer(net, train, [], folder, AnimatorTraining((stage,)))
    steps = side_by_side(trainers, stages, train)
    scores = {name: measure(trainer.averaged, val) for name, trainer in trainers.items()}
    for name, (_, sheet) in scores.items():
        Image.fromarray(sheet).save(asked.work / f"{asked.choice}-{name}.png")
    figures = {
        "minutes": asked.minutes,
        "steps": steps,
        "batch": next(iter(stages.values())).batch,
        "variants": {name: figures for name, (figures, _) in scores.items()},
    }
    common.save(f"ablation_{asked.choice}", figures, asked.results)


def some(data: Path, folder: Path, every: int) -> Path:
    """A folder with all clips to measure on, and every so many of those to train on. Raises
    SystemExit for one that holds others.
    """
    for split, step in (("train256", every), ("val256", 1)):
        (folder / split).mkdir(parents=True, exist_ok=True)
        wanted = {clip.name: clip.resolve() for clip in common.clips(data / split)[::step]}
        if not wanted.keys() >= {link.name for link in (folder / split).iterdir()}:
            raise SystemExit(f"{folder} holds other clips: --work says where else")
        for name, clip in wanted.items():
            if not (folder / split / name).exists():
                (folder / split / name).symlink_to(clip)
    return folder


def depths(shipped: FaceVid2Vid) -> dict[str, tuple[FaceVid2Vid, Stage]]:
    """Networks of equally many channels in volumes of different depth."""
    channels, made = WIDE.volume_channels * WIDE.depth, {}
    for depth in DEPTHS:
        extent = WIDE.depth_extent if depth > 1 else FLAT
        config = replace(WIDE, depth=depth, depth_extent=extent, volume_channels=channels // depth)
        torch.manual_seed(0)
        net = FaceVid2Vid(config)
        net.extractor.load_state_dict(shipped.extractor.state_dict())
        made[str(depth)] = net, FROM_NOTHING
    return made


def critics(shipped: FaceVid2Vid) -> dict[str, tuple[FaceVid2Vid, Stage]]:
    """The shipped network once for each weight of the critic."""
    made = {}
    for weight in WEIGHTS:
        net = FaceVid2Vid(COMPACT)
        net.load_state_dict(shipped.state_dict())
        made[str(weight)] = net, replace(PAINTING, adversarial=weight)
    return made


VARIANTS = {"depth": depths, "critic": critics}


def side_by_side(
    trainers: dict[str, AnimatorTrainer], stages: dict[str, Stage], tracks: list[Track]
) -> int:
    """Give all trainers the same batches until the stages' minutes are spent; the steps of each."""
    stage = next(iter(stages.values()))
    for name, trainer in trainers.items():
        trainer.choose(stages[name])
    batches = PairStream(tracks, 0, stage.batch, stage.size, stage.degraded, 0.0).start(0)
    start = said = time.monotonic()
    steps = 0
    while (progress := (time.monotonic() - start) / 60 / stage.minutes) < 1:
        rate = scheduled(stage.rate, steps, progress, 0.0)
        batch = next(batches).on("cpu")
        losses = {
            name: float(trainer.update(batch, stages[name], rate))
            for name, trainer in trainers.items()
        }
        steps += 1
        if time.monotonic() - said > REPORT_SECONDS:
            said = time.monotonic()
            print(f"{progress:.2f}: {steps} steps, {losses}", flush=True)
    for name, trainer in trainers.items():
        if not stage.settled:
            trainer.settle(stages[name])
    return steps


def measure(
    net: FaceVid2Vid, val: list[Track]
) -> tuple[dict[str, dict[str, float | None]], np.ndarray]:
    """Scores of painted and of moved pictures, 4 s from their sources; and some of them beside
    driving frame and source.
    """
    wanted: list[np.ndarray] = []
    made: dict[str, list[np.ndarray]] = {"painted": [], "moved": []}
    rows = []
    pairs = fixed_pairs(val, DISTANCE, 1)
    for index, tensors in enumerate(synthesised(net, pairs)):
        shown = [_picture(tensor) for tensor in tensors]
        wanted.append(shown[0])
        made["painted"].append(shown[1])
        made["moved"].append(shown[2])
        if index % max(1, len(pairs) // 10) == 0:
            rows.append(np.concatenate(shown, 1))
    stlpips = load_stlpips()
    scores = {name: score(wanted, pictures, stlpips).as_dict() for name, pictures in made.items()}
    return scores, np.concatenate(rows)


def _picture(tensor: torch.Tensor) -> np.ndarray:
    picture: np.ndarray = tensor[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
    return picture


if __name__ == "__main__":
    main()

"""A training run from clips to weights; every step is skipped when it is done already."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from thcodec.errors import ThvError
from thcodec.models.catalogue import find_network
from thcodec.models.face_vid2vid.config import COMPACT, WIDE
from thcodec.models.face_vid2vid.network import FaceVid2Vid
from thcodec.models.weights_file import write_weights
from thcodec.train.animator import AnimatorTrainer, AnimatorTraining, Stage
from thcodec.train.close_ups import CloseUpTraining, train_close_ups
from thcodec.train.device import check_device
from thcodec.train.extractor import ExtractorTraining, train_face
from thcodec.train.pairs import Locate, PairStream, Track, extract_tracks
from thcodec.train.prepare import load, prepare
from thcodec.train.slim import slim
from thcodec.train.upscaler import UpscalerTraining, train_upscaler, upscaler_training

CONFIGS = Path(__file__).parent / "configs"
DEFAULT_CONFIG = CONFIGS / "compact.toml"
CUT_ON, DEGRADED = 12, 0.35  # batches of 4 that the slim network is cut on; of these sources


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of extractor, animator and what is cut out of that: ``configs/compact.toml``."""

    extractor: ExtractorTraining
    close_ups: CloseUpTraining
    animator: AnimatorTraining
    slim: AnimatorTraining


def find_config(name: str) -> Path:
    """The file of a shipped config's name, else ``name`` as a path."""
    shipped = CONFIGS / f"{name}.toml"
    return shipped if shipped.is_file() else Path(name)


def read_config(path: Path) -> TrainingConfig | UpscalerTraining:
    """Read a TOML file; an upscaler's has a table of that name. Raises ThvError for unknown or
    missing settings.
    """
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text())
        if "upscaler" in tables:
            return upscaler_training(tables["upscaler"])
        config = TrainingConfig(
            ExtractorTraining(**tables["extractor"]),
            CloseUpTraining(**tables["close_ups"]),
            _animator_training(tables["animator"]),
            _animator_training(tables["slim"]),
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ThvError(f"training config {path}: {error}") from error
    if any(stage.taught for stage in config.animator.stages):
        raise ThvError(f"training config {path}: only [slim] has a teacher")
    return config


def _animator_training(table: dict[str, Any]) -> AnimatorTraining:
    stages = (Stage(**{**stage, "parts": tuple(stage["parts"])}) for stage in table["stages"])
    return AnimatorTraining(**{**table, "stages": tuple(stages)})


def train(
    data: Path,
    work: Path,
    config: TrainingConfig | UpscalerTraining,
    *,
    device: str = "cpu",
    workers: int = 0,
) -> Path:
    """Prepare ``data``, train, and write ``work/compact-7.safetensors``, for an upscaler
    ``work/face-1.safetensors``; run it again to go on after a stop.

    The animator is trained wide first, then cut to its size and taught by the wide one. Both and
    the upscaler are trained on ``device`` with batches made by so many ``workers``, the
    extractor on the CPU.

    Raises ThvError for a device that is not there, WeightsError when a teacher's package is
    missing.
    """
    check_device(device)
    if isinstance(config, UpscalerTraining):
        return train_upscaler(data, work, config, device=device, workers=workers)
    cache = work / "cache"
    prepare(data, cache, ("train", "val"))
    torch.manual_seed(config.animator.seed)
    net = FaceVid2Vid(WIDE)
    state = torch.load(train_face(cache, work, config.extractor), weights_only=True)
    net.extractor.face.load_state_dict(state["average"])
    train_tracks, val_tracks = tracks_of(net.extractor.face, net.extractor.face, cache, work)
    close_ups = train_close_ups(train_tracks, val_tracks, work, config.close_ups)
    net.extractor.eye.load_state_dict(close_ups["eye"])
    net.extractor.mouth.load_state_dict(close_ups["mouth"])
    train_tracks, val_tracks = tracks_of(net.extractor, net.extractor, cache, work)
    trainer = partial(
        AnimatorTrainer, train=train_tracks, val=val_tracks, device=device, workers=workers
    )
    wide = trainer(net, run=work, settings=config.animator).run()
    batches = islice(PairStream(train_tracks, 0, 4, 256, DEGRADED, 0.0).start(0), CUT_ON)
    net = slim(wide.cpu(), COMPACT, (batch.on("cpu") for batch in batches))
    run = work / f"slim-{_digest(wide)}"  # one that was trained on is cut anew
    made = trainer(net, run=run, settings=config.slim, teacher=wide).run()
    shipped = find_network("compact")
    target = work / str(shipped.file)
    described = {"network": shipped.name, "version": shipped.version, "licence": shipped.licence}
    write_weights(made.state_dict(), target, described)
    return target


def tracks_of(locate: Locate, net: nn.Module, cache: Path, work: Path) -> list[list[Track]]:
    """What ``locate`` sees in the training and the development clips; ``net`` is what it needs."""
    keypoints = work / f"keypoints-{_digest(net)}"  # a newer extractor sees others
    net.eval()
    return [
        extract_tracks(locate, load(cache, split, split == "train"), keypoints / split)
        for split in ("train", "val")
    ]


def _digest(net: nn.Module) -> str:
    digest = hashlib.sha256()
    for tensor in net.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:8]

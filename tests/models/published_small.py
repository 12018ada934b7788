"""Small networks of the published classes, with weights by the recipe of the parity files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from tests.parity import recipe
from thcodec.models.face_vid2vid.published.config import PublishedConfig
from thcodec.models.face_vid2vid.published.network import PublishedNet
from thcodec.models.face_vid2vid.published.weights import published_shapes

SPADE = PublishedConfig(
    size=64,
    keypoints=5,
    depth=4,
    volume_channels=6,
    detector_widths=(8, 12, 16),
    pose_stem=4,
    pose_widths=(8, 16, 24, 32),
    pose_blocks=(2, 1, 2, 1),
    compressed=2,
    motion_widths=(6, 8, 10),
    widths=(8, 10, 12),
    residual=2,
    spade=16,
    hidden=6,
)
PLAIN = replace(SPADE, shrink=1, first_kernel=7, spade=None)
CONFIGS = {"vox-256": SPADE, "vox-256-beta": PLAIN}


def checkpoint(config: PublishedConfig) -> recipe.Checkpoint:
    """All tensors, nested as in a published file."""
    with torch.device("meta"):
        net = PublishedNet(config)
    return recipe.checkpoint(published_shapes(net))


def write(config: PublishedConfig, path: Path, **others: object) -> recipe.Checkpoint:
    """A torch file as published, with what a loader must pass over; returns its three modules."""
    state = checkpoint(config)
    extra = {"discriminator": {"a": torch.ones(3)}, "optimizer_generator": {"lr": 2e-4}}
    torch.save({"epoch": 99, **extra, **state, **others}, path)
    return state


def flat(state: recipe.Checkpoint) -> dict[str, torch.Tensor]:
    """``module.key`` -> tensor."""
    return {f"{module}.{key}": t for module, part in state.items() for key, t in part.items()}

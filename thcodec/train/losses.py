"""Losses of the animator beside the perceptual and the adversarial one."""

from __future__ import annotations

import torch
from torch.nn import functional

from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.dense_motion import MotionField
from thcodec.models.face_vid2vid.geometry import heat_maps, sample
from thcodec.train import landmarks
from thcodec.train.close_ups import EYES, MOUTH
from thcodec.train.pairs import PairBatch


def reconstruction_loss(
    picture: torch.Tensor, batch: PairBatch, pixels: float = 1.0
) -> torch.Tensor:
    """L1 over four scales; lids and lips weigh up to seven times as much at full size, and all of
    that scale counts ``pixels``.
    """
    target = batch.driving
    focus = heat_maps(
        batch.driving_keypoints[:, list(COMPACT.detail)], target.shape[-1], 0.004
    ).amax(1, keepdim=True)
    loss = pixels * ((picture - target).abs() * (1 + 6 * focus)).mean()
    for _ in range(3):
        picture, target = functional.avg_pool2d(picture, 2), functional.avg_pool2d(target, 2)
        loss = loss + (picture - target).abs().mean()
    return loss


def mesh_loss(field: MotionField, batch: PairBatch) -> torch.Tensor:
    """How far from the source's mesh points the field takes the driving frame's from.

    Mean over all points plus four times the mean over the rims of lids and lips.
    """
    maps = field.picture.permute(0, 3, 1, 2)
    taken = sample(maps, batch.driving_mesh[:, :, None]).squeeze(3).transpose(1, 2)
    error = (taken - batch.source_mesh).abs().mean(2)
    seen = (batch.driving_mesh.abs().amax((1, 2)) > 0).float()
    return ((error.mean(1) + 4 * error[:, list(landmarks.RIMS)].mean(1)) * seen).mean()


def flow_loss(field: MotionField, batch: PairBatch) -> torch.Tensor:
    """How far the field is from trusted optical flow, over all samples."""
    error = (field.picture - batch.flow).abs().mean(-1)
    return (error * batch.trusted).mean()


def close_up_loss(picture: torch.Tensor, batch: PairBatch) -> torch.Tensor:
    """L1 of eyes and mouth as the extractor cuts them out, each as large as the others."""
    face = batch.driving_keypoints[:, : COMPACT.face]
    losses = []
    for region in (*EYES, MOUTH):
        frame = region.frame(face)
        shown, real = (frame.cut(p, COMPACT.close_up_size) for p in (picture, batch.driving))
        losses.append((shown - real).abs().mean())
    return torch.stack(losses).sum()

"""The whole network: extractor, appearance encoder, motion field estimator and generator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from thcodec.models.face_vid2vid.config import FaceVid2VidConfig
from thcodec.models.face_vid2vid.dense_motion import DenseMotion, MotionField
from thcodec.models.face_vid2vid.extractor import KeypointExtractor
from thcodec.models.face_vid2vid.generator import (
    Appearance,
    AppearanceEncoder,
    Generator,
    Moved,
    mix,
    move,
)
from thcodec.models.face_vid2vid.geometry import reduced


@dataclass
class Placed:
    """A source with what carries it to the driving frame: its keypoints and the driving frame's as
    seen from it (N, K, 3), and the jacobian J_s J_d^-1 (N, 3, 3).
    """

    source: Appearance
    keypoints: torch.Tensor
    driving: torch.Tensor
    jacobian: torch.Tensor


@dataclass
class Synthesis:
    """picture: what the generator painted, (N, 3, S, S), about 0..1; moved: the source's pixels as
    the field moved them; fields: one for each source.
    """

    picture: torch.Tensor
    moved: torch.Tensor
    fields: tuple[MotionField, ...]


class FaceVid2Vid(nn.Module):
    """The parts under one state dict; ``synthesise`` is what decoder and trainer share."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        self.config = config
        self.extractor = KeypointExtractor(config)
        self.appearance = AppearanceEncoder(config)
        self.motion = DenseMotion(config)
        self.generator = Generator(config)

    def synthesise(self, placed: Placed) -> Synthesis:
        """Driving frames of one source each."""
        moved, field = self._move(placed)
        return Synthesis(self.generator(moved, placed.driving), moved.picture, (field,))

    def blend(self, first: Placed, second: Placed, weight: torch.Tensor) -> Synthesis:
        """Driving frames of two sources each, the second with ``weight`` (N,) in 0..1."""
        (one, field), (other, second_field) = self._move(first), self._move(second)
        moved = mix(one, other, weight)
        picture = self.generator(moved, first.driving)
        return Synthesis(picture, moved.picture, (field, second_field))

    def _move(self, placed: Placed) -> tuple[Moved, MotionField]:
        motion = placed.keypoints, placed.driving, placed.jacobian
        field = self.motion(placed.source.small, *motion)
        return move(placed.source, field, self.config.depth_extent), field

    def field(
        self,
        picture: torch.Tensor,
        source_keypoints: torch.Tensor,
        driving_keypoints: torch.Tensor,
        jacobian: torch.Tensor,
    ) -> MotionField:
        """The motion field alone, for sources (N, 3, S, S)."""
        small = reduced(picture, self.config.motion_size)
        return self.motion(small, source_keypoints, driving_keypoints, jacobian)

"""The whole network: extractor, appearance encoder, motion field estimator and generator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.config import FaceVid2VidConfig
from thcodec.models.face_vid2vid.dense_motion import DenseMotion, MotionField
from thcodec.models.face_vid2vid.extractor import KeypointExtractor
from thcodec.models.face_vid2vid.generator import Appearance, AppearanceEncoder, Generator


@dataclass
class Synthesis:
    """picture: what the generator painted, (N, 3, S, S), about 0..1; moved: the source's pixels as
    the field moved them.
    """

    picture: torch.Tensor
    moved: torch.Tensor
    field: MotionField


class FaceVid2Vid(nn.Module):
    """The parts under one state dict; ``synthesise`` is what decoder and trainer share."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        self.config = config
        self.extractor = KeypointExtractor(config)
        self.appearance = AppearanceEncoder(config)
        self.motion = DenseMotion(config)
        self.generator = Generator(config)

    def synthesise(
        self,
        source: Appearance,
        source_keypoints: torch.Tensor,
        driving_keypoints: torch.Tensor,
        jacobian: torch.Tensor,
    ) -> Synthesis:
        """Driving frames of sources; keypoints (N, K, 3), jacobian J_s J_d^-1 (N, 3, 3)."""
        field = self.move(source.picture, source_keypoints, driving_keypoints, jacobian)
        picture, moved = self.generator(source, field, driving_keypoints)
        return Synthesis(picture, moved, field)

    def move(
        self,
        picture: torch.Tensor,
        source_keypoints: torch.Tensor,
        driving_keypoints: torch.Tensor,
        jacobian: torch.Tensor,
    ) -> MotionField:
        """The motion field alone, for sources (N, 3, S, S)."""
        size = self.config.motion_size
        small = functional.interpolate(picture, size=(size, size), mode="area")
        return self.motion(small, source_keypoints, driving_keypoints, jacobian)

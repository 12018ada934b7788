"""The whole published network."""

from __future__ import annotations

from torch import nn

from thcodec.models.face_vid2vid.published.config import PublishedConfig
from thcodec.models.face_vid2vid.published.detector import CanonicalDetector
from thcodec.models.face_vid2vid.published.generator import Generator
from thcodec.models.face_vid2vid.published.pose import HeadEstimator


class PublishedNet(nn.Module):
    """detector: canonical keypoints; pose: head pose and expression; generator: the decoder's
    part.
    """

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        self.config = config
        self.detector = CanonicalDetector(config)
        self.pose = HeadEstimator(config)
        self.generator = Generator(config)

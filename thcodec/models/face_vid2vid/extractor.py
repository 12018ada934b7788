"""Keypoints of a frame: canonical keypoints of the person and where they are in the picture.

The published network estimates head pose and expression deformation with nets of their own. This
one locates the moved keypoints directly, which is more accurate for its size, and ``pose.py``
splits them by eq. 1 into the pose that explains most of them and the expression deformation that is
left.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import ConvBlock, ResBlock, UpBlock
from thcodec.models.face_vid2vid.config import FaceVid2VidConfig


class KeypointExtractor(nn.Module):
    """Pictures (N, 3, S, S) in [0, 1] -> keypoints (N, K, 3) in the picture and canonical keypoints
    (N, K, 3).

    x and y are expectations over heat maps of a quarter of the input's size, z the mean of a depth
    map under them.
    """

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        self.size = config.extractor_size
        self.keypoints = config.keypoints
        w0, w1, w2, w3, w4 = config.extractor_widths
        self.stem = nn.Sequential(ConvBlock(3, w0, stride=2), ConvBlock(w0, w1))
        self.level2 = nn.Sequential(ConvBlock(w1, w2, stride=2), ResBlock(w2))
        self.level3 = nn.Sequential(ConvBlock(w2, w3, stride=2), ResBlock(w3))
        self.level4 = nn.Sequential(ConvBlock(w3, w4, stride=2), ResBlock(w4), ResBlock(w4))
        self.up3, self.side3 = UpBlock(w4, w3), ConvBlock(w3, w3, kernel=1)
        self.up2, self.side2 = UpBlock(w3, w2), ConvBlock(w2, w2, kernel=1)
        self.refine = nn.Sequential(ResBlock(w2), ConvBlock(w2, w2))
        self.heat = nn.Conv2d(w2, self.keypoints, 1)
        self.depth = nn.Conv2d(w2, self.keypoints, 1)
        self.canonical = nn.Sequential(
            nn.Linear(w4, 128), nn.ReLU(inplace=True), nn.Linear(128, self.keypoints * 3)
        )

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if pictures.shape[-1] != self.size:
            pictures = functional.interpolate(pictures, size=(self.size, self.size), mode="area")
        level2 = self.level2(self.stem(pictures))
        level3 = self.level3(level2)
        level4 = self.level4(level3)
        x = self.up3(level4) + self.side3(level3)
        x = self.refine(self.up2(x) + self.side2(level2))
        shape = (-1, self.keypoints, 3)
        return self._locate(x), self.canonical(level4.mean((2, 3))).reshape(shape)

    def _locate(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.heat(x).flatten(2).softmax(-1)
        # Heat maps reach a little past the picture, so that points on its border keep their place.
        axis = torch.linspace(-1.1, 1.1, x.shape[-1], device=x.device)
        rows = weight.unflatten(2, x.shape[-2:])
        px = (rows.sum(2) * axis).sum(-1)
        py = (rows.sum(3) * axis).sum(-1)
        pz = (weight * self.depth(x).flatten(2)).sum(-1)
        return torch.stack([px, py, pz], -1)

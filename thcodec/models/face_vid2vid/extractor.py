"""Keypoints of a frame: canonical keypoints of the person and where they are in the picture.

The published network estimates head pose and expression deformation with nets of their own. This
one locates the moved keypoints directly, which is more accurate for its size, and ``pose.py``
splits them by eq. 1 into the pose that explains most of them and the expression deformation that is
left. Lids, pupils and lips move by a pixel or two of the whole picture, so a second look at them is
taken in close-ups.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import ConvBlock, ResBlock, UpBlock
from thcodec.models.face_vid2vid.config import FaceVid2VidConfig
from thcodec.models.face_vid2vid.geometry import picture_grid, reduced

# Half the side of a close-up as a share of the face's width.
EYE_REACH, MOUTH_REACH = 0.25, 0.35


class KeypointExtractor(nn.Module):
    """Pictures (N, 3, S, S) in [0, 1] -> keypoints (N, ``seen``, 3) in the picture and canonical
    keypoints (N, ``seen``, 3); those of pupils lie between the lids. Free keypoints are followed
    by ``tracking.py``.
    """

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        self.config = config
        self.face = FaceExtractor(config)
        self.eye = CloseUp(config, 3)
        self.mouth = CloseUp(config, len(config.mouth))

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        face, canonical = self.face(pictures)
        keypoints = self.look_closer(pictures, face)
        pupils = [canonical[:, list(eye)].mean(1, keepdim=True) for eye in self.config.eyes]
        return keypoints, torch.cat([canonical, *pupils], 1)

    def look_closer(self, pictures: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
        """Place lids and lips of ``face`` (N, F, 3) anew and add the pupils."""
        size, config = self.config.close_up_size, self.config
        rims, pupils = face.clone(), []
        for mirrored, eye in enumerate(config.eyes):
            frame = close_up_frame(config, face, eye, EYE_REACH, bool(mirrored))
            found = frame.to_picture(self.eye(frame.cut(pictures, size)))
            rims[:, list(eye), :2] = found[:, :2]
            pupils.append(torch.cat([found[:, 2:], face[:, list(eye), 2:].mean(1, True)], 2))
        frame = close_up_frame(config, face, config.mouth, MOUTH_REACH)
        found = frame.to_picture(self.mouth(frame.cut(pictures, size)))
        rims[:, list(config.mouth), :2] = found
        return torch.cat([rims, *pupils], 1)


@dataclass
class CloseUpFrame:
    """A turned square of the picture: centre (N, 2) and the half axes (N, 2, 2), as columns."""

    centre: torch.Tensor
    axes: torch.Tensor

    def to_picture(self, points: torch.Tensor) -> torch.Tensor:
        """Points (N, P, 2) of the close-up, [-1, 1], in the picture."""
        return points @ self.axes.transpose(1, 2) + self.centre[:, None]

    def from_picture(self, points: torch.Tensor) -> torch.Tensor:
        """Points (N, P, 2) of the picture in the close-up."""
        return torch.linalg.solve(self.axes, (points - self.centre[:, None]).mT).mT

    def cut(self, pictures: torch.Tensor, size: int) -> torch.Tensor:
        """The close-ups (N, 3, size, size); the border is repeated."""
        grid = self.to_picture(picture_grid(size, pictures.device).flatten(0, 1)[None])
        grid = grid.unflatten(1, (size, size))
        return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=True)


def close_up_frame(
    config: FaceVid2VidConfig,
    face: torch.Tensor,
    around: tuple[int, ...],
    reach: float,
    mirrored: bool = False,
) -> CloseUpFrame:
    """The square round some of a face's keypoints (N, F, 3), upright in the head.

    Its size comes from the distance of the face's sides in space, which turning does not change.
    """
    left, right = (face[:, i, :2] for i in config.eye_corners)
    across = functional.normalize(right - left, dim=1)
    down = torch.stack([-across[:, 1], across[:, 0]], 1)
    a, b = (face[:, i] for i in config.width)
    half = reach * (a - b).norm(dim=1)[:, None, None].clamp(0.02, 2.0)
    axes = torch.stack([-across if mirrored else across, down], 2) * half
    return CloseUpFrame(face[:, list(around), :2].mean(1), axes)


class CloseUp(nn.Module):
    """Close-ups (N, 3, s, s) in [0, 1] -> points (N, P, 2) in them, [-1, 1]."""

    def __init__(self, config: FaceVid2VidConfig, points: int) -> None:
        super().__init__()
        widths = (3, *config.close_up_widths)
        blocks: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            blocks += [ConvBlock(inputs, outputs, stride=2), ResBlock(outputs)]
        self.body = nn.Sequential(*blocks)
        side = config.close_up_size // 2 ** len(config.close_up_widths)
        self.head = nn.Sequential(
            nn.Linear(widths[-1] * side * side, 64),
            nn.ReLU(inplace=True),
            nn.Linear(64, 2 * points),
        )

    def forward(self, close_ups: torch.Tensor) -> torch.Tensor:
        # Light is not a feature: every close-up has mean 0 and the same contrast.
        spread, mean = torch.std_mean(close_ups, (1, 2, 3), keepdim=True)
        features = self.body((close_ups - mean) / (spread + 0.02))
        return self.head(features.contiguous().flatten(1)).unflatten(1, (-1, 2))


class FaceExtractor(nn.Module):
    """Pictures (N, 3, S, S) in [0, 1] -> keypoints of the face (N, F, 3) and canonical ones
    (N, F, 3).

    x and y are expectations over heat maps of a quarter of the input's size, z the mean of a depth
    map under them.
    """

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        self.size = config.extractor_size
        self.keypoints = config.face
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
        level2 = self.level2(self.stem(reduced(pictures, self.size)))
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

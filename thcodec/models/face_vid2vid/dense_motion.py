"""Motion field and occlusion from two sets of keypoints (paper: section 3.2, motion field
estimation).

Every keypoint proposes one rigid motion of the volume, w_k(p) = A (p - x_d,k) + x_s,k, where A =
J_s J_d^-1 is the same for all of them when Jacobians are head rotation times scale (eq. 2). A
mixture of such motions is linear in the masks, so the candidate flows are never laid out in memory:
the field is (1 - m_0) A p + sum_k m_k b_k + m_0 p with b_k = x_s,k - A x_d,k and the identity
motion of the background as number 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import Hourglass, zero_head
from thcodec.models.face_vid2vid.config import FaceVid2VidConfig
from thcodec.models.face_vid2vid.geometry import (
    heat_maps,
    picture_grid,
    resize_grid,
    sample,
    squared_distances,
)

PRIOR_VARIANCE = 0.015  # of the keypoints' regions of influence before anything is learnt
DETAIL_VARIANCE, DETAIL_GAIN = 0.003, 2.5  # the same for lids and lips, which win where they are
PARTING = (
    0.01  # width of the line at which the upper lid's or lip's motion gives way to the lower's
)
PRIOR_REACH = 0.5  # distance from every keypoint at which the background takes over
HEAT_VARIANCE = 0.01


@dataclass
class MotionField:
    """volume (N, D, h, w, 3): where each sample of the driving volume comes from; picture (N, h, w,
    2): the same for the visible surface; occlusion (N, 1, h, w) in 0..1, 1 where the source shows
    what is needed."""

    volume: torch.Tensor
    picture: torch.Tensor
    occlusion: torch.Tensor


class DenseMotion(nn.Module):
    """Mixes the keypoints' motions; starts as nearest-keypoint motion and learns to do better."""

    grid: torch.Tensor  # (D, h, w, 3)
    variance: torch.Tensor  # (K, 1, 1)
    gain: torch.Tensor  # (K, 1, 1)

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        self.size, self.depth, self.keypoints = config.motion_size, config.depth, config.keypoints
        self.extent = config.depth_extent
        self.hourglass = Hourglass(3 + 3 + 2 + self.keypoints, config.motion_widths)
        self._parts = ((self.keypoints + 1) * self.depth, self.depth, 1, 2)
        self.head = zero_head(self.hourglass.outputs, sum(self._parts))
        planes = torch.linspace(-self.extent, self.extent, self.depth)
        grid = picture_grid(self.size)[None].expand(self.depth, -1, -1, -1)
        z = planes[:, None, None, None].expand(-1, self.size, self.size, 1)
        variance = torch.full((self.keypoints, 1, 1), PRIOR_VARIANCE)
        variance[list(config.detail)] = DETAIL_VARIANCE
        gain = torch.zeros(self.keypoints, 1, 1)
        gain[list(config.detail)] = DETAIL_GAIN
        self.openings = config.openings
        self.register_buffer("variance", variance, persistent=False)
        self.register_buffer("gain", gain, persistent=False)
        self.register_buffer("grid", torch.cat([grid, z], -1).contiguous(), persistent=False)

    def forward(
        self,
        small: torch.Tensor,
        source: torch.Tensor,
        driving: torch.Tensor,
        jacobian: torch.Tensor,
    ) -> MotionField:
        """small: the source picture (N, 3, h, w); source, driving: keypoints (N, K, 3); jacobian: A
        (N, 3, 3).
        """
        shifts = source - driving @ jacobian.transpose(1, 2)
        prior = self._prior(driving, jacobian)
        field = self._mix(
            prior[:, :, None].softmax(1).expand(-1, -1, self.depth, -1, -1), shifts, jacobian
        )
        guess = field.mean(1)[..., :2]
        change = heat_maps(driving, self.size, HEAT_VARIANCE) - heat_maps(
            source, self.size, HEAT_VARIANCE
        )
        moved = (guess - self.grid[0, ..., :2]).permute(0, 3, 1, 2)
        features = self.hourglass(torch.cat([small, sample(small, guess), moved, change], 1))
        logits, surface, occlusion, residual = self.head(features).split(self._parts, 1)
        logits = logits.unflatten(1, (self.keypoints + 1, self.depth)) + prior[:, :, None]
        field = self._mix(logits.softmax(1), shifts, jacobian)
        field[..., :2] += 0.1 * residual.permute(0, 2, 3, 1)[:, None]
        picture = (field[..., :2] * surface.softmax(1)[..., None]).sum(1)
        return MotionField(field, picture, torch.sigmoid(occlusion + 2.0))

    def _prior(self, driving: torch.Tensor, jacobian: torch.Tensor) -> torch.Tensor:
        """Log weights (N, K + 1, h, w), the background first.

        Above the line between a pair's keypoints only the upper one counts, below it only the
        lower: a shut eye shows no mixture of both lids' motions, which would be the iris.
        """
        nearness = squared_distances(driving, self.size) / (-2 * self.variance) + self.gain
        down = functional.normalize(jacobian[:, 1, :2], dim=1)  # of the head, in the driving frame
        for upper, lower in self.openings:
            middle = (driving[:, upper, :2] + driving[:, lower, :2]) / 2
            side = (
                torch.einsum(
                    "nhwc,nc->nhw", self.grid[None, 0, ..., :2] - middle[:, None, None], down
                )
                / PARTING
            )
            nearness[:, upper] -= functional.softplus(side)
            nearness[:, lower] -= functional.softplus(-side)
        background = torch.full_like(nearness[:, :1], -(PRIOR_REACH**2) / (2 * PRIOR_VARIANCE))
        return torch.cat([background, nearness], 1)

    def _mix(
        self, masks: torch.Tensor, shifts: torch.Tensor, jacobian: torch.Tensor
    ) -> torch.Tensor:
        """masks (N, K + 1, D, h, w) -> field (N, D, h, w, 3)."""
        still = masks[:, 0, ..., None]
        moved = torch.einsum("nkdhw,nkc->ndhwc", masks[:, 1:], shifts)
        turned = torch.einsum("dhwc,nec->ndhwe", self.grid, jacobian)
        return still * self.grid + (1 - still) * turned + moved


def warp_volume(volume: torch.Tensor, field: MotionField, extent: float) -> torch.Tensor:
    """Sample the appearance volume (N, C, D, h, w) through the field; planes outside +-extent
    repeat the outermost.
    """
    planes = field.volume.shape[1]
    grid = resize_grid(field.volume.flatten(0, 1), volume.shape[-1]).unflatten(0, (-1, planes))
    return sample(volume, grid * grid.new_tensor([1.0, 1.0, 1.0 / extent]))


def warp_picture(picture: torch.Tensor, field: MotionField) -> torch.Tensor:
    """Sample features (N, C, S, S) of any size through the surface's field."""
    return sample(picture, resize_grid(field.picture, picture.shape[-1]))

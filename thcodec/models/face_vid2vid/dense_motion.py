"""Motion field and occlusion from two sets of keypoints (paper: section 3.2, motion field
estimation).

Every keypoint proposes one rigid motion of the volume, w_k(p) = A (p - x_d,k) + x_s,k, where A =
J_s J_d^-1 is the same for all of them when Jacobians are head rotation times scale (eq. 2). A
mixture of such motions is linear in the masks, so the candidate flows are never laid out in memory:
the field is h A p + (1 - h) p + sum_k m_k b_k, where h is the sum of the head's masks, b_k = x_s,k
- A x_d,k for its keypoints, b_k = x_s,k - x_d,k for free ones and b_0 = 0 for the background.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import Hourglass, convolved_apart, zero_head
from thcodec.models.face_vid2vid.config import FaceVid2VidConfig
from thcodec.models.face_vid2vid.geometry import (
    heat_maps,
    picture_grid,
    resized,
    sample,
    sample_volume,
    squared_distances,
)
from thcodec.models.face_vid2vid.tracking import LOST

PRIOR_VARIANCE = 0.015  # of the keypoints' regions of influence before anything is learnt
DETAIL_VARIANCE, DETAIL_GAIN = 0.003, 2.5  # the same for lids and lips, which win where they are
PARTING = (
    0.01  # width of the line at which the upper lid's or lip's motion gives way to the lower's
)
PUPIL_VARIANCE, PUPIL_GAIN = 0.001, 4.0
PUPIL_MARGIN = 0.01  # a pupil shows only this far inside both lids
FREE_VARIANCE, FREE_GAIN = 0.03, -6.0
LOST_LOSS = 30.0  # of a free keypoint that was not found again
PRIOR_REACH = 0.5  # distance from every keypoint at which the background takes over
HEAT_VARIANCE = 0.01
# Of a log weight, either way: float32 adds them up, to more than 0. What counts lies in -20..11.
LARGEST = 60.0
TRUST = 4.0  # log weight of a source among two for each nat that it shows less


@dataclass
class MotionField:
    """volume (N, 3, D, h, w): where each sample of the driving volume comes from; picture (N, h, w,
    2): the same for the visible surface; occlusion (N, 1, h, w) in 0..1, 1 where the source shows
    what is needed; trust (N, 1, h, w): log weight of this source where another one competes; shares
    (N, h, w, K): how much each keypoint's motion counts at the visible surface."""

    volume: torch.Tensor
    picture: torch.Tensor
    occlusion: torch.Tensor
    trust: torch.Tensor
    shares: torch.Tensor


class DenseMotion(nn.Module):
    """Mixes the keypoints' motions; starts as nearest-keypoint motion and learns to do better."""

    grid: torch.Tensor  # (3, D, h, w)
    sums: torch.Tensor  # (1, K + 1, 2): 1, and 1 for the head's keypoints
    variance: torch.Tensor  # (K, 1, 1)
    gain: torch.Tensor  # (K, 1, 1)
    free: torch.Tensor  # (K, 1, 1), 1 for free keypoints
    edges: torch.Tensor  # (E, K): the keypoints whose mean lies on each edge
    hides: torch.Tensor  # (K, E): 1 where a keypoint counts on one side of an edge only
    side: torch.Tensor  # (E, 1, 1): 1 for what counts above the edge, -1 for below
    margin: torch.Tensor  # (E, 1, 1): how far inside

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        self.size, self.depth, self.keypoints = config.motion_size, config.depth, config.keypoints
        self.seen = config.seen
        self.extent = config.depth_extent
        self.hourglass = Hourglass(3 + 3 + 2 + self.keypoints, config.motion_widths)
        self._masks, self._parts = (self.keypoints + 1) * self.depth, (self.depth, 1, 2, 1)
        self._order = torch.arange(self._masks).view(-1, self.depth).t().flatten().tolist()
        self.head = zero_head(self.hourglass.outputs, self._masks + sum(self._parts))
        planes = torch.linspace(-self.extent, self.extent, self.depth)
        grid = picture_grid(self.size).permute(2, 0, 1)[:, None].expand(-1, self.depth, -1, -1)
        z = planes[None, :, None, None].expand(-1, -1, self.size, self.size)
        sums = torch.ones(1, self.keypoints + 1, 2)
        sums[:, [0, *range(self.seen + 1, self.keypoints + 1)], 1] = 0
        self.register_buffer("sums", sums, persistent=False)
        variance = torch.full((self.keypoints, 1, 1), PRIOR_VARIANCE)
        gain = torch.zeros(self.keypoints, 1, 1)
        for points, value, bonus in (
            (list(config.detail), DETAIL_VARIANCE, DETAIL_GAIN),
            (list(config.pupils), PUPIL_VARIANCE, PUPIL_GAIN),
            (list(range(self.seen, self.keypoints)), FREE_VARIANCE, FREE_GAIN),
        ):
            variance[points], gain[points] = value, bonus
        self.register_buffer("variance", variance, persistent=False)
        self.register_buffer("gain", gain, persistent=False)
        free = (torch.arange(self.keypoints) >= self.seen).float().view(-1, 1, 1)
        self.register_buffer("free", free, persistent=False)
        for name, table in zip(("edges", "hides", "side", "margin"), _edges(config), strict=True):
            self.register_buffer(name, table, persistent=False)
        self.register_buffer("grid", torch.cat([grid, z]).contiguous(), persistent=False)

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
        terms = self._terms(source, driving, jacobian)
        prior = self._prior(driving, jacobian)
        # The first guess has one plane: masks are the same at every depth.
        plane = self.grid.mean(1, keepdim=True)
        middle, _ = self._mix(prior.exp()[:, :, :, None], terms, jacobian, plane)
        guess = middle[:, :2, 0]
        change = heat_maps(driving, self.size, HEAT_VARIANCE) - heat_maps(
            source, self.size, HEAT_VARIANCE
        )
        there = sample(small, guess.permute(0, 2, 3, 1))
        moved = guess - self.grid[:2, 0]
        features = self.hourglass(torch.cat([small, there, moved, change], 1))
        logits, rest = self._head(features.float())
        surface, occlusion, residual, trust = rest.split(self._parts, 1)
        masks = (logits + prior[:, :, :, None]).clamp(-LARGEST, LARGEST).exp()
        field, total = self._mix(masks, terms, jacobian, self.grid)
        field = field + functional.pad(0.1 * residual, (0,) * 5 + (1,))[:, :, None]
        surface = surface.softmax(1)
        picture = (field[:, :2] * surface[:, None]).sum(2).permute(0, 2, 3, 1)
        seen = (surface / total).permute(0, 2, 3, 1)[..., None]
        shares = (masks[..., 1:] * seen).sum(3)
        occlusion = occlusion + 2.0
        # What a source shows, it is trusted with; the rest of its trust is learnt.
        trust = TRUST * functional.logsigmoid(occlusion) + trust
        return MotionField(field, picture, torch.sigmoid(occlusion), trust, shares)

    def _head(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The masks' logits (N, h, w, D, K + 1), and the rest (N, C, h, w)."""
        # As learnt, all depths of one keypoint follow each other.
        parts = (self._order, slice(self._masks, None))
        logits, rest = convolved_apart(self.head, features, parts)
        return logits.permute(0, 2, 3, 1).unflatten(3, (self.depth, -1)), rest

    def _terms(
        self, source: torch.Tensor, driving: torch.Tensor, jacobian: torch.Tensor
    ) -> torch.Tensor:
        """What each mask adds up to, (N, K + 1, 5): itself, itself if it is of the head, b_k."""
        turned = driving[:, : self.seen] @ jacobian.transpose(1, 2)
        shifts = source - torch.cat([turned, driving[:, self.seen :]], 1)
        shifts = functional.pad(shifts, (0, 0, 1, 0))
        return torch.cat([self.sums.expand(len(shifts), -1, -1), shifts], 2)

    def _prior(self, driving: torch.Tensor, jacobian: torch.Tensor) -> torch.Tensor:
        """Log weights (N, h, w, K + 1), the background first.

        Above the line between a pair's keypoints only the upper one counts, below it only the
        lower: a shut eye shows no mixture of both lids' motions, which would be the iris. A pupil
        counts only between the lids, a free keypoint only where it was found.
        """
        nearness = squared_distances(driving, self.size) / (-2 * self.variance) + self.gain
        down = functional.normalize(jacobian[:, 1, :2], dim=1)  # of the head, in the driving frame
        points = ((self.edges @ driving[..., :2]) * down[:, None]).sum(2)
        below = (self.grid[:2, 0] * down[:, :, None, None]).sum(1, keepdim=True)
        below = below - points[..., None, None]
        beyond = functional.softplus((self.margin + self.side * below) / PARTING)
        lost = self.free * (driving[..., 2, None, None] > LOST / 2)
        hidden = torch.einsum("ke,nehw->nkhw", self.hides, beyond)
        nearness = nearness - hidden - LOST_LOSS * lost
        background = torch.full_like(nearness[:, :1], -(PRIOR_REACH**2) / (2 * PRIOR_VARIANCE))
        return torch.cat([background, nearness], 1).permute(0, 2, 3, 1)

    def _mix(
        self,
        masks: torch.Tensor,
        terms: torch.Tensor,
        jacobian: torch.Tensor,
        grid: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Masks (N, h, w, D, K + 1) of any sum, grid (3, D, h, w) -> field (N, 3, D, h, w), and
        the masks' sums (N, D, h, w)."""
        sums = terms.transpose(1, 2) @ masks.flatten(1, 3).transpose(1, 2)
        sums = sums.unflatten(2, masks.shape[1:4]).permute(0, 1, 4, 2, 3)
        total, head, moved = sums.split((1, 1, 3), 1)
        turned = (jacobian @ grid.flatten(1)).unflatten(2, grid.shape[1:])
        return (head * (turned - grid) + moved) / total + grid, total[:, 0]


def _edges(config: FaceVid2VidConfig) -> tuple[torch.Tensor, ...]:
    """The lines of DenseMotion's ``edges``, ``hides``, ``side`` and ``margin``."""
    rows: list[tuple[int, tuple[int, ...], float, float]] = []
    for upper, lower in config.openings:
        rows += [(upper, (upper, lower), 1, 0), (lower, (upper, lower), -1, 0)]
    for pupil, (upper, lower) in zip(config.pupils, config.eyes, strict=True):
        rows += [(pupil, (upper,), -1, PUPIL_MARGIN), (pupil, (lower,), 1, PUPIL_MARGIN)]
    edges = torch.zeros(len(rows), config.keypoints)
    hides = torch.zeros(config.keypoints, len(rows))
    for at, (keypoint, points, _, _) in enumerate(rows):
        edges[at, list(points)] = 1 / len(points)
        hides[keypoint, at] = 1
    side, margin = (torch.tensor([row[i] for row in rows]).float() for i in (2, 3))
    return edges, hides, side.view(-1, 1, 1), margin.view(-1, 1, 1)


def warp_volume(volume: torch.Tensor, field: MotionField, extent: float) -> torch.Tensor:
    """Sample the appearance volume (N, C, D, h, w) through the field; planes outside +-extent
    repeat the outermost.
    """
    planes = field.volume.shape[2]
    x, y, z = resized(field.volume.flatten(1, 2), volume.shape[-1]).split(planes, 1)
    return sample_volume(volume, x, y, z / extent)


def warp_picture(picture: torch.Tensor, field: MotionField, mode: str = "bilinear") -> torch.Tensor:
    """Sample features (N, C, S, S) of any size through the surface's field."""
    grid = resized(field.picture.permute(0, 3, 1, 2), picture.shape[-1])
    return sample(picture, grid.permute(0, 2, 3, 1), mode)

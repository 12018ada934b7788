"""Motion field and occlusion (paper: section 3.2, motion field estimation).

Keypoint k proposes w_k(p) = A (p - x_d,k) + x_s,k, the background w_0(p) = p. A = J_s J_d^-1 is the
identity in the published weights; with Jacobians as in eq. 2 it is R_s R_d^-1 for every keypoint of
one person. The mixture of them is linear in the masks, and the volume is sampled through one
candidate at a time, so neither 16 grids nor 16 volumes are ever laid out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import ConvBlock, DownBlock, UpBlock
from thcodec.models.face_vid2vid.geometry import heat_volumes, volume_grid
from thcodec.models.face_vid2vid.published.config import PublishedConfig

HEAT_VARIANCE = 0.01


def sample_volume(volume: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Trilinear samples of (N, C, D, H, W) at grid (N, d, h, w, 3); zeros beyond the border.

    The published network builds its grids with the ends on the outer samples and samples as if they
    were half a sample further out; its weights know it so.
    """
    return functional.grid_sample(volume, grid, padding_mode="zeros", align_corners=False)


class Compress(nn.Module):
    """1x1x1 convolution, norm, ReLU: what the estimator sees of the volume; once per source."""

    FOLDS = (("conv", "norm"),)

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv3d(inputs, outputs, 1), nn.BatchNorm3d(outputs)

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.norm(self.conv(volume)), inplace=True)


class SkipHourglass(nn.Module):
    """Volumes (N, C, D, H, W) -> (N, C', D, H, W): down blocks, then up blocks, each followed by
    what the way down had of its size, at last the input itself.
    """

    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            DownBlock(a, b, dim=3, bias=True) for a, b in pairwise((inputs, *widths))
        )
        back = (*reversed(widths), widths[0] // 2)
        doubled = (back[0], *(2 * width for width in back[1:]))
        self.up = nn.ModuleList(
            UpBlock(a, b, dim=3, bias=True) for a, b in zip(doubled, back[1:], strict=False)
        )
        self.outputs = back[-1] + inputs
        self.last = ConvBlock(self.outputs, self.outputs, dim=3, bias=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = [x]
        for down in self.down:
            skips.append(down(skips[-1]))
        x = skips.pop()
        for up in self.up:
            x = torch.cat([up(x), skips.pop()], 1)
        out: torch.Tensor = self.last(x)
        return out


@dataclass
class Field:
    """flow (N, D, h, w, 3): where each sample of the driving volume comes from; occlusion
    (N, 1, h, w) in 0..1, 1 where the source shows what is needed.
    """

    flow: torch.Tensor
    occlusion: torch.Tensor


class DenseMotion(nn.Module):
    """Mixes the keypoints' motions."""

    grid: torch.Tensor  # (D, h, w, 3)

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        self.depth, self.size = config.depth, config.map_size
        candidates = config.keypoints + 1
        self.compress = Compress(config.volume_channels, config.compressed)
        self.hourglass = SkipHourglass(candidates * (1 + config.compressed), config.motion_widths)
        wide = self.hourglass.outputs
        self.mask = nn.Conv3d(wide, candidates, 7, padding=3)
        self.occlusion = nn.Conv2d(wide * config.depth, 1, 7, padding=3)
        self.register_buffer("grid", None, persistent=False)
        self.make_grid()

    def make_grid(self) -> None:
        """Lay out the grid, which is in no checkpoint: again, when the network was built empty."""
        self.grid = volume_grid(self.depth, self.size)

    def forward(
        self,
        compressed: torch.Tensor,
        source: torch.Tensor,
        driving: torch.Tensor,
        jacobian: torch.Tensor | None = None,
    ) -> Field:
        """compressed: (N, C, D, h, w) of the source; source, driving: keypoints (N, K, 3);
        jacobian: A (N, 3, 3), None for the identity.
        """
        turned = self.grid if jacobian is None else self._turned(self.grid, jacobian)
        shifts = source - (driving if jacobian is None else driving @ jacobian.mT)
        features = self.hourglass(self._proposals(compressed, source, driving, turned, shifts))
        masks = self.mask(features.contiguous()).softmax(1)
        return Field(self._mix(masks, turned, shifts), self._occlusion(features))

    def _occlusion(self, features: torch.Tensor) -> torch.Tensor:
        """The 7x7 convolution over all channels and depths with its one output: each tap as a
        product of matrices, then the taps laid over each other. (1792 channels to one is what
        convolution kernels are slowest at.)
        """
        conv = self.occlusion
        taps = conv.weight[0].unflatten(0, features.shape[1:3]).flip(-2, -1).flatten(2)
        shares = torch.einsum("ncdhw,cdt->nthw", features, taps).flatten(2)
        size = features.shape[-2:]
        wide = conv.kernel_size[0]
        summed = functional.fold(shares, size, wide, padding=wide // 2)
        return summed.add_(_offset(conv)).sigmoid_()

    def _proposals(
        self,
        compressed: torch.Tensor,
        source: torch.Tensor,
        driving: torch.Tensor,
        turned: torch.Tensor,
        shifts: torch.Tensor,
    ) -> torch.Tensor:
        """What the hourglass sees: of each candidate its heat map and the volume moved by it."""
        count, points = driving.shape[:2]
        each = 1 + compressed.shape[1]
        seen = torch.empty(
            (count, (points + 1) * each, *compressed.shape[2:]),
            dtype=compressed.dtype,
            device=compressed.device,
            memory_format=torch.channels_last_3d,
        )
        seen[:, 0] = 0.0
        seen[:, 1:each] = sample_volume(compressed, self.grid.expand(count, *self.grid.shape))
        maps = heat_volumes(driving, self.depth, self.size, HEAT_VARIANCE)
        maps -= heat_volumes(source, self.depth, self.size, HEAT_VARIANCE)
        seen[:, each::each] = maps
        for k in range(points):
            at, grid = (k + 1) * each, turned + shifts[:, k, None, None, None]
            seen[:, at + 1 : at + each] = sample_volume(compressed, grid)
        return seen

    def _mix(self, masks: torch.Tensor, turned: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
        """The masked sum of the candidates: m_0 p + (1 - m_0) A p + sum_k m_k (x_s,k - A x_d,k)."""
        moved = torch.einsum("nkdhw,nkc->ndhwc", masks[:, 1:], shifts)
        if turned is self.grid:
            return moved.add_(self.grid)
        return moved.add_(turned).add_(masks[:, 0, ..., None] * (self.grid - turned))

    @staticmethod
    def _turned(grid: torch.Tensor, jacobian: torch.Tensor) -> torch.Tensor:
        return torch.einsum("dhwj,nij->ndhwi", grid, jacobian)


def _offset(conv: nn.Conv2d) -> torch.Tensor | float:
    return 0.0 if conv.bias is None else conv.bias[:, None, None]

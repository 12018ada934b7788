"""Grids, heat maps and sampling as tensors (paper: section 3.2).

All coordinates are (x, y, z) in [-1, 1] with the ends on the first and last sample; x to the right,
y down, z away from the viewer.
"""

from __future__ import annotations

import torch


def picture_grid(size: int, device: torch.device | None = None) -> torch.Tensor:
    """(size, size, 2) coordinates of a picture's samples."""
    axis = torch.linspace(-1, 1, size, device=device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], -1)


def volume_grid(depth: int, size: int, device: torch.device | None = None) -> torch.Tensor:
    """(depth, size, size, 3) coordinates of a volume's samples, the ends on the outer planes."""
    plane = picture_grid(size, device)
    z = torch.linspace(-1, 1, depth, device=device)[:, None, None, None]
    return torch.cat([plane.expand(depth, -1, -1, -1), z.expand(-1, size, size, 1)], -1)


def heat_volumes(keypoints: torch.Tensor, depth: int, size: int, variance: float) -> torch.Tensor:
    """Keypoints (N, K, 3) -> Gaussian volumes (N, K, depth, size, size), 1 at the peak."""
    x, y, z = (
        torch.exp(
            (torch.linspace(-1, 1, count, device=keypoints.device) - keypoints[:, :, axis, None])
            ** 2
            / (-2 * variance)
        )
        for axis, count in enumerate((size, size, depth))
    )
    return z[:, :, :, None, None] * (y[:, :, :, None] * x[:, :, None, :])[:, :, None]


def heat_maps(keypoints: torch.Tensor, size: int, variance: float) -> torch.Tensor:
    """Keypoints (N, K, 3) -> Gaussian maps (N, K, size, size) of their x and y, 1 at the peak."""
    return torch.exp(squared_distances(keypoints, size) / (-2 * variance))


def squared_distances(keypoints: torch.Tensor, size: int) -> torch.Tensor:
    """Squared picture distances (N, K, size, size) from every sample to every keypoint."""
    axis = torch.linspace(-1, 1, size, device=keypoints.device)
    dx = (axis - keypoints[:, :, 0:1]) ** 2
    dy = (axis - keypoints[:, :, 1:2]) ** 2
    return dy[:, :, :, None] + dx[:, :, None, :]


def sample(picture: torch.Tensor, grid: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """Samples of (N, C, [D,] H, W) at grid (N, ..., 2 or 3); the border is repeated. Mode "bicubic"
    is for pictures, in two dimensions.
    """
    return torch.nn.functional.grid_sample(
        picture.to(grid.dtype), grid, mode, padding_mode="border", align_corners=True
    )


def sample_volume(
    volume: torch.Tensor, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor
) -> torch.Tensor:
    """``sample`` of a volume (N, C, D, H, W) at x, y, z (N, d, h, w) each, D at least 2, as two
    samples of a picture.

    All planes lie below each other in one picture; the two next to a place are sampled in it and
    mixed. Faster than in three dimensions, and runtimes have it that know two only.
    """
    planes, height = volume.shape[2:4]
    y = ((y + 1) * ((height - 1) / 2)).clamp(0, height - 1)
    z = ((z + 1) * ((planes - 1) / 2)).clamp(0, planes - 1)
    near = z.detach().floor().clamp(max=planes - 2)
    tall = volume.flatten(2, 3)
    before, behind = (
        sample(
            tall,
            torch.stack([x, (y + plane * height) * (2 / (planes * height - 1)) - 1], -1).flatten(
                1, 2
            ),
        ).unflatten(2, x.shape[1:3])
        for plane in (near, near + 1)
    )
    return before + (z - near)[:, None] * (behind - before)


def reduced(pictures: torch.Tensor, size: int) -> torch.Tensor:
    """Pictures (N, C, S, S) as (N, C, size, size), by means of the area."""
    if pictures.shape[-1] == size:
        return pictures
    if pictures.shape[-1] % size == 0:  # the same, which OpenVINO has a fast kernel for
        return torch.nn.functional.avg_pool2d(pictures, int(pictures.shape[-1]) // size)
    return torch.nn.functional.interpolate(pictures, size=(size, size), mode="area")


def resized(maps: torch.Tensor, size: int) -> torch.Tensor:
    """Maps (N, C, h, w) as (N, C, size, size), the ends on the ends."""
    if maps.shape[-1] == size:
        return maps
    return torch.nn.functional.interpolate(
        maps, size=(size, size), mode="bilinear", align_corners=True
    )

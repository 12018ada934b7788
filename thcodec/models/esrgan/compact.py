"""The compact face upscaler: all but two thin convolutions work at the still's own size or half."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import smoothed, zero_head

_SLOPE = 0.2
# Taps by scale, of a box as wide as the scale on one of two samples: nothing at the frequencies of
# the lattice that a pixel shuffle can draw.
NO_LATTICE = {2: (1, 2, 1), 4: (1, 2, 2, 2, 1)}


@dataclass(frozen=True)
class CompactConfig:
    """Widths and depths; ``scales`` are the factors that have a tail of their own.

    ``outer_blocks`` residual blocks stand before and as many after the ``inner_blocks`` that work
    at half the still's size, where they see twice as far for a quarter of the cost.
    ``fine_channels`` go to the two convolutions at full size.
    """

    channels: int = 64
    inner_channels: int = 96
    outer_blocks: int = 4
    inner_blocks: int = 4
    fine_channels: int = 8
    scales: tuple[int, ...] = (2, 4)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv2(functional.leaky_relu(self.conv1(x), _SLOPE))


class CompactNet(nn.Module):
    """(N, 3, h, w) in [0, 1], h and w even -> (N, 3, scale h, scale w), about [0, 1].

    What the net makes is added to the bicubic enlargement, so an untrained one changes nothing.
    """

    def __init__(self, config: CompactConfig = CompactConfig()) -> None:
        super().__init__()
        channels, inner = config.channels, config.inner_channels
        self.scales = config.scales
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.before = nn.Sequential(*(_Residual(channels) for _ in range(config.outer_blocks)))
        self.down = nn.Conv2d(channels, inner, 4, 2, 1)
        self.inner = nn.Sequential(*(_Residual(inner) for _ in range(config.inner_blocks)))
        self.up = nn.Conv2d(inner, 4 * channels, 1)
        self.after = nn.Sequential(*(_Residual(channels) for _ in range(config.outer_blocks)))
        self.tails = nn.ModuleDict(
            {str(scale): zero_head(channels, 3 * scale**2) for scale in config.scales}
        )
        fine = config.fine_channels
        self.fines = nn.ModuleDict(
            {str(scale): nn.Conv2d(channels, fine * scale**2, 1) for scale in config.scales}
        )
        self.detail = nn.Sequential(
            nn.Conv2d(fine + 3, fine, 3, padding=1),
            nn.LeakyReLU(_SLOPE, inplace=True),
            zero_head(fine, 3),
        )

    def forward(self, x: torch.Tensor, scale: int) -> torch.Tensor:
        head = self.head(x - 0.5)
        y = self.before(head)
        y = y + functional.pixel_shuffle(self.up(self.inner(self.down(y))), 2)
        y = self.after(y) + head
        base = functional.interpolate(x, scale_factor=scale, mode="bicubic", align_corners=False)
        # What follows the filter treats all samples alike: it sharpens again without a lattice.
        rough = torch.cat([self.tails[str(scale)](y), self.fines[str(scale)](y)], 1)
        rough = smoothed(functional.pixel_shuffle(rough, scale), NO_LATTICE[scale])
        coarse, fine = rough.tensor_split([3], 1)
        large = base + coarse
        return large + self.detail(torch.cat([large - 0.5, fine], 1))


def config_of(state: dict[str, torch.Tensor]) -> CompactConfig:
    """Tell the configuration from the tensors' names and shapes."""
    scales = sorted(
        int(parts[1]) for key in state if (parts := key.split("."))[0] == "tails" and parts[1:2]
    )
    return CompactConfig(
        channels=state["head.weight"].shape[0],
        inner_channels=state["down.weight"].shape[0],
        outer_blocks=_count(state, "before"),
        inner_blocks=_count(state, "inner"),
        fine_channels=state["detail.0.weight"].shape[0],
        scales=tuple(dict.fromkeys(scales)),
    )


def _count(state: dict[str, torch.Tensor], part: str) -> int:
    return len({key.split(".")[1] for key in state if key.startswith(f"{part}.")})

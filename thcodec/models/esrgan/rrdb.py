"""ESRGAN's generator (Wang et al. 2018): residual-in-residual dense blocks, nearest doubling."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

_SLOPE = 0.2
_RESIDUAL = 0.2  # what a block's change counts


@dataclass(frozen=True)
class RRDBConfig:
    """``doublings`` of the size at the end; the input is first folded by ``fold`` (1, 2 or 4), as
    Real-ESRGAN does for factors under 4: the whole enlarges by 2**doublings / fold.
    """

    features: int = 64
    growth: int = 32
    blocks: int = 23
    doublings: int = 2
    fold: int = 1

    @property
    def scale(self) -> int:
        """How many times larger the result is."""
        return int(2**self.doublings // self.fold)


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees all that came before."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        for number in range(1, 6):
            outputs = growth if number < 5 else features
            conv = nn.Conv2d(features + (number - 1) * growth, outputs, 3, padding=1)
            self.add_module(f"conv{number}", conv)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = [x]
        *first, last = self.children()
        for conv in first:
            seen.append(functional.leaky_relu(conv(torch.cat(seen, 1)), _SLOPE, inplace=True))
        return x + _RESIDUAL * last(torch.cat(seen, 1))


class ResidualDenseBlock(nn.Module):
    """Three dense blocks and a way round them."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(features, growth)
        self.rdb2 = DenseBlock(features, growth)
        self.rdb3 = DenseBlock(features, growth)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + _RESIDUAL * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    """(N, 3, h, w) in [0, 1] -> (N, 3, scale h, scale w), about [0, 1]; h and w multiples of
    ``fold``.
    """

    def __init__(self, config: RRDBConfig = RRDBConfig()) -> None:
        super().__init__()
        features = config.features
        self.scales = (config.scale,)
        self.fold = config.fold
        self.conv_first = nn.Conv2d(3 * config.fold**2, features, 3, padding=1)
        self.body = nn.Sequential(
            *(ResidualDenseBlock(features, config.growth) for _ in range(config.blocks))
        )
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up = nn.ModuleList(
            nn.Conv2d(features, features, 3, padding=1) for _ in range(config.doublings)
        )
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, x: torch.Tensor, scale: int | None = None) -> torch.Tensor:
        if self.fold > 1:
            x = functional.pixel_unshuffle(x, self.fold)
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for conv in self.conv_up:
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = functional.leaky_relu(conv(x), _SLOPE, inplace=True)
        return self.conv_last(functional.leaky_relu(self.conv_hr(x), _SLOPE, inplace=True))

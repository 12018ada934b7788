"""Convolution blocks in two or three dimensions. Pooling and upsampling act on height and width
only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional

Net = TypeVar("Net", bound=nn.Module)
_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
# Binomial taps with nothing at the highest frequency, where a pixel shuffle leaves a grid.
NO_GRID = (1, 2, 1)


def channels_last(net: Net) -> Net:
    """Lay out the kernels of 2-D convolutions as CPUs and tensor cores like them; in place."""
    for parameter in net.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return net


def zero_head(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution that gives 0 until it has learnt something: the net starts as its prior."""
    head = nn.Conv2d(inputs, outputs, 3, padding=1)
    for parameter in head.parameters():
        nn.init.zeros_(parameter)
    return head


def convolved_apart(
    conv: nn.Conv2d, x: torch.Tensor, parts: Iterable[slice | list[int]]
) -> Iterator[torch.Tensor]:
    """Parts of what a 3x3 convolution makes of x. Where the network is converted for another
    runtime, each by a convolution of its own: to split what one makes takes OpenVINO as long as to
    make it.
    """
    if not torch.jit.is_tracing():
        whole = conv(x)
        return (whole[:, part] for part in parts)
    weight, bias = conv.parameters()
    return (functional.conv2d(x, weight[part], bias[part], padding=1) for part in parts)


def smoothed(picture: torch.Tensor, taps: tuple[int, ...] = NO_GRID) -> torch.Tensor:
    """Pictures (N, C, H, W) through a separable filter; the border is repeated."""
    kernel = picture.new_tensor(taps) / sum(taps)
    reach, count = len(taps) // 2, int(picture.shape[1])  # fixed, also where a trace follows
    picture = functional.pad(picture, (reach,) * 4, mode="replicate")
    across, down = kernel.view(1, 1, 1, -1), kernel.view(1, 1, -1, 1)
    picture = functional.conv2d(picture, across.expand(count, 1, 1, -1), groups=count)
    return functional.conv2d(picture, down.expand(count, 1, -1, 1), groups=count)


class ConvBlock(nn.Module):
    """Convolution of one or more tensors side by side, batch norm, ReLU (leaky with a ``slope``).
    The compact network's convolutions have no bias, which the norm makes superfluous; the published
    one's have.
    """

    FOLDS = (("conv", "norm"),)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        dim: int = 2,
        kernel: int = 3,
        stride: int = 1,
        bias: bool = False,
        slope: float = 0.0,
    ) -> None:
        super().__init__()
        self.slope = slope
        self.conv = _CONV[dim](inputs, outputs, kernel, stride, kernel // 2, bias=bias)
        self.norm = _NORM[dim](outputs)

    def forward(self, *parts: torch.Tensor) -> torch.Tensor:
        x = self.norm(self._convolved(parts))
        if self.slope:
            return functional.leaky_relu(x, self.slope, inplace=True)
        return functional.relu(x, inplace=True)

    def _convolved(self, parts: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """The convolution of parts that lie side by side. Where the network is converted for
        another runtime it is a sum: laying them there would take as long as half of it."""
        if len(parts) == 1 or not torch.jit.is_tracing():
            whole: torch.Tensor = self.conv(parts[0] if len(parts) == 1 else torch.cat(parts, 1))
            return whole
        weights = self.conv.weight.split([int(part.shape[1]) for part in parts], 1)
        made = self.conv._conv_forward(parts[0], weights[0], self.conv.bias)
        for part, weight in zip(parts[1:], weights[1:], strict=True):
            made = made + self.conv._conv_forward(part, weight, None)
        return made


class DownBlock(nn.Module):
    """ConvBlock, then 2x average pooling of height and width."""

    def __init__(self, inputs: int, outputs: int, *, dim: int = 2, bias: bool = False) -> None:
        super().__init__()
        self.block = ConvBlock(inputs, outputs, dim=dim, bias=bias)
        self.pool = nn.AvgPool2d(2) if dim == 2 else nn.AvgPool3d((1, 2, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(self.block(x))


class UpBlock(nn.Module):
    """Nearest 2x upsampling of height and width, then ConvBlock."""

    def __init__(self, inputs: int, outputs: int, *, dim: int = 2, bias: bool = False) -> None:
        super().__init__()
        self.block = ConvBlock(inputs, outputs, dim=dim, bias=bias)
        self.scale = (2.0,) * 2 if dim == 2 else (1.0, 2.0, 2.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.block(functional.interpolate(x, scale_factor=self.scale, mode="nearest"))


class ResBlock(nn.Module):
    """Pre-activation residual block: twice (norm, ReLU, 3x3 convolution), added to the input."""

    FOLDS = (("conv1", "norm2"),)

    def __init__(self, channels: int, *, dim: int = 2, bias: bool = False) -> None:
        super().__init__()
        self.norm1, self.norm2 = _NORM[dim](channels), _NORM[dim](channels)
        self.conv1 = _CONV[dim](channels, channels, 3, padding=1, bias=bias)
        self.conv2 = _CONV[dim](channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(functional.relu(self.norm1(x)))
        return x + self.conv2(functional.relu(self.norm2(y)))


class Hourglass(nn.Module):
    """Encoder and decoder with skip connections; the output has the input's height and width.

    ``widths`` gives the channels after the entry block and after each down block.
    """

    def __init__(self, inputs: int, widths: tuple[int, ...], *, dim: int = 2) -> None:
        super().__init__()
        self.entry = ConvBlock(inputs, widths[0], dim=dim)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(DownBlock(a, b, dim=dim) for a, b in pairs)
        self.up = nn.ModuleList(UpBlock(b, a, dim=dim) for a, b in reversed(pairs))
        self.fuse = nn.ModuleList(ConvBlock(2 * a, a, dim=dim) for a, _ in reversed(pairs))
        self.outputs = widths[0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = [self.entry(x)]
        for down in self.down:
            skips.append(down(skips[-1]))
        x = skips.pop()
        for up, fuse in zip(self.up, self.fuse, strict=True):
            x = fuse(torch.cat([up(x), skips.pop()], dim=1))
        return x

"""Decoder with spatially adaptive norms (Park 2019), which ``vox-256`` paints with."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.published.config import PublishedConfig

SLOPE = 0.2


class Spade(nn.Module):
    """Instance norm of (N, C, H, W), then a gain and a bias at every place that are found from a
    map (N, M, h, w).
    """

    def __init__(self, channels: int, map_channels: int, hidden: int) -> None:
        super().__init__()
        self.shared = nn.Conv2d(map_channels, hidden, 3, padding=1)
        self.gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
        where = functional.interpolate(where, size=x.shape[2:], mode="nearest")
        hidden = functional.relu(self.shared(where), inplace=True)
        x = functional.instance_norm(x)
        return self.beta(hidden).addcmul_(x, self.gamma(hidden).add_(1))


class SpadeBlock(nn.Module):
    """Residual block of two SPADE norms, each with an activation and a 3x3 convolution; where the
    widths differ the input passes through a norm and a 1x1 convolution.
    """

    def __init__(self, inputs: int, outputs: int, map_channels: int, hidden: int) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.norm_0, self.norm_1 = (
            Spade(width, map_channels, hidden) for width in (inputs, middle)
        )
        self.conv_0 = nn.Conv2d(inputs, middle, 3, padding=1)
        self.conv_1 = nn.Conv2d(middle, outputs, 3, padding=1)
        self.norm_s: Spade | None = None
        self.conv_s: nn.Conv2d | None = None
        if inputs != outputs:
            self.norm_s = Spade(inputs, map_channels, hidden)
            self.conv_s = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
        y = self.conv_0(functional.leaky_relu(self.norm_0(x, where), SLOPE, inplace=True))
        y = self.conv_1(functional.leaky_relu(self.norm_1(y, where), SLOPE, inplace=True))
        if self.norm_s is not None and self.conv_s is not None:
            x = self.conv_s(self.norm_s(x, where))
        return y.add_(x)


class SpadeDecoder(nn.Module):
    """Features (N, C, h, w), which are also the map of all norms -> picture (N, 3, 4h, 4w) in
    0..1.
    """

    def __init__(self, config: PublishedConfig, width: int) -> None:
        super().__init__()
        thin, _, wide = config.widths

        def block(inputs: int, outputs: int) -> SpadeBlock:
            return SpadeBlock(inputs, outputs, wide, config.hidden)

        self.fc = nn.Conv2d(wide, width, 3, padding=1)
        self.middle = nn.ModuleList(block(width, width) for _ in range(config.residual))
        self.up = nn.ModuleList((block(width, wide), block(wide, thin)))
        self.conv_img = nn.Conv2d(thin, 3, 3, padding=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        x = self.fc(features)
        for block in self.middle:
            x = block(x, features)
        for block in self.up:
            x = block(functional.interpolate(x, scale_factor=2.0, mode="nearest"), features)
        return torch.sigmoid(self.conv_img(functional.leaky_relu(x, SLOPE, inplace=True)))

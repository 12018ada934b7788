"""Real-ESRGAN's compact network: a plain chain of convolutions at the still's own size."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class SRVGGNet(nn.Module):
    """(N, 3, h, w) in [0, 1] -> (N, 3, scale h, scale w): what the chain makes is added to the
    nearest enlargement. ``layers`` convolutions stand between the first and the last one, and after
    each but the last a slope per channel for negative values.
    """

    def __init__(self, features: int, layers: int, scale: int) -> None:
        super().__init__()
        self.scales = (scale,)
        body: list[nn.Module] = [nn.Conv2d(3, features, 3, padding=1), nn.PReLU(features)]
        for _ in range(layers):
            body += [nn.Conv2d(features, features, 3, padding=1), nn.PReLU(features)]
        body.append(nn.Conv2d(features, 3 * scale**2, 3, padding=1))
        self.body = nn.Sequential(*body)

    def forward(self, x: torch.Tensor, scale: int | None = None) -> torch.Tensor:
        base = functional.interpolate(x, scale_factor=float(self.scales[0]), mode="nearest")
        return base + functional.pixel_shuffle(self.body(x), self.scales[0])

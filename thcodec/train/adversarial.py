"""A small critic of pictures, for the last and lightest of the losses."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import channels_last

WIDTHS = (48, 96, 192)


class Critic(nn.Module):
    """Tells painted pictures from real ones, patch by patch, at full and half size (hinge loss); it
    learns as it goes and is not part of a checkpoint.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sizes = channels_last(nn.ModuleList(_patches() for _ in range(2)))
        self._optimiser = torch.optim.Adam(self.parameters(), betas=(0.5, 0.99))

    def learn(self, painted: torch.Tensor, real: torch.Tensor, rate: float) -> None:
        """One step on pictures (N, 3, H, W) in [0, 1]."""
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self.requires_grad_(True)
        judged = zip(self(real), self(painted), strict=True)
        losses = [functional.relu(1 - a).mean() + functional.relu(1 + b).mean() for a, b in judged]
        self._optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(losses)
        self._optimiser.step()

    def loss(self, painted: torch.Tensor) -> torch.Tensor:
        """What the painter pays: less where the critic takes pictures for real."""
        self.requires_grad_(False)
        return -torch.stack([patches.mean() for patches in self(painted)]).sum()

    def forward(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """Pictures (N, 3, H, W) -> how real each patch is, at each size."""
        both = picture, functional.avg_pool2d(picture, 2)
        return [net(each - 0.5).float() for net, each in zip(self.sizes, both, strict=True)]


def _patches() -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in zip((3, *WIDTHS), WIDTHS, strict=False):
        conv = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)
        layers += [nn.utils.parametrizations.spectral_norm(conv), nn.LeakyReLU(0.2)]
    layers.append(nn.utils.parametrizations.spectral_norm(nn.Conv2d(WIDTHS[-1], 1, 3)))
    return nn.Sequential(*layers)

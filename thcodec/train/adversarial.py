"""A small critic of picture crops, for the last and lightest of the losses."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import channels_last

WIDTHS = (32, 64, 128)


class Critic:
    """Tells painted crops from real ones, patch by patch (hinge loss); it learns as it goes and is
    not part of a checkpoint.
    """

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in zip((3, *WIDTHS), WIDTHS, strict=False):
            conv = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)
            layers += [nn.utils.parametrizations.spectral_norm(conv), nn.LeakyReLU(0.2)]
        layers.append(nn.utils.parametrizations.spectral_norm(nn.Conv2d(WIDTHS[-1], 1, 3)))
        self._net = channels_last(nn.Sequential(*layers))
        self._optimiser = torch.optim.Adam(self._net.parameters(), betas=(0.5, 0.99))

    def learn(self, painted: torch.Tensor, real: torch.Tensor, rate: float) -> None:
        """One step on crops (N, 3, H, W) in [0, 1]."""
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._net.requires_grad_(True)
        loss = (
            functional.relu(1 - self._net(real)).mean()
            + functional.relu(1 + self._net(painted)).mean()
        )
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()

    def loss(self, painted: torch.Tensor) -> torch.Tensor:
        """What the painter pays: less where the critic takes crops for real."""
        self._net.requires_grad_(False)
        return -self._net(painted).mean()

"""The judge of the adversarial loss: sees patches beside the blurred still they were made of."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

_WIDTHS = (48, 96, 128)


class Discriminator(nn.Module):
    """Picture and enlarged still, each (N, 3, H, W) in [0, 1] -> (N, 1, H / 8, W / 8): how much
    each patch looks like an original.

    It sees the still too, so what does not agree with the still is no better than what is blurred.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 6
        for width in _WIDTHS:
            layers += [spectral_norm(nn.Conv2d(inputs, width, 4, 2, 1)), nn.LeakyReLU(0.2)]
            inputs = width
        layers += [spectral_norm(nn.Conv2d(inputs, inputs, 3, padding=1)), nn.LeakyReLU(0.2)]
        layers.append(nn.Conv2d(inputs, 1, 3, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, picture: torch.Tensor, still: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(torch.cat([picture, still], 1) - 0.5)
        return result.float()


def maker_loss(
    judge: Discriminator, made: torch.Tensor, original: torch.Tensor, still: torch.Tensor
) -> torch.Tensor:
    """Relativistic average loss of ESRGAN, for the net that makes pictures: they should seem more
    original than the originals.
    """
    fake = judge(made, still)
    with torch.no_grad():
        real = judge(original, still)
    return _margin(fake - real.mean(), 1) + _margin(real - fake.mean(), -1)


def judge_loss(
    judge: Discriminator, made: torch.Tensor, original: torch.Tensor, still: torch.Tensor
) -> torch.Tensor:
    """The same the other way round, for the judge; nothing flows back into ``made``."""
    fake, real = judge(made.detach(), still), judge(original, still)
    return _margin(real - fake.mean(), 1) + _margin(fake - real.mean(), -1)


def _margin(difference: torch.Tensor, sign: int) -> torch.Tensor:
    return 0.5 * functional.softplus(-sign * difference).mean()

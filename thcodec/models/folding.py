"""Rewrites of a trained network that compute the same with less work."""

from __future__ import annotations

import torch
from torch import nn


def fold_batch_norms(net: nn.Module) -> None:
    """Put every batch norm that follows a convolution into it; in place, for inference only.

    A module says which of its parts follow each other by ``FOLDS``, pairs of the names of a
    convolution and its norm; parts that are None are passed over.
    """
    for module in list(net.modules()):
        for conv_name, norm_name in getattr(module, "FOLDS", ()):
            conv, norm = getattr(module, conv_name), getattr(module, norm_name)
            if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
                _fold(conv, norm)
                setattr(module, norm_name, nn.Identity())


def _fold(conv: nn.Conv2d | nn.Conv3d, norm: nn.BatchNorm2d | nn.BatchNorm3d) -> None:
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without statistics cannot be folded")
    gain = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    bias = 0 if conv.bias is None else conv.bias.detach()
    weight = conv.weight.detach() * gain.reshape(-1, *[1] * (conv.weight.ndim - 1))
    shift = norm.bias.detach() + (bias - norm.running_mean) * gain
    conv.weight = nn.Parameter(weight, requires_grad=False)
    conv.bias = nn.Parameter(shift, requires_grad=False)


def without_spectral_norm(weight: torch.Tensor, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """A convolution's weight (O, ...) over the spectral norm that u (O,) and v estimate (Miyato
    2018, evaluation form).
    """
    return weight / (u @ (weight.flatten(1) @ v))

"""Rewrites of a trained network that compute the same with less work."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.enlarged import conv_enlarged
from thcodec.models.face_vid2vid.blocks import UpBlock

_LAYOUT = {4: torch.channels_last, 5: torch.channels_last_3d}
_SMALLEST = 8  # width from which the kernels of ``conv_enlarged`` are worth their sums


def make_fast(net: nn.Module) -> None:
    """All of the below, for inference; in place."""
    fold_batch_norms(net)
    fold_upsampling(net)
    lay_out_channels_last(net)


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


def lay_out_channels_last(net: nn.Module) -> None:
    """Lay out the kernels of convolutions as CPUs and tensor cores like them; in place.

    Not those of 3-D convolutions wider than 3: 7x7x7 ran at 238 GFLOP/s as it was, 135 so laid out.
    """
    for parameter in net.parameters():
        if parameter.ndim == 4 or (parameter.ndim == 5 and parameter.shape[-1] <= 3):
            layout = _LAYOUT[parameter.ndim]
            parameter.data = parameter.data.contiguous(memory_format=layout)


class EnlargedConv(nn.Module):
    """An UpBlock whose norm is folded, computed before the enlargement instead of after it."""

    def __init__(self, block: UpBlock) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        conv = self.block.block.conv
        if x.shape[-1] < _SMALLEST:
            out: torch.Tensor = self.block(x)
            return out
        return functional.relu_(conv_enlarged(x, conv.weight, conv.bias, 2))


def fold_upsampling(net: nn.Module) -> None:
    """Put an EnlargedConv in the place of every UpBlock whose norm is folded; in place."""
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, UpBlock) and isinstance(child.block.norm, nn.Identity):
                setattr(module, name, EnlargedConv(child))

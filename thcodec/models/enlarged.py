"""Convolutions of enlarged pictures without enlarging them."""

from __future__ import annotations

import torch
from torch.nn import functional

_CONV = {4: functional.conv2d, 5: functional.conv3d}
_LAYOUT = {4: torch.channels_last, 5: torch.channels_last_3d}
_Taps = tuple[int, int, int]


def conv_enlarged(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, scale: int
) -> torch.Tensor:
    """``x`` (N, C, [D,] h, w) enlarged by repeating every sample ``scale`` times in height and
    width, then convolved with a kernel of width 3 and padding 1: (N, C', [D,] scale h, scale w).

    Taps that fall on one sample are summed first, and places that see the same are computed once:
    2x2 taps do the work of 3x3 at scale 2, and one is enough for a quarter of scale 4.
    """
    conv = _CONV[x.ndim]
    if scale == 1:
        return conv(x, weight, bias, padding=1)
    height, width = x.shape[-2:]
    shape = (len(x), len(weight), *x.shape[2:-2], scale * height, scale * width)
    layout = _LAYOUT[x.ndim]
    out = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout)
    padded = functional.pad(x, (1, 1, 1, 1)).contiguous(memory_format=layout)
    padding = (1, 0, 0) if x.ndim == 5 else 0
    for row, ys in _alike(scale).items():
        for column, xs in _alike(scale).items():
            kernel = _summed(_summed(weight, row, -2), column, -1)
            window = padded.narrow(-2, 1 + row[0], height + kernel.shape[-2] - 1)
            window = window.narrow(-1, 1 + column[0], width + kernel.shape[-1] - 1)
            part = conv(window, kernel, bias, padding=padding)
            for y_at in ys:
                for x_at in xs:
                    out[..., y_at::scale, x_at::scale] = part
    return out


def _alike(scale: int) -> dict[_Taps, list[int]]:
    """Places of an enlarged sample by what their three taps fall on: samples counted from it."""
    places: dict[_Taps, list[int]] = {}
    for place in range(scale):
        taps = (place - 1) // scale, place // scale, (place + 1) // scale
        places.setdefault(taps, []).append(place)
    return places


def _summed(weight: torch.Tensor, taps: _Taps, axis: int) -> torch.Tensor:
    """The kernel's three taps along an axis, those on one sample added up."""
    parts = weight.unbind(axis)
    sums = [
        torch.stack([part for part, at in zip(parts, taps, strict=True) if at == sample]).sum(0)
        for sample in range(taps[0], taps[-1] + 1)
    ]
    return torch.stack(sums, axis)

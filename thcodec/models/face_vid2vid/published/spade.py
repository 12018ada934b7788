"""Decoder with spatially adaptive norms (Park 2019), which ``vox-256`` paints with."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from thcodec.models.enlarged import conv_enlarged
from thcodec.models.face_vid2vid.published.config import PublishedConfig

SLOPE, NO_ACTIVATION = 0.2, 1.0
EPSILON = 1e-5  # of the instance norm
MOST_AT_ONCE = 1 << 21  # numbers of a norm's result: 8 MB


class Spade(nn.Module):
    """Instance norm of (N, C, H, W), then a gain and a bias at every place that are found from a
    map (N, M, h, w).
    """

    def __init__(self, channels: int, map_channels: int, hidden: int) -> None:
        super().__init__()
        self.shared = nn.Conv2d(map_channels, hidden, 3, padding=1)
        self.gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def then(
        self, x: torch.Tensor, where: torch.Tensor, grow: int, conv: nn.Conv2d, slope: float
    ) -> torch.Tensor:
        """``conv`` of the leaky ReLU of this norm of ``x`` enlarged ``grow`` times (nearest).

        As many channels at a time as stay in the cache: neither the norm's result nor gains and
        biases are ever laid out whole, and the norm's moments are those before the enlargement.
        """
        scale = grow * x.shape[2] // where.shape[2]
        hidden = conv_enlarged(where, self.shared.weight, self.shared.bias, scale)
        functional.relu_(hidden)
        x = _normalised(x)
        step = max(MOST_AT_ONCE // (grow * grow * x[0, 0].numel()), 1)
        straight = slope == NO_ACTIVATION
        out = self._bias_through(conv, hidden) if straight else None
        for start in range(0, x.shape[1], step):
            part = slice(start, start + step)
            y = _some(self.gamma, hidden, part).add_(1)
            seen = x[:, part]
            if grow > 1:
                seen = functional.interpolate(seen, scale_factor=float(grow), mode="nearest")
            if straight:
                y.mul_(seen)
            else:
                y = _some(self.beta, hidden, part).addcmul_(seen, y)
                functional.leaky_relu_(y, slope)
            kernel = conv.weight[:, part].contiguous()
            painted = functional.conv2d(
                y, kernel, conv.bias if out is None else None, padding=conv.padding
            )
            out = painted if out is None else out.add_(painted)
        if out is None:
            raise ValueError("a norm of no channels")
        return out

    def _bias_through(self, conv: nn.Conv2d, hidden: torch.Tensor) -> torch.Tensor:
        """What a 1x1 ``conv`` without activation before it makes of the bias at every place: both
        are linear, so that one convolution to fewer channels does it.
        """
        mix = conv.weight.flatten(1)
        kernel = torch.einsum("oi,ihyx->ohyx", mix, self.beta.weight)
        offset = None if self.beta.bias is None else mix @ self.beta.bias
        return functional.conv2d(hidden, kernel, offset, padding=1)


def _normalised(x: torch.Tensor) -> torch.Tensor:
    """Instance norm without weights; torch's own is several times as slow on channels_last."""
    x = x - x.mean((2, 3), keepdim=True)
    variance = (x * x).mean((2, 3), keepdim=True)
    return x.mul_(torch.rsqrt(variance + EPSILON))


def _some(conv: nn.Conv2d, x: torch.Tensor, part: slice) -> torch.Tensor:
    """Some of a convolution's outputs."""
    bias = None if conv.bias is None else conv.bias[part]
    return functional.conv2d(x, conv.weight[part], bias, padding=conv.padding)


class SpadeBlock(nn.Module):
    """Residual block of two SPADE norms, each with an activation and a 3x3 convolution; where the
    widths differ the input passes through a norm and a 1x1 convolution. ``grow``: how much the
    input is enlarged before.
    """

    def __init__(
        self, inputs: int, outputs: int, map_channels: int, hidden: int, *, grow: int = 1
    ) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.grow = grow
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
        y = self.norm_0.then(x, where, self.grow, self.conv_0, SLOPE)
        y = self.norm_1.then(y, where, 1, self.conv_1, SLOPE)
        if self.norm_s is not None and self.conv_s is not None:
            return y.add_(self.norm_s.then(x, where, self.grow, self.conv_s, NO_ACTIVATION))
        if self.grow > 1:
            x = functional.interpolate(x, scale_factor=float(self.grow), mode="nearest")
        return y.add_(x)


class SpadeDecoder(nn.Module):
    """Features (N, C, h, w), which are also the map of all norms -> picture (N, 3, 4h, 4w) in
    0..1.
    """

    def __init__(self, config: PublishedConfig, width: int) -> None:
        super().__init__()
        thin, _, wide = config.widths

        def block(inputs: int, outputs: int, grow: int = 1) -> SpadeBlock:
            return SpadeBlock(inputs, outputs, wide, config.hidden, grow=grow)

        self.fc = nn.Conv2d(wide, width, 3, padding=1)
        self.middle = nn.ModuleList(block(width, width) for _ in range(config.residual))
        self.up = nn.ModuleList((block(width, wide, 2), block(wide, thin, 2)))
        self.conv_img = nn.Conv2d(thin, 3, 3, padding=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        x = self.fc(features)
        for block in (*self.middle, *self.up):
            x = block(x, features)
        return torch.sigmoid(self.conv_img(functional.leaky_relu(x, SLOPE, inplace=True)))

"""A narrower network out of a trained one: the channels that tell the most stay, and what read the
others reads them off those, by least squares (He, Zhang, Sun 2017: channel pruning).

The extractor is taken over as it is. All is judged by what the wide network computes, and not,
layer for layer, by what has been cut already. At the borders, where a convolution reads zeros, what
channels that went had on the mean is wrong: training mends that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

import torch
from torch import nn

from thcodec.models.face_vid2vid.config import FaceVid2VidConfig
from thcodec.models.face_vid2vid.network import FaceVid2Vid
from thcodec.train.animator import place
from thcodec.train.pairs import PairBatch

RIDGE = 1e-4  # of the mean square of what is read

PLANES = "planes"  # of the volume: here a channel stays at all depths or at none

Modules = dict[str, Any]  # tensors of an nn.Module have no type
# Convolution -> the spaces of channels that it reads, one after another, and the one that it
# writes; what it reads beyond these, and what is written without a name, stays whole.
Layers = dict[str, tuple[tuple[str, ...], str | None]]
# Of what each convolution reads: mean products of its channels and a last one that is 1,
# (channels + 1, channels + 1).
Moments = dict[str, torch.Tensor]


def slim(net: FaceVid2Vid, config: FaceVid2VidConfig, batches: Iterable[PairBatch]) -> FaceVid2Vid:
    """A network of ``config``, which has fewer channels in appearance encoder, motion field
    estimator and generator than ``net`` and is the same else, that does on ``batches`` what ``net``
    does, as well as it can without training. Both are in evaluation mode then.
    """
    net.eval()
    made = FaceVid2Vid(config).eval()
    made.extractor.load_state_dict(net.extractor.state_dict())
    wide = _Wide(net, batches)
    new: Modules = dict(made.named_modules())
    stay = {
        space: chosen(
            wide.told(space), len(new[name].weight), config.depth if space == PLANES else 1
        )
        for space, name in wide.writers.items()
    }
    for block, stream in _blocks(net.config).items():
        _copy_norm(wide.modules[f"{block}.norm1"], new[f"{block}.norm1"], stay[stream])
    for name in wide.layers:
        wide.refit(name, new, stay)
    return made


def chosen(told: torch.Tensor, count: int, together: int = 1) -> list[int]:
    """The ``count`` channels of the most variance, in order: one after another the one with the
    most that those before do not explain (a Cholesky decomposition with pivots).

    told: covariance (C, C), each channel as large as it counts. together: so many neighbours stay
    or go as one.
    """
    left = told.clone()
    free, stay = set(range(0, len(told), together)), list[int]()
    while len(stay) < count:
        variance = left.diagonal().unfold(0, together, together).sum(1)
        first = max(free, key=lambda start: float(variance[start // together]))
        free.remove(first)
        for channel in range(first, first + together):
            stay.append(channel)
            if left[channel, channel] > 1e-9 * told.diagonal().max():
                left -= torch.outer(left[:, channel], left[channel]) / left[channel, channel]
    return sorted(stay)


class _Wide:
    """The network that is cut, and what its convolutions read on ``batches``."""

    def __init__(self, net: FaceVid2Vid, batches: Iterable[PairBatch]) -> None:
        self.modules: Modules = dict(net.named_modules())
        self.layers = _layers(net.config)
        self.writers = {writes: name for name, (_, writes) in self.layers.items() if writes}
        self._moments = _moments(net, self.layers, batches)

    def told(self, space: str) -> torch.Tensor:
        """Covariance of a space's channels, added up over who reads them, as their weights
        count."""
        width = self._width(space)
        total = torch.zeros(width, width, dtype=torch.float64)
        for name, (reads, _) in self.layers.items():
            if space in reads:
                start = self._starts(reads)[reads.index(space)]
                part, moments = slice(start, start + width), self._moments[name]
                weight = self.modules[name].weight.detach()[:, part].double()
                gain = weight.square().sum((0, 2, 3)).sqrt()
                mean = moments[part, -1]
                covariance = moments[part, part] - torch.outer(mean, mean)
                total += covariance * torch.outer(gain, gain)
        return total

    def refit(self, name: str, new: Modules, stay: dict[str, list[int]]) -> None:
        """Give a convolution the weights that make of the channels that stay what it made of
        all."""
        reads, writes = self.layers[name]
        old, made, moments = self.modules[name], new[name], self._moments[name]
        starts = self._starts(reads)
        kept = [
            start + at for space, start in zip(reads, starts, strict=False) for at in stay[space]
        ]
        kept += range(starts[-1], old.weight.shape[1])
        rows = list(range(len(old.weight))) if writes is None else stay[writes]
        all_of = _explained(moments, kept)
        weight = old.weight.detach().double()[rows]
        shift = torch.einsum("ofhw,f->o", weight, all_of[-1])
        made.weight.data = torch.einsum("ofhw,kf->okhw", weight, all_of[:-1]).float()
        if old.bias is not None:
            made.bias.data = (old.bias.detach()[rows] + shift).float()
        else:  # a norm follows
            block, leaf = name.rsplit(".", 1)
            norm = f"{block}.{'norm2' if leaf == 'conv1' else 'norm'}"
            _copy_norm(self.modules[norm], new[norm], rows)
            new[norm].running_mean -= shift.float()

    def _starts(self, reads: tuple[str, ...]) -> list[int]:
        """Where each space's channels begin among those that a convolution reads, and the rest."""
        return list(accumulate((self._width(space) for space in reads), initial=0))

    def _width(self, space: str) -> int:
        return len(self.modules[self.writers[space]].weight)


def _layers(config: FaceVid2VidConfig) -> Layers:
    """What is cut."""
    blocks = _blocks(config)
    return {
        "appearance.entry.0.conv": ((), "features"),
        "appearance.down.block.conv": (("features",), "body"),
        "appearance.body.2": (("body",), PLANES),
        **_hourglass(config),
        "generator.third.conv": ((PLANES,), "third"),
        "generator.down.block.conv": (("third",), "deep"),
        "generator.up4.block.conv": (("deep",), "up4"),
        "generator.fuse4.0.conv": (("third", "up4"), "quarter"),
        "generator.up2.block.conv": (("quarter",), "up2"),
        "generator.fuse2.0.conv": (("up2", "features"), "half"),
        "generator.head": (("half",), None),
        **{f"{block}.conv1": ((stream,), block) for block, stream in blocks.items()},
        **{f"{block}.conv2": ((block,), stream) for block, stream in blocks.items()},
    }


def _blocks(config: FaceVid2VidConfig) -> dict[str, str]:
    """Residual block -> the channels that go through it."""
    deep = {f"generator.bottleneck.{n}": "deep" for n in range(config.bottleneck_blocks)}
    return {
        "appearance.entry.1": "features",
        "appearance.body.0": "body",
        "appearance.body.1": "body",
        **deep,
        "generator.fuse4.1": "quarter",
        "generator.fuse2.1": "half",
    }


def _hourglass(config: FaceVid2VidConfig) -> Layers:
    """The motion field estimator's."""
    levels = range(len(config.motion_widths) - 1)
    layers: Layers = {"hourglass.entry.conv": ((), "skip0")}
    for level in levels:
        layers[f"hourglass.down.{level}.block.conv"] = ((f"skip{level}",), f"skip{level + 1}")
    below = f"skip{len(levels)}"
    for number, level in enumerate(reversed(levels)):
        layers[f"hourglass.up.{number}.block.conv"] = ((below,), f"risen{level}")
        below = f"fused{level}"
        layers[f"hourglass.fuse.{number}.conv"] = ((f"risen{level}", f"skip{level}"), below)
    layers["head"] = ((below,), None)
    return {f"motion.{name}": layer for name, layer in layers.items()}


def _moments(net: FaceVid2Vid, layers: Layers, batches: Iterable[PairBatch]) -> Moments:
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in layers}

    def look(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, inputs: tuple[torch.Tensor]) -> None:
            pixels = inputs[0].permute(0, 2, 3, 1).flatten(0, 2)
            pixels = torch.cat([pixels, pixels.new_ones(len(pixels), 1)], 1)
            seen[name].append((pixels.T @ pixels).double() / len(pixels))

        return hook

    modules = dict(net.named_modules())
    handles = [modules[name].register_forward_pre_hook(look(name)) for name in layers]
    with torch.no_grad():
        for batch in batches:
            net.synthesise(place(net, batch))
    for handle in handles:
        handle.remove()
    return {name: torch.stack(parts).mean(0) for name, parts in seen.items()}


def _explained(moments: torch.Tensor, kept: list[int]) -> torch.Tensor:
    """All channels as sums of those kept and a constant, (kept + 1, all), by least squares."""
    there = [*kept, len(moments) - 1]
    square = moments[there][:, there]
    square += RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    all_of: torch.Tensor = torch.linalg.solve(square, moments[there, :-1])
    all_of[:, kept] = torch.eye(len(square), len(kept), dtype=square.dtype)
    return all_of


def _copy_norm(old: nn.BatchNorm2d, new: nn.BatchNorm2d, kept: list[int]) -> None:
    tensors = old.state_dict()
    one = "num_batches_tracked"
    new.load_state_dict({key: t if key == one else t[kept] for key, t in tensors.items()})

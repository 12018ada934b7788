"""A narrower network out of a trained one: the channels that tell the most stay, and what read the
others reads them off those, by least squares (He, Zhang, Sun 2017: channel pruning).

Appearance encoder and generator only; extractor and motion field are taken over as they are. All is
judged by what the wide network computes, and not, layer for layer, by what has been cut already. At
the borders, where a convolution reads zeros, what channels that went had on the mean is wrong:
training mends that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

import torch
from torch import nn

from thcodec.models.face_vid2vid.config import COMPACT, FaceVid2VidConfig
from thcodec.models.face_vid2vid.network import FaceVid2Vid
from thcodec.train.animator import place
from thcodec.train.pairs import PairBatch

RIDGE = 1e-4  # of the mean square of what is read

PLANES = "planes"  # of the volume: here a channel stays at all depths or at none
# Residual block -> the channels that go through it.
BLOCKS = {
    "appearance.entry.1": "features",
    "appearance.body.0": "body",
    "appearance.body.1": "body",
    **{f"generator.bottleneck.{number}": "deep" for number in range(COMPACT.bottleneck_blocks)},
    "generator.fuse4.1": "quarter",
    "generator.fuse2.1": "half",
}
# Convolution -> the channels that it reads, one after another, and those that it writes; what it
# reads beyond these, and what is written without a name, stays whole.
LAYERS: dict[str, tuple[tuple[str, ...], str | None]] = {
    "appearance.entry.0.conv": ((), "features"),
    "appearance.down.block.conv": (("features",), "body"),
    "appearance.body.2": (("body",), PLANES),
    "generator.third.conv": ((PLANES,), "third"),
    "generator.down.block.conv": (("third",), "deep"),
    "generator.up4.block.conv": (("deep",), "up4"),
    "generator.fuse4.0.conv": (("third", "up4"), "quarter"),
    "generator.up2.block.conv": (("quarter",), "up2"),
    "generator.fuse2.0.conv": (("up2", "features"), "half"),
    "generator.head": (("half",), None),
    "generator.fine": (("half",), None),
    **{f"{block}.conv1": ((stream,), block) for block, stream in BLOCKS.items()},
    **{f"{block}.conv2": ((block,), stream) for block, stream in BLOCKS.items()},
}
WRITERS = {writes: name for name, (_, writes) in LAYERS.items() if writes is not None}

Modules = dict[str, Any]  # tensors of an nn.Module have no type
# Of what each convolution reads: mean products of its channels and a last one that is 1,
# (channels + 1, channels + 1).
Moments = dict[str, torch.Tensor]


def slim(net: FaceVid2Vid, config: FaceVid2VidConfig, batches: Iterable[PairBatch]) -> FaceVid2Vid:
    """A network of ``config``, which has fewer channels in appearance encoder and generator than
    ``net``, as many blocks as ``COMPACT`` and the same else, that does on ``batches`` what ``net``
    does, as well as it can without training. Both are in evaluation mode then.
    """
    net.eval()
    moments = _moments(net, batches)
    made = FaceVid2Vid(config).eval()
    for part in ("extractor", "motion"):
        getattr(made, part).load_state_dict(getattr(net, part).state_dict())
    made.generator.detail.load_state_dict(net.generator.detail.state_dict())
    old: Modules = dict(net.named_modules())
    new: Modules = dict(made.named_modules())
    widths = {space: len(new[name].weight) for space, name in WRITERS.items()}
    stay = {
        space: chosen(_told(space, old, moments), width, config.depth if space == PLANES else 1)
        for space, width in widths.items()
    }
    for block, stream in BLOCKS.items():
        _copy_norm(old[f"{block}.norm1"], new[f"{block}.norm1"], stay[stream])
    for name, (reads, writes) in LAYERS.items():
        conv, starts = old[name], _starts(reads, old)
        kept = [
            start + at for space, start in zip(reads, starts, strict=False) for at in stay[space]
        ]
        kept += range(starts[-1], conv.weight.shape[1])
        rows = list(range(len(conv.weight))) if writes is None else stay[writes]
        _refit(name, old, new, moments[name], kept, rows)
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


def _moments(net: FaceVid2Vid, batches: Iterable[PairBatch]) -> Moments:
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in LAYERS}

    def look(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, inputs: tuple[torch.Tensor]) -> None:
            pixels = inputs[0].permute(0, 2, 3, 1).flatten(0, 2)
            pixels = torch.cat([pixels, pixels.new_ones(len(pixels), 1)], 1)
            seen[name].append((pixels.T @ pixels).double() / len(pixels))

        return hook

    modules = dict(net.named_modules())
    handles = [modules[name].register_forward_pre_hook(look(name)) for name in LAYERS]
    with torch.no_grad():
        for batch in batches:
            net.synthesise(place(net, batch))
    for handle in handles:
        handle.remove()
    return {name: torch.stack(parts).mean(0) for name, parts in seen.items()}


def _starts(reads: tuple[str, ...], old: Modules) -> list[int]:
    """Where each space's channels begin among those that a convolution reads, and the rest."""
    return list(accumulate((len(old[WRITERS[space]].weight) for space in reads), initial=0))


def _told(space: str, old: Modules, moments: Moments) -> torch.Tensor:
    """Covariance of a space's channels, added up over who reads them, as their weights count."""
    width = len(old[WRITERS[space]].weight)
    total = torch.zeros(width, width, dtype=torch.float64)
    for name, (reads, _) in LAYERS.items():
        if space in reads:
            start = _starts(reads, old)[reads.index(space)]
            part = slice(start, start + width)
            gain = old[name].weight.detach()[:, part].double().square().sum((0, 2, 3)).sqrt()
            mean = moments[name][part, -1]
            covariance = moments[name][part, part] - torch.outer(mean, mean)
            total += covariance * torch.outer(gain, gain)
    return total


def _refit(
    name: str, old: Modules, new: Modules, moments: torch.Tensor, kept: list[int], rows: list[int]
) -> None:
    """Give a convolution the weights that make of the channels kept what it made of all."""
    there = [*kept, len(moments) - 1]
    square = moments[there][:, there]
    square += RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    all_of = torch.linalg.solve(square, moments[there, :-1])  # (kept and a constant, all)
    all_of[:, kept] = torch.eye(len(square), len(kept), dtype=square.dtype)
    weight = old[name].weight.detach().double()[rows]
    shift = torch.einsum("ofhw,f->o", weight, all_of[-1])
    new[name].weight.data = torch.einsum("ofhw,kf->okhw", weight, all_of[:-1]).float()
    if old[name].bias is not None:
        new[name].bias.data = (old[name].bias.detach()[rows] + shift).float()
    else:  # a norm follows
        block, leaf = name.rsplit(".", 1)
        norm = f"{block}.{'norm2' if leaf == 'conv1' else 'norm'}"
        _copy_norm(old[norm], new[norm], rows)
        new[norm].running_mean -= shift.float()


def _copy_norm(old: nn.BatchNorm2d, new: nn.BatchNorm2d, kept: list[int]) -> None:
    tensors = old.state_dict()
    one = "num_batches_tracked"
    new.load_state_dict({key: t if key == one else t[kept] for key, t in tensors.items()})

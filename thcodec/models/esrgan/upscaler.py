"""A network behind the Upscaler interface: tiles, factors it was not made for, colour kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from thcodec.bitstream.header import ModelIdentity
from thcodec.errors import ThvError
from thcodec.models.esrgan import layouts, ncnn, tfhub

TILE = 128  # pixels of the still at a time: 512x512 made of it at factor 4
OVERLAP = 16  # pixels that neighbouring tiles see of each other


# (N, 3, h, w) in [0, 1], factor -> (N, 3, factor h, factor w)
Enlarge = Callable[[torch.Tensor, int], torch.Tensor]


class NetworkUpscaler:
    """Enlarges by the smallest factor of the network that suffices, else by its largest one, and
    resamples (Lanczos) what is missing or too much.

    The result has the still's mean colour in every channel, so sources made by the same network
    agree in colour as far as their stills do. ``scales`` are the factors the network has.
    """

    def __init__(
        self,
        net: Enlarge,
        scales: tuple[int, ...],
        identity: ModelIdentity,
        device: str | torch.device = "cpu",
        tile: int = TILE,
    ) -> None:
        self.identity = identity
        self.scales = tuple(sorted(scales))
        self._net = net
        self._device = torch.device(device)
        self._tile = tile

    def upscale(self, picture: np.ndarray, size: int) -> np.ndarray:
        """Picture (h, w, 3) uint8 RGB -> (size, size, 3) uint8 RGB."""
        if max(picture.shape[:2]) < size:
            picture = self._enlarge(picture, self._factor(size / min(picture.shape[:2])))
        if picture.shape[:2] == (size, size):
            return picture
        resized = Image.fromarray(picture).resize((size, size), Image.Resampling.LANCZOS)
        return np.asarray(resized)

    def _factor(self, wanted: float) -> int:
        return next((scale for scale in self.scales if scale >= wanted), self.scales[-1])

    def _enlarge(self, picture: np.ndarray, scale: int) -> np.ndarray:
        still = torch.from_numpy(np.ascontiguousarray(picture)).to(self._device)
        still = still.permute(2, 0, 1)[None].float().div_(255)
        with torch.inference_mode():
            large = tiled(self._net, still, scale, self._tile)
            large += still.mean((2, 3), keepdim=True) - large.mean((2, 3), keepdim=True)
            pixels = large[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0)
        return np.ascontiguousarray(pixels.cpu().numpy())


def load_network_upscaler(path: Path, identity: ModelIdentity, device: str) -> NetworkUpscaler:
    """Build the network that ``identity`` names from its weights, for tfhub a folder.

    Raises WeightsError when they are not its weights, ThvError for a device that is not there.
    """
    if identity.name == "tfhub":
        return NetworkUpscaler(tfhub.load_model(path), (tfhub.SCALE,), identity)
    if path.suffix == ".bin":
        net: layouts.Network = ncnn.load_realesrgan(path)
    else:
        net = layouts.load_network(path)
    try:
        return NetworkUpscaler(net.to(device), net.scales, identity, device)
    except (RuntimeError, AssertionError) as error:  # both are torch's ways to refuse a device
        reason = str(error).splitlines()[0][:200]
        raise ThvError(f"device {device!r} cannot be used: {reason}") from None


def tiled(net: Enlarge, x: torch.Tensor, scale: int, tile: int = TILE) -> torch.Tensor:
    """Run ``net`` over (N, 3, h, w) in squares of ``tile`` pixels, so that memory has a bound.

    Each square is computed with OVERLAP pixels of its neighbours around it, which are cut away.
    """
    height, width = x.shape[-2:]
    if height <= tile and width <= tile:
        return net(_multiple_of_four(x), scale)[..., : scale * height, : scale * width]
    large = x.new_empty(*x.shape[:2], scale * height, scale * width)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            y, x0 = max(0, top - OVERLAP), max(0, left - OVERLAP)
            part = x[..., y : top + tile + OVERLAP, x0 : left + tile + OVERLAP]
            done = net(_multiple_of_four(part), scale)
            bottom, right = min(top + tile, height), min(left + tile, width)
            large[..., scale * top : scale * bottom, scale * left : scale * right] = done[
                ...,
                scale * (top - y) : scale * (bottom - y),
                scale * (left - x0) : scale * (right - x0),
            ]
    return large


def _multiple_of_four(x: torch.Tensor) -> torch.Tensor:
    """Networks that fold or halve their input take no other sizes."""
    height, width = x.shape[-2:]
    if height % 4 or width % 4:
        x = functional.pad(x, (0, -width % 4, 0, -height % 4), mode="replicate")
    return x.contiguous(memory_format=torch.channels_last)

"""The compact face upscaler on OpenVINO. No torch, where it was converted before."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import openvino

from thcodec.bitstream.header import ModelIdentity
from thcodec.errors import ThvError, WeightsError
from thcodec.models.esrgan.upscaler import NetworkUpscaler
from thcodec.models.face_vid2vid.openvino_networks import Compiled
from thcodec.models.openvino_files import Part
from thcodec.models.runtime import default_threads

SCALES = (2, 4)


class OnOpenVino:
    """A network as NetworkUpscaler calls it, from its model for each factor; what a factor needs is
    made ready when it is first asked for.
    """

    def __init__(self, models: dict[int, openvino.Model], threads: int | None = None) -> None:
        self._models, self._threads = models, threads or default_threads()
        self._compiled: dict[int, Compiled] = {}

    def __call__(self, still: np.ndarray, scale: int) -> np.ndarray:
        if scale not in self._compiled:
            self._compiled[scale] = Compiled(self._models[scale], self._threads, streams=1)
        ((large,),) = self._compiled[scale].each([(still,)])
        return large


def part_of(path: Path, sha256: bytes, scale: int) -> Part:
    """The network of a weights file for one factor."""
    return Part(path, sha256, f"x{scale}")


def convert(path: Path, scale: int) -> openvino.Model:
    """The network of a weights file, for one still of any size divisible by four. Raises
    WeightsError when it has no such factor.
    """
    import torch

    from thcodec.models.esrgan.compact import CompactNet
    from thcodec.models.esrgan.layouts import load_network
    from thcodec.models.face_vid2vid.graphs import traced

    net = load_network(path)
    if not isinstance(net, CompactNet) or scale not in net.scales:
        raise WeightsError(f"{path} is no face upscaler that enlarges by {scale}")
    # Fixed in it are only numbers of channels.
    model = traced(lambda x: net(x, scale), (torch.zeros(1, 3, 32, 32),))
    model.reshape([1, 3, -1, -1])
    return model


def load_on_openvino(
    path: Path, identity: ModelIdentity, *, int8: bool | None, threads: int | None
) -> NetworkUpscaler:
    """The network of a weights file, converted now unless that was done before.

    int8: whether the quantised network is taken; None: where there is one. Raises ThvError where
    there is none, which is no reason for another upscaler; WeightsError when the weights do not
    fit.
    """
    models = {}
    for scale in SCALES:
        part = part_of(path, identity.sha256, scale)
        model = None if int8 is False else part.int8()
        if int8 and model is None:
            raise ThvError(f"there is no int8 x{scale} of {path}: thcodec models quantise")
        models[scale] = model or part.converted(partial(convert, path, scale))
    return NetworkUpscaler(OnOpenVino(models, threads), SCALES, identity)

"""The compact network as five functions of plain tensors: what every runtime runs or converts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import nn

from thcodec.models.face_vid2vid.generator import Appearance
from thcodec.models.face_vid2vid.network import FaceVid2Vid, Placed, Synthesis
from thcodec.models.folding import fold_batch_norms

if TYPE_CHECKING:
    import openvino

PARTS = ("extract", "field", "prepare", "synthesise", "blend")


class Extract(nn.Module):
    """Pictures (N, S, S, 3) uint8 -> keypoints (N, K, 3), canonical keypoints (N, K, 3)."""

    def __init__(self, net: FaceVid2Vid) -> None:
        super().__init__()
        self.extractor = net.extractor

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        keypoints, canonical = self.extractor(_floats(pictures))
        return keypoints, canonical


class Field(nn.Module):
    """A source at the field's size (N, h, w, 3) uint8, its keypoints, those of the driving frame
    (N, K, 3), jacobian (N, 3, 3) -> the field's picture (N, h, w, 2), shares (N, h, w, K),
    occlusion (N, h, w).
    """

    def __init__(self, net: FaceVid2Vid) -> None:
        super().__init__()
        self.motion = net.motion

    def forward(self, small: torch.Tensor, *motion: torch.Tensor) -> tuple[torch.Tensor, ...]:
        field = self.motion(_floats(small), *motion)
        return field.picture, field.shares, field.occlusion[:, 0]


class Prepare(nn.Module):
    """Pictures (N, S, S, 3) uint8 -> the tensors of an Appearance."""

    def __init__(self, net: FaceVid2Vid) -> None:
        super().__init__()
        self.appearance = net.appearance

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        made = self.appearance(_floats(pictures))
        return made.picture, made.small, made.features, made.volume


class Synthesise(nn.Module):
    """The seven tensors of a Placed -> pictures (N, S, S, 3) uint8."""

    def __init__(self, net: FaceVid2Vid) -> None:
        super().__init__()
        self.net = net

    def forward(self, *placed: torch.Tensor) -> torch.Tensor:
        return _pictures(self.net.synthesise(_placed(*placed)))


class Blend(nn.Module):
    """The tensors of two Placed and the second's weight (N,) -> pictures (N, S, S, 3) uint8."""

    def __init__(self, net: FaceVid2Vid) -> None:
        super().__init__()
        self.net = net

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        first, second, weight = inputs[:7], inputs[7:14], inputs[14]
        return _pictures(self.net.blend(_placed(*first), _placed(*second), weight))


def convert(net: FaceVid2Vid, part: str, size: int) -> openvino.Model:
    """One of PARTS as an OpenVINO model for one picture of ``size`` pixels at a time."""
    # Norms that are part of their convolutions leave these their names, which quantising goes by.
    net = deepcopy(net)
    fold_batch_norms(net)
    graph, example = _graph(net, part, size)
    model = traced(graph.eval(), example)
    model.reshape({at: list(tensor.shape) for at, tensor in enumerate(example)})
    return model


def traced(graph: Callable[..., object], example: tuple[torch.Tensor, ...]) -> openvino.Model:
    """A function of tensors as an OpenVINO model. What the trace warns of, sizes that it takes for
    fixed, must be so in everything it is used for.
    """
    import openvino

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace = torch.jit.trace(graph, example, check_trace=False)
        return openvino.convert_model(trace, example_input=example)


def _graph(net: FaceVid2Vid, part: str, size: int) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The graph of a part and inputs of the shapes it is made for."""
    pictures = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    if part == "extract":
        return Extract(net), (pictures,)
    points = torch.zeros(1, net.config.keypoints, 3)
    motion = points, points.clone(), torch.eye(3)[None]
    if part == "field":
        side = net.config.motion_size
        return Field(net), (torch.zeros(1, side, side, 3, dtype=torch.uint8), *motion)
    prepare = Prepare(net)
    if part == "prepare":
        return prepare, (pictures,)
    with torch.no_grad():
        appearance = tuple(each.contiguous() for each in prepare(pictures))
    placed = (*appearance, *motion)
    if part == "synthesise":
        return Synthesise(net), placed
    return Blend(net), (*placed, *(each.clone() for each in placed), torch.full((1,), 0.5))


def _placed(
    picture: torch.Tensor,
    small: torch.Tensor,
    features: torch.Tensor,
    volume: torch.Tensor,
    keypoints: torch.Tensor,
    driving: torch.Tensor,
    jacobian: torch.Tensor,
) -> Placed:
    return Placed(Appearance(picture, small, features, volume), keypoints, driving, jacobian)


def _pictures(made: Synthesis) -> torch.Tensor:
    return made.picture.clamp(0, 1).mul(255).round().permute(0, 2, 3, 1).to(torch.uint8)


def _floats(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.permute(0, 3, 1, 2).float() / 255

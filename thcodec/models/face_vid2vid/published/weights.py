"""The published checkpoints' names, and a network out of such a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from thcodec.errors import WeightsError
from thcodec.models.checkpoint_file import read_checkpoint
from thcodec.models.face_vid2vid.published.config import PublishedConfig
from thcodec.models.face_vid2vid.published.network import PublishedNet
from thcodec.models.face_vid2vid.published.spade import SpadeBlock
from thcodec.models.folding import without_spectral_norm

State = dict[str, torch.Tensor]
Shapes = dict[str, tuple[int, ...]]
MODULES = ("generator", "kp_detector", "he_estimator")
_SPECTRAL = ("weight_orig", "weight_u", "weight_v")
_MOST_NAMED = 3  # keys in an error

# From the names of our modules to the published ones, in this order; \1 and so on are groups.
_NAMES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"(down|up)\.(\d+)\.block\.", r"\1.\2."),
    (r"^detector\.predictor\.(down|up)\.(\d+)", r"detector.predictor.\1_blocks.\1\2"),
    (r"^detector\.", "kp_detector."),
    (r"^pose\.stem\.(conv|norm)\.", r"pose.\g<1>1."),
    (r"^pose\.widen\.(\d+)\.(conv|norm)\.", lambda m: f"pose.{m[2]}{int(m[1]) + 2}."),
    (r"^pose\.halve\.(\d+)\.", lambda m: f"pose.block{2 * int(m[1]) + 2}."),
    (
        r"^pose\.stages\.(\d+)\.(\d+)\.",
        lambda m: f"pose.block{2 * int(m[1]) + 1}.b{2 * int(m[1]) + 1}_{m[2]}.",
    ),
    (r"^pose\.yaw\.", "pose.fc_roll."),
    (r"^pose\.roll\.", "pose.fc_yaw."),
    (r"^pose\.pitch\.", "pose.fc_pitch."),
    (r"^pose\.translation\.", "pose.fc_t."),
    (r"^pose\.expression\.", "pose.fc_exp."),
    (r"^pose\.", "he_estimator."),
    (r"\.motion\.hourglass\.down\.", ".motion.hourglass.encoder.down_blocks."),
    (r"\.motion\.hourglass\.up\.", ".motion.hourglass.decoder.up_blocks."),
    (r"\.motion\.hourglass\.last\.", ".motion.hourglass.decoder."),
    (r"\.motion\.compress\.conv\.", ".motion.compress."),
    (r"\.motion\.compress\.norm\.", ".motion.norm."),
    (r"\.motion\.", ".dense_motion_network."),
    (r"\.source\.down\.", ".down_blocks."),
    (r"\.source\.volume\.(\d+)", r".resblocks_3d.3dr\1"),
    (r"\.source\.", "."),
    (r"\.decoder\.residual\.(\d+)", r".resblocks_2d.2dr\1"),
    (r"\.decoder\.middle\.(\d+)", r".decoder.G_middle_\1"),
    (r"(generator\.decoder)\.up\.(\d+)\.(conv_|norm_)", r"\1.up_\2.\3"),
    (r"generator\.decoder\.up\.", "generator.up_blocks."),
    (r"generator\.decoder\.final\.", "generator.final."),
    (r"\.shared\.", ".mlp_shared.0."),
    (r"\.(gamma|beta)\.", r".mlp_\1."),
)


def published_name(key: str) -> str:
    """What a tensor of ``PublishedNet``'s state dict is called in a checkpoint, with the module's
    name before it.
    """
    for pattern, replacement in _NAMES:
        key = re.sub(pattern, replacement, key)
    return key


def published_shapes(net: PublishedNet) -> Shapes:
    """Every tensor that a checkpoint must hold: ``module.key`` -> shape."""
    spectral = _spectral_weights(net)
    shapes: Shapes = {}
    for key, tensor in net.state_dict().items():
        name, shape = published_name(key), tuple(tensor.shape)
        if key in spectral:
            sizes = (shape, shape[:1], (tensor[0].numel(),))
            stem = name.removesuffix("weight")
            shapes |= {stem + part: size for part, size in zip(_SPECTRAL, sizes, strict=True)}
        else:
            shapes[name] = shape
    return shapes


def checkpoint_state(path: Path) -> State:
    """The tensors of the three modules in a checkpoint, under ``module.key``: a torch file as
    published, whose other entries are passed over, or an imported one.

    Raises WeightsError when the file is damaged, would have to be executed, or lacks a module.
    """
    tree = read_checkpoint(path)
    if not isinstance(tree, dict):
        raise WeightsError(f"{path} is no checkpoint of face-vid2vid: it is no dictionary")
    state: State = {}
    for module in MODULES:
        part = tree.get(module, tree)
        prefix = "" if module in tree else f"{module}."
        found = _tensors(part, prefix) if isinstance(part, dict) else {}
        if not found:
            raise WeightsError(f"{path} is no checkpoint of face-vid2vid: it has no {module}")
        state |= {f"{module}.{key}": tensor for key, tensor in found.items()}
    return state


def _tensors(part: Mapping[Any, Any], prefix: str) -> State:
    return {
        str(key).removeprefix(prefix).removeprefix("module."): value
        for key, value in part.items()
        if isinstance(value, torch.Tensor) and str(key).startswith(prefix)
    }


def check_state(state: State, shapes: Shapes, path: Path) -> None:
    """Raise WeightsError that names what is missing, surplus, or of a wrong shape or type."""
    faults = [
        _named("missing", [key for key in shapes if key not in state]),
        _named("surplus", [key for key in state if key not in shapes]),
        _named(
            "of a wrong shape",
            [
                f"{key} {tuple(state[key].shape)} instead of {shape}"
                for key, shape in shapes.items()
                if key in state and tuple(state[key].shape) != shape
            ],
        ),
        _named(
            "no numbers with a fraction",
            [
                key
                for key, tensor in state.items()
                if not (tensor.is_floating_point() or key.endswith("num_batches_tracked"))
            ],
        ),
    ]
    told = "; ".join(fault for fault in faults if fault)
    if told:
        raise WeightsError(f"{path} does not fit the network: {told}")


def _named(what: str, keys: list[str]) -> str:
    if not keys:
        return ""
    more = f" and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else ""
    return f"{what}: {', '.join(keys[:_MOST_NAMED])}{more}"


def load_net(path: Path, config: PublishedConfig) -> PublishedNet:
    """The network of ``config`` with a checkpoint's weights in float32, spectral norms folded away.

    Raises WeightsError as ``checkpoint_state`` and ``check_state``.
    """
    with torch.device("meta"):
        net = PublishedNet(config)
    state = checkpoint_state(path)
    check_state(state, published_shapes(net), path)
    spectral = _spectral_weights(net)
    loaded: State = {}
    for key in net.state_dict():
        name = published_name(key)
        if key in spectral:
            stem = name.removesuffix("weight")
            parts = [state.pop(stem + part).float() for part in _SPECTRAL]
            loaded[key] = without_spectral_norm(*parts)
        else:
            tensor = state.pop(name)
            loaded[key] = tensor.float() if tensor.is_floating_point() else tensor
    net.load_state_dict(loaded, assign=True)
    net.generator.motion.make_grid()
    return net.requires_grad_(False).eval()


def _spectral_weights(net: PublishedNet) -> set[str]:
    """Keys of the weights that are published with a spectral norm."""
    return {
        f"{name}.{part}.weight"
        for name, module in net.named_modules()
        if isinstance(module, SpadeBlock)
        for part, conv in module.named_children()
        if isinstance(conv, nn.Conv2d)
    }

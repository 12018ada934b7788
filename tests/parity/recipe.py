"""Weights that anyone can make: numbers drawn for each tensor from its own name."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from thcodec.models.face_vid2vid.published.detector import gaussian

PARITY = Path(__file__).resolve().parents[3] / "shared" / "parity"
Checkpoint = dict[str, dict[str, torch.Tensor]]


def tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The tensor ``module.key`` of this shape."""
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if name == "kp_detector.down.weight":
        return gaussian(4).expand(shape).clone()
    random = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    n = random.standard_normal(shape).astype(np.float32)
    if name.endswith("running_mean"):
        n = 0.1 * n
    elif name.endswith("running_var"):
        n = 1 + 0.1 * np.abs(n)
    elif len(shape) >= 2:
        n = n / np.float32(math.sqrt(math.prod(shape[1:])))
    elif name.endswith(".weight"):
        n = 1 + 0.1 * n
    else:
        n = 0.01 * n
    return torch.from_numpy(np.asarray(n, np.float32))


def spectral_vectors(state: Mapping[str, torch.Tensor], rounds: int = 50) -> dict:
    """Unit vectors u and v that estimate each spectral norm, by power iteration."""
    found = {}
    for name, weight in state.items():
        if not name.endswith("weight_orig"):
            continue
        stem, matrix = name.removesuffix("orig"), weight.flatten(1)
        u = torch.ones(len(matrix))
        for _ in range(rounds):
            v = torch.nn.functional.normalize(matrix.T @ u, dim=0)
            u = torch.nn.functional.normalize(matrix @ v, dim=0)
        found |= {stem + "u": u, stem + "v": v}
    return found


def checkpoint(shapes: Mapping[str, tuple[int, ...]], vectors: Mapping | None = None) -> Checkpoint:
    """All tensors of ``module.key`` -> shape, as a published file nests them; ``vectors`` are those
    of the spectral norms, None: those that fit.
    """
    state = {name: tensor(name, shape) for name, shape in shapes.items()}
    if vectors is None:
        vectors = spectral_vectors(state)
    state |= {name: torch.as_tensor(vector) for name, vector in vectors.items()}
    nested: Checkpoint = {}
    for name, value in state.items():
        module, _, key = name.partition(".")
        nested.setdefault(module, {})[key] = value
    return nested


def published_keys(name: str) -> dict[str, tuple[int, ...]]:
    """``module.key`` -> shape of the published file ``name``."""
    modules = json.loads((PARITY / f"{name}-keys.json").read_text())
    return {
        f"{module}.{key}": tuple(shape)
        for module, keys in modules.items()
        for key, shape in keys.items()
    }

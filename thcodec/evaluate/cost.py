"""What an animator costs: parameters and floating-point operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from thcodec.models.animator import Animator
from thcodec.pipeline.config import ALIGNMENT


@dataclass(frozen=True)
class Cost:
    """Parameters, and GFLOP of one frame in the encoder of files, of one source and of one decoded
    frame.

    A multiplication and its addition are two operations; only convolutions and products of matrices
    are counted, as ``torch.utils.flop_counter`` does. Zero for a network that is not run by torch.
    """

    parameters: int
    encoder: float
    source: float
    decoder: float


def flops(work: Callable[[], object]) -> int:
    """Floating-point operations that torch does in `work`."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def cost(animator: Animator, picture: np.ndarray) -> Cost:
    """Of an animator that holds its networks as attributes; `picture` is uint8 (S, S, 3)."""
    networks = [value for value in vars(animator).values() if isinstance(value, nn.Module)]
    seen = animator.extract([picture])[0]
    canonical = np.asarray(seen.canonical, np.float64)
    motion = animator.motion(seen, canonical, seen)
    source = animator.prepare(picture, canonical, motion)

    def encode() -> None:
        animator.extract([picture])
        drift = np.zeros_like(motion.expression)
        animator.align(motion, motion, drift, seen, canonical, motion, seen, ALIGNMENT)

    return Cost(
        sum(parameter.numel() for network in networks for parameter in network.parameters()),
        flops(encode) / 1e9,
        flops(lambda: animator.prepare(picture, canonical, motion)) / 1e9,
        flops(lambda: animator.animate(source, [motion])) / 1e9,
    )

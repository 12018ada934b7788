"""Training on a GPU."""

from __future__ import annotations

import torch
from torch import nn

from thcodec.errors import ThvError


def check_device(device: str) -> None:
    """Raises ThvError for a device that is not there."""
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # both are torch's ways to refuse a device
        reason = str(error).splitlines()[0][:200]
        raise ThvError(f"device {device!r} cannot be used: {reason}") from None


def half_convolutions(device: str, *nets: nn.Module | None) -> None:
    """On CUDA, compute the nets' 2-D convolutions in bfloat16 from now on; in place.

    Nothing else: coordinates of keypoints and grids, which the head of the motion field makes,
    need float32. Copy a net before, not after.
    """
    if torch.device(device).type != "cuda":
        return
    for net in nets:
        for name, module in net.named_modules() if net is not None else ():
            if isinstance(module, nn.Conv2d) and name != "motion.head":
                half = torch.autocast("cuda", torch.bfloat16)
                # Not its forward, where spectral norms of weights are taken.
                module._conv_forward = half(module._conv_forward)  # type: ignore[method-assign]


def picture_on(picture: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """uint8 (N, 3, H, W) as floats in [0, 1] on a device, laid out channels last."""
    moved = picture.to(device).to(torch.float32, memory_format=torch.channels_last)
    return moved / 255

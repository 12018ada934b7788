"""The compact network on torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from thcodec.errors import ThvError, WeightsError
from thcodec.models.face_vid2vid.alignment import Reach
from thcodec.models.face_vid2vid.blocks import channels_last
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.graphs import Blend, Extract, Field, Prepare, Synthesise
from thcodec.models.face_vid2vid.network import FaceVid2Vid
from thcodec.models.face_vid2vid.networks import Found, Placed
from thcodec.models.runtime import limit_torch
from thcodec.models.weights_file import read_weights

BATCH = 8  # pictures at a time; memory does not grow with the clip

_Appearance = tuple[torch.Tensor, ...]


class TorchNetworks(nn.Module):
    """A trained FaceVid2Vid behind the Networks interface, without gradients on ``device``."""

    def __init__(self, net: FaceVid2Vid, device: str = "cpu") -> None:
        super().__init__()
        self._device = torch.device(device)
        self.net = channels_last(net.eval().requires_grad_(False).to(self._device))
        self._extract, self._field, self._prepare, self._synthesise, self._blend = (
            part(self.net) for part in (Extract, Field, Prepare, Synthesise, Blend)
        )

    def extracting(self, pictures: Sequence[np.ndarray]) -> Callable[[], list[Found]]:
        """See Networks."""
        return partial(self._found, pictures)

    def synthesising(self, placed: Placed) -> Callable[[], list[np.ndarray]]:
        """See Networks."""
        return partial(self._made, placed)

    @torch.inference_mode()
    def _found(self, pictures: Sequence[np.ndarray]) -> list[Found]:
        found: list[Found] = []
        for frames in _batches(len(pictures)):
            part = self._tensor(np.stack(pictures[frames]))
            seen = (each.cpu().numpy() for each in self._extract(part))
            found += zip(*seen, strict=True)
        return found

    @torch.inference_mode()
    def field(
        self, small: np.ndarray, keypoints: np.ndarray, driving: np.ndarray, jacobian: np.ndarray
    ) -> Reach:
        """See Networks."""
        motion = (self._floats(each[None]) for each in (keypoints, driving, jacobian))
        found = self._field(self._tensor(small[None]), *motion)
        return Reach(*(each[0].cpu().numpy() for each in found))

    @torch.inference_mode()
    def prepare(self, picture: np.ndarray) -> _Appearance:
        """See Networks."""
        appearance: _Appearance = self._prepare(self._tensor(np.stack([picture])))
        return appearance

    @torch.inference_mode()
    def _made(self, placed: Placed) -> list[np.ndarray]:
        made: list[np.ndarray] = []
        for frames in _batches(len(placed.driving)):
            made += _arrays(self._synthesise(*self._placed(placed, frames)))
        return made

    @torch.inference_mode()
    def blend(self, first: Placed, second: Placed, weights: np.ndarray) -> list[np.ndarray]:
        """See Networks."""
        made: list[np.ndarray] = []
        for frames in _batches(len(weights)):
            both = (*self._placed(first, frames), *self._placed(second, frames))
            made += _arrays(self._blend(*both, self._floats(weights[frames])))
        return made

    def _placed(self, placed: Placed, frames: slice) -> list[torch.Tensor]:
        """The inputs of the graphs for some of the driving frames."""
        driving, jacobian = placed.driving[frames], placed.jacobian[frames]
        count = len(driving)
        source = [tensor.expand(count, *tensor.shape[1:]) for tensor in placed.appearance]
        points = np.broadcast_to(placed.keypoints, (count, *placed.keypoints.shape))
        return source + [self._floats(each) for each in (points, driving, jacobian)]

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self._device)

    def _floats(self, array: np.ndarray) -> torch.Tensor:
        return self._tensor(np.ascontiguousarray(array, np.float32))


def load_net(path: Path) -> FaceVid2Vid:
    """Read the compact network's weights. Raises WeightsError for missing, surplus or misshapen
    tensors."""
    net = FaceVid2Vid(COMPACT)
    state = read_weights(path)
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"{path} does not fit the compact animator: {reason}") from error
    return net.eval().requires_grad_(False)


def load_torch(path: Path, device: str, threads: int | None) -> TorchNetworks:
    """Read the weights. Raises as ``load_net``, and ThvError for a device that is not there."""
    net = load_net(path)
    limit_torch(threads)
    try:
        return TorchNetworks(net, device)
    except (RuntimeError, AssertionError) as error:  # both are torch's ways to refuse a device
        reason = str(error).splitlines()[0][:200]
        raise ThvError(f"device {device!r} cannot be used: {reason}") from None


def _batches(count: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, count, BATCH))


def _arrays(pictures: torch.Tensor) -> list[np.ndarray]:
    return list(np.ascontiguousarray(pictures.cpu().numpy()))

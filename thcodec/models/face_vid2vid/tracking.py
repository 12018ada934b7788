"""Where the free keypoints went: hair, shoulders and background, followed by optical flow from the
source frame to a driving frame (encoder) and from one source to another (decoder). numpy only.

The published network's keypoints are all learnt and gather in the face, where most motion is. These
stand at fixed places of the source and say how the picture moved there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

SIZE = 128  # of the pictures in which flow is sought
MISS = 1.5  # pixels by which flow there and back may differ
UNLIKE = 25  # grey levels by which a sample may change on its way
REACH = 0.1  # standard deviation of the region round a keypoint that it speaks for
LOST = 1 / 64  # z of a keypoint whose region cannot be found again
NEAR = 1e-4  # squared distance below which a place is an anchor


@dataclass(frozen=True)
class Flow:
    """Optical flow from picture a to picture b, both (S, S) grey.

    to: (S, S, 2) pixels of b that a's pixels went to; trusted: (S, S), whether they come back
    from there and look alike.
    """

    to: np.ndarray
    trusted: np.ndarray


def shrink(frame: np.ndarray, size: int) -> np.ndarray:
    """A picture (S, S, 3) at ``size``, by areas."""
    if frame.shape[0] == size:
        return np.ascontiguousarray(frame)
    small: np.ndarray = cv2.resize(
        np.ascontiguousarray(frame), (size, size), interpolation=cv2.INTER_AREA
    )
    return small


def grey(picture: np.ndarray) -> np.ndarray:
    """A picture (S, S, 3) uint8 RGB as flow wants it: (128, 128) uint8."""
    seen: np.ndarray = cv2.cvtColor(shrink(picture, SIZE), cv2.COLOR_RGB2GRAY)
    return seen


def optical_flow(a: np.ndarray, b: np.ndarray) -> Flow:
    """Flow between grey pictures (S, S), from a to b: dense inverse search (Kroeger 2016)."""
    return _checked(a, b, displacement(a, b), displacement(b, a))


def flow_both_ways(a: np.ndarray, b: np.ndarray) -> tuple[Flow, Flow]:
    """``optical_flow`` from a to b, and from b to a."""
    there, back = displacement(a, b), displacement(b, a)
    return _checked(a, b, there, back), _checked(b, a, back, there)


def displacement(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far the pixels of grey a (S, S) go to b, unchecked, (S, S, 2)."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    sought: np.ndarray = search.calc(a, b, np.zeros((*a.shape, 2), np.float32))
    return sought


def _checked(a: np.ndarray, b: np.ndarray, there: np.ndarray, back: np.ndarray) -> Flow:
    to = pixels(len(a)) + there
    returned, seen = sampled(back, to), sampled(b, to)
    miss = there + returned
    near = np.einsum("hwi,hwi->hw", miss, miss) < MISS**2
    return Flow(to, near & (cv2.absdiff(seen, a) < UNLIKE))


def sampled(field: np.ndarray, at: np.ndarray, how: int = cv2.INTER_LINEAR) -> np.ndarray:
    """Values (H, W, ...) at places (h, w, 2) float32, x and y of pixels: (h, w, ...)."""
    border = cv2.BORDER_REPLICATE
    # The stubs do not know that places in one array need no second one.
    values: np.ndarray = cv2.remap(field, at, None, how, borderMode=border)  # type: ignore[call-overload]
    return values


@cache
def pixels(size: int) -> np.ndarray:
    """The x and y of every pixel, (size, size, 2) float32, read-only."""
    axis = np.arange(size, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), -1)
    grid.flags.writeable = False
    return grid


def follow(flow: Flow, anchors: np.ndarray) -> np.ndarray:
    """Anchors (F, 2) of the source in the driving frame, (F, 3) in [-1, 1] with z = 0.

    Each goes where the textured, trusted samples round it go on average; where less than half of
    them can be trusted it stays, and its z is LOST.
    """
    size = len(flow.to)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    near_x, near_y = (
        np.exp((axis - anchors[:, i, None].astype(np.float32)) ** 2 / (-2 * REACH**2))
        for i in (0, 1)
    )
    trusted = flow.trusted.astype(np.float32)
    shift = (flow.to - pixels(size)) * trusted[..., None]
    # One by one: of larger products OpenBLAS makes threads, which cost more than they bring.
    sums = np.stack(
        [np.vecdot(near_y @ part, near_x) for part in (shift[..., 0], shift[..., 1], trusted)], -1
    )
    share = sums[:, 2] / (near_y.sum(1) * near_x.sum(1) + 1e-6)  # a stream's may be far outside
    sure = share > 0.5
    way = sums[:, :2] / (sums[:, 2:] + 1e-6) * (2 / (size - 1))
    points = np.zeros((len(anchors), 3))
    points[:, :2] = anchors + np.where(sure[:, None], way, 0.0)
    points[:, 2] = np.where(sure, 0.0, LOST)
    return points


def carried(places: np.ndarray, anchors: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Places (F, 3) of a source in a driving frame of it, (F, 3), when only its anchors (K, 3) are
    known there, as `moved` (K, 3): each goes with the anchors nearest to it.
    """
    apart = ((places[:, None, :2] - anchors[None, :, :2]) ** 2).sum(-1)
    weights = (apart + NEAR) ** -2
    weights /= weights.sum(1, keepdims=True)
    shifted: np.ndarray = places + weights @ (moved - anchors)
    return shifted

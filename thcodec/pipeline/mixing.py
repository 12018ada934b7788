"""Two pictures of one driving frame mixed along the optical flow between them."""

from __future__ import annotations

import cv2
import numpy as np

from thcodec.models.animator import fade
from thcodec.models.face_vid2vid.tracking import Flow, flow_both_ways

_SMOOTH = 2.0  # pixels: standard deviation with which the flow is smoothed where trust ends


def flow_mix(first: np.ndarray, second: np.ndarray, weight: float) -> np.ndarray:
    """Pictures (S, S, 3) uint8 moved towards each other by `weight` and 1 - `weight` of the dense
    flow between them, then faded, the second with `weight` 0..1. Where flow there and back
    disagrees nothing moves.
    """
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (first, second)]
    there, back = flow_both_ways(*grey)
    return fade(_moved(first, there, weight), _moved(second, back, 1 - weight), weight)


def _moved(picture: np.ndarray, flow: Flow, share: float) -> np.ndarray:
    """A picture moved by a share of the flow that leads away from it.

    Sampled backwards with the flow of the place itself: exact to first order, which is enough for
    the few pixels that two pictures of one frame differ by.
    """
    size = len(picture)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    shift = (flow.to - np.stack([x, y], -1)) * flow.trusted[..., None]
    shift = share * cv2.GaussianBlur(shift, (0, 0), _SMOOTH)
    x, y = x - shift[..., 0], y - shift[..., 1]
    moved: np.ndarray = cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return moved

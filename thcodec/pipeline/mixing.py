"""One picture shown as another of the same driving frame: where they differ, and by what."""

from __future__ import annotations

import cv2
import numpy as np

from thcodec.models.face_vid2vid.tracking import grey, optical_flow

_SMOOTH = 2.0  # pixels: standard deviation with which the flow is smoothed where trust ends


class Difference:
    """What leads from the first of two pictures (S, S, 3) uint8 of a frame to the second.

    That is the dense flow between them, and what remains of the second when the first is moved
    along it. Where flow there and back disagrees nothing moves. Both can be laid upon later
    pictures of the first source, whose own motion they follow: the second source need not be
    animated again. What remains leads no further than to what the second picture had there: beside
    an edge that was not followed it would leave sparks.
    """

    def __init__(self, first: np.ndarray, second: np.ndarray) -> None:
        fine = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (second, first)]
        flow = optical_flow(*fine)
        self._grey = grey(first)  # coarse is enough to follow it, which costs in every frame
        self._places = _places(len(first))
        shift = (flow.to - self._places) * flow.trusted[..., None]
        self._shift = cv2.GaussianBlur(shift, (0, 0), _SMOOTH)
        self._second = second.astype(np.float32)
        self._rest = self._second - _moved(first, self._places + self._shift)

    def mixed(self, first: np.ndarray, weight: float) -> np.ndarray:
        """A picture of the first source and the second's of the same frame, moved towards each
        other by ``weight`` and 1 - ``weight`` of the flow, then faded, the second with ``weight``
        0..1.

        Sampled backwards with the flow of the place itself: exact to first order, which is enough
        for the few pixels that two pictures of one frame differ by.
        """
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        still = np.zeros((*self._grey.shape, 2), np.float32)
        origin = self._places + _enlarged(search.calc(grey(first), self._grey, still), len(first))
        shift = _sampled(self._shift, origin)
        moved = _moved(first, self._places + weight * shift)
        there = origin - (1 - weight) * shift
        rest, second = _sampled(self._rest, there), _sampled(self._second, there)
        mixture = cv2.addWeighted(moved, 1, rest, weight, 0)
        mixture = cv2.max(cv2.min(mixture, cv2.max(moved, second)), cv2.min(moved, second))
        shown: np.ndarray = np.rint(mixture.clip(0, 255)).astype(np.uint8)
        return shown


def _places(size: int) -> np.ndarray:
    """The x and y of every pixel, (size, size, 2)."""
    axis = np.arange(size, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis), -1)


def _enlarged(shift: np.ndarray, size: int) -> np.ndarray:
    """Shifts in pixels (s, s, 2) as those of a picture of another size."""
    enlarged: np.ndarray = cv2.resize(shift, (size, size)) * np.float32(size / len(shift))
    return enlarged


def _moved(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A picture as float32; linear sampling would blur what is seen of it."""
    return _sampled(picture.astype(np.float32), places, cv2.INTER_CUBIC)


def _sampled(field: np.ndarray, places: np.ndarray, how: int = cv2.INTER_LINEAR) -> np.ndarray:
    """Values (S, S, n) float32 at places (S, S, 2)."""
    x, y = cv2.split(places)
    sampled: np.ndarray = cv2.remap(field, x, y, how, borderMode=cv2.BORDER_REPLICATE)
    return sampled

"""One picture shown as another of the same driving frame: where they differ, and by what."""

from __future__ import annotations

import cv2
import numpy as np

from thcodec.models.face_vid2vid.tracking import displacement, grey, optical_flow, pixels, sampled

_SMOOTH = 2.0  # pixels: standard deviation with which the flow is smoothed where trust ends
_SHARP = cv2.INTER_CUBIC  # for pictures that are seen: linear sampling would blur them
_ROWS = 32  # that are mixed at a time: what is made on the way stays in the processor's cache


class Difference:
    """What leads from the first of two pictures (S, S, 3) uint8 of a frame to the second.

    That is the dense flow between them, and what remains of the second when the first is moved
    along it. Where flow there and back disagrees nothing moves. Both can be laid upon later
    pictures of the first source, whose own motion they follow: the second source need not be
    animated again. What remains leads no further than to what the second picture had there: beside
    an edge that was not followed it would leave sparks.
    """

    def __init__(self, first: np.ndarray, second: np.ndarray) -> None:
        # Sought at 128 samples, too, it takes half the time, and 21 of 27 switches on val256 were
        # seen more (teleport index).
        fine = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (second, first)]
        flow = optical_flow(*fine)
        self._grey = grey(first)  # coarse is enough to follow it, which costs in every frame
        shift = (flow.to - pixels(len(first))) * flow.trusted[..., None]
        self._shift = cv2.GaussianBlur(shift, (0, 0), _SMOOTH)
        self._second = second.astype(np.float32)
        moved = sampled(first.astype(np.float32), pixels(len(first)) + self._shift, _SHARP)
        self._rest = self._second - moved

    def mixed(self, first: np.ndarray, weight: float) -> np.ndarray:
        """A picture of the first source and the second's of the same frame, moved towards each
        other by ``weight`` and 1 - ``weight`` of the flow, then faded, the second with ``weight``
        0..1.

        Sampled backwards with the flow of the place itself: exact to first order, which is enough
        for the few pixels that two pictures of one frame differ by.
        """
        since = _enlarged(displacement(grey(first), self._grey), len(first))
        shown = np.empty_like(first)
        fine = first.astype(np.float32)
        here = pixels(len(first))
        for top in range(0, len(first), _ROWS):
            rows = slice(top, top + _ROWS)
            shown[rows] = self._mixed(fine, here[rows], here[rows] + since[rows], weight)
        return shown

    def _mixed(
        self, first: np.ndarray, here: np.ndarray, origin: np.ndarray, weight: float
    ) -> np.ndarray:
        """Some rows: the places ``here`` of the first picture, float32, were at ``origin`` in the
        pictures that were compared, (h, S, 2) each."""
        shift = sampled(self._shift, origin)
        moved = sampled(first, here + weight * shift, _SHARP)
        there = origin - (1 - weight) * shift
        rest, second = sampled(self._rest, there), sampled(self._second, there)
        mixture = cv2.addWeighted(moved, 1, rest, weight, 0)
        mixture = cv2.max(cv2.min(mixture, cv2.max(moved, second)), cv2.min(moved, second))
        shown: np.ndarray = np.rint(mixture.clip(0, 255)).astype(np.uint8)
        return shown


def _enlarged(shift: np.ndarray, size: int) -> np.ndarray:
    """Shifts in pixels (s, s, 2) as those of a picture of another size."""
    enlarged: np.ndarray = cv2.resize(shift, (size, size)) * np.float32(size / len(shift))
    return enlarged

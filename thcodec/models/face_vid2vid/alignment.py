"""Keypoints moved until the source, carried by them, lies on the driving frame (encoder). numpy.

The extractor says where a lid or a brow is; what counts is whether the source's picture comes to
lie where the driving frame has it. That difference is looked at as Lucas and Kanade (1981) look at
a patch: the motion field is linear in the driving keypoints while its masks stand still, so each
round is two least-squares problems in 2 K unknowns (Gauss-Newton; Baker and Matthews 2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.tracking import grey, sampled, shrink
from thcodec.motion.keypoints import Motion

SIZE = COMPACT.motion_size  # of the pictures that are compared: the field has no more samples
WINDOW = 9  # samples over which light and contrast are made even
CONTRAST, EDGE = 0.03, 0.02  # that are taken for noise
WEIGHT = 0.25  # of what light does not change, beside the colours themselves
UNLIKE = 0.1  # difference of a sample from which on it says less: it may be hidden or painted
# What the square of a keypoint's drift costs, and of its way from where it was the frame before,
# which takes bits and is mostly noise.
STIFFNESS, INERTIA = 3e-3, 1e-2
# Further than this, 6 pixels of 256, no extractor errs: what pulls is a hand, or hair that the
# source does not show, and a face that is pulled out of shape to cover it.
LIMIT = 0.05
FAR = 0.06  # way of the extractor's from the frame before that is no noise: nearly two samples
STEPS = 2  # of one round
# Each step looks at every second row, the next one at the others: as good, in half the time.
ROWS = slice(0, None, 2), slice(1, None, 2)
# Thousandths of ST-LPIPS for what colours, 0..1, differ by on the mean, see benchmarks/distance.py.
SLOPE = 1700.0
BLOCK = 256  # samples in one product: of larger ones OpenBLAS makes threads, which cost more
LEAST = 1e-6  # share that counts; processors are slow with the denormal numbers among those below
PATH = ["einsum_path", (0, 1), (0, 1)]  # that optimize=True takes longer to find than to go


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture as keypoints are aligned with it: small, (h, w, 3) uint8 at the field's size; grey,
    (128, 128), as optical flow wants it."""

    small: np.ndarray
    grey: np.ndarray

    def features(self) -> np.ndarray:
        """(h, w, C) float32: colours; grey with even light and contrast; directions of edges."""
        colours = self.small.astype(np.float32) / 255
        light = colours.mean(-1)
        apart = light - _mean(light)
        even = apart / np.sqrt(_mean(apart**2) + CONTRAST**2)
        x, y = _slopes(light)
        edges = np.sqrt(_mean(x * x + y * y) + EDGE**2)
        return np.dstack([colours, WEIGHT * even, WEIGHT * x / edges, WEIGHT * y / edges])

    @cached_property
    def patch(self) -> list[np.ndarray]:
        """Kept, for sources: features, their slopes along x, then those along y, for half a picture
        side; (h, w, 3) each, as many channels as OpenCV samples at a time.
        """
        features, half = self.features(), np.float32((SIZE - 1) / 2)
        maps = [features, *(slope * half for slope in _slopes(features))]
        parts = (part for each in maps for part in np.split(each, each.shape[-1] // 3, -1))
        return [np.ascontiguousarray(part) for part in parts]


def scene_of(picture: np.ndarray) -> Scene:
    """Of a picture (S, S, 3) uint8 RGB."""
    return Scene(shrink(picture, SIZE), grey(picture))


@dataclass(frozen=True)
class Reach:
    """The motion field of a source's keypoints, as far as they decide it.

    picture: (h, w, 2), where each sample of the driving frame comes from; shares: (h, w, K), how
    much each keypoint's motion counts there; occlusion: (h, w) in 0..1, 1 where the source shows
    what is needed.
    """

    picture: np.ndarray
    shares: np.ndarray
    occlusion: np.ndarray


def unlikeness(source: Scene, driving: Scene, reach: Reach) -> float:
    """What it is expected to cost to show a driving frame by a source, thousandths of ST-LPIPS: by
    how the source's picture differs that the field carries there.
    """
    colours = np.ascontiguousarray(source.small, np.float32) / 255
    there = _sampled([colours], reach.picture.reshape(-1, 2)).reshape(colours.shape)
    return SLOPE * float(np.abs(there - driving.small.astype(np.float32) / 255).mean())


def staying(motion: Motion, before: Motion, drift: np.ndarray) -> np.ndarray:
    """The drift (K, 2) of keypoints that stay where the frame before had them.

    Those that were seen to go far keep its drift: the least squares would not find them from where
    they were. Lids, lips and pupils have none: the extractor sees them in close-ups, they move few
    samples, and must not come late.
    """
    way = (before.expression - motion.expression)[:, :2]
    far = np.linalg.norm(way - drift, axis=1) > FAR
    stays = np.where(far[:, None], drift, way)
    stays[[*COMPACT.detail, *COMPACT.pupils]] = 0
    return stays


class Alignment:
    """A source and a driving frame that it is to be laid on.

    Args:
        source, driving: the pictures.
        jacobian: (3, 3) of the head, from driving frame to source.
        cheapest: the drift (K, 2) that costs the fewest bits, see ``staying``.
    """

    def __init__(
        self, source: Scene, driving: Scene, jacobian: np.ndarray, cheapest: np.ndarray
    ) -> None:
        self._source, self._driving = source.patch, driving.features()
        self._cheapest = cheapest
        # How a keypoint's way shifts the samples that follow it: by -A of it, free ones by -1.
        self._turn = np.eye(2, dtype=np.float32)[None].repeat(COMPACT.keypoints, 0)
        self._turn[: COMPACT.seen] = jacobian[:2, :2]

    def bettered(self, drift: np.ndarray, reach: Reach) -> np.ndarray:
        """A better drift (K, 2) of the driving keypoints, in half picture sides, from where the
        extractor saw them; reach: what they do with the drift that is given.
        """
        begun = drift
        for number in range(STEPS):  # the masks go with the keypoints in the next round
            rows = ROWS[number % len(ROWS)]
            shares = reach.shares[rows].reshape(-1, COMPACT.keypoints)
            shares = shares * (shares > LEAST)
            shift = np.einsum("kij,kj->ki", self._turn, drift - begun).astype(np.float32)
            picture = reach.picture[rows].reshape(-1, 2) - shares @ shift
            seen, driving = reach.occlusion[rows].ravel(), self._driving[rows]
            step = self._step(drift, picture, shares, seen, driving.reshape(len(seen), -1))
            drift = (drift + step).clip(-LIMIT, LIMIT)
        return drift

    def _step(
        self,
        drift: np.ndarray,
        picture: np.ndarray,
        shares: np.ndarray,
        seen: np.ndarray,
        driving: np.ndarray,
    ) -> np.ndarray:
        """The way (K, 2) to the least squares of what the pictures differ by.

        picture: (n, 2), where n samples of the driving frame come from, whole rows of it; shares:
        (n, K), as in Reach; seen: (n), how much the source shows there; driving: (n, C), features.
        """
        there, *along = np.split(_sampled(self._source, picture), 3, axis=1)
        miss = driving - there
        trust = seen / (1 + _dots(miss, miss) / (miss.shape[1] * UNLIKE**2)) / miss.size
        pulls = [trust * _dots(slope, miss) for slope in along]
        pull = np.stack(pulls) @ shares
        matrix = self._normal(along, trust, shares)
        matrix += (STIFFNESS + INERTIA) * np.eye(len(matrix))
        held = STIFFNESS * drift + INERTIA * (drift - self._cheapest)
        wanted = -np.einsum("ik,kia->ak", pull, self._turn).ravel() - held.T.ravel()
        way: np.ndarray = np.linalg.solve(matrix, wanted)
        return way.reshape(2, -1).T

    def _normal(self, along: list[np.ndarray], trust: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """The normal equations' matrix (2 K, 2 K), all x before all y."""
        count = shares.shape[1]
        plain = np.empty((2, 2, count, count))
        blocks = shares.reshape(-1, BLOCK, count)
        for i, j in ((0, 0), (0, 1), (1, 1)):
            alike = (trust * _dots(along[i], along[j])).reshape(-1, BLOCK, 1)
            plain[i, j] = plain[j, i] = ((blocks * alike).transpose(0, 2, 1) @ blocks).sum(0)
        turned = np.einsum("ijkl,kia,ljb->akbl", plain, self._turn, self._turn, optimize=PATH)
        matrix: np.ndarray = turned.reshape(2 * count, 2 * count)
        return matrix


def _dots(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of each row (n, C) with its like, (n)."""
    dots: np.ndarray = np.einsum("nc,nc->n", one, other)
    return dots


def _mean(maps: np.ndarray) -> np.ndarray:
    blurred: np.ndarray = cv2.blur(maps, (WINDOW, WINDOW), borderType=cv2.BORDER_REPLICATE)
    return blurred


def _slopes(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences per sample along x and y of maps (h, w) or (h, w, C)."""
    border = ((1, 1), (1, 1)) + ((0, 0),) * (maps.ndim - 2)
    wide = np.pad(maps, border, mode="edge")
    return (wide[1:-1, 2:] - wide[1:-1, :-2]) / 2, (wide[2:, 1:-1] - wide[:-2, 1:-1]) / 2


def _sampled(maps: list[np.ndarray], picture: np.ndarray) -> np.ndarray:
    """Maps (h, w, 3) where rows of a field's picture (n, 2) say, side by side: (n, C)."""
    places = ((picture + 1) * ((SIZE - 1) / 2)).astype(np.float32).reshape(-1, SIZE, 2)
    parts = [sampled(each, places) for each in maps]
    return np.concatenate(parts, -1).reshape(len(picture), -1)

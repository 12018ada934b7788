"""Where to crop: the square around a head, with room for hair and shoulders."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from thcodec.bitstream.header import Crop
from thcodec.errors import MediaError
from thcodec.media.face import Face

# Measured with YuNet on the 72 training clips whose crop no picture border limited: the face's
# side is 0.507 of the crop's (standard deviation 0.031) and the faces' extent over the shot is
# centred (0.492 and 0.501; sd 0.014, 0.053).
CROP_PER_FACE = 1.97
_ROOM_FOR_MOTION = 1.1  # times the faces' extent, when the head moves far
# A crop that nearly fills the picture takes it all: what is framed tightly already stays as it is.
_NEARLY_ALL = 0.9


def crop_around(faces: Sequence[Face], width: int, height: int) -> Crop:
    """Return the square for one shot in which ``faces`` (at least one, one person) were seen."""
    boxes = np.array([face.box for face in faces])
    low = boxes[:, :2].min(axis=0)
    high = (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
    side = CROP_PER_FACE * float(np.median([face.side for face in faces]))
    side = max(side, _ROOM_FOR_MOTION * float((high - low).max()))
    if side >= _NEARLY_ALL * min(width, height):
        side = min(width, height)
    centre_x, centre_y = (low + high) / 2
    return _square(centre_x, centre_y, round(side), width, height)


def central_square(width: int, height: int) -> Crop:
    """Return the largest square in the middle of a picture."""
    return _square(width / 2, height / 2, min(width, height), width, height)


def square_within(area: tuple[int, int, int, int], width: int, height: int) -> Crop:
    """Return the largest square in the middle of ``area`` (x, y, width, height).

    Raises:
        MediaError: ``area`` is empty or reaches out of the picture.
    """
    x, y, wide, high = area
    if wide < 1 or high < 1 or x < 0 or y < 0 or x + wide > width or y + high > height:
        raise MediaError(f"--crop {x},{y},{wide},{high} leaves the {width}x{height} picture")
    side = min(wide, high)
    return Crop(x + (wide - side) // 2, y + (high - side) // 2, side, side)


def overlap(one: Crop, other: Crop) -> float:
    """Return the share of the area that two crops have in common, 0..1."""
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    common = max(across, 0) * max(down, 0)
    return common / (one.width * one.height + other.width * other.height - common)


def cut_out(rgb: np.ndarray, crop: Crop, size: int) -> np.ndarray:
    """Return ``crop`` of ``rgb`` (H, W, 3) resampled to uint8 (size, size, 3)."""
    part = rgb[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
    if part.shape[:2] == (size, size):
        return np.ascontiguousarray(part)
    method = cv2.INTER_AREA if crop.width >= size else cv2.INTER_CUBIC
    return cv2.resize(part, (size, size), interpolation=method)


def _square(centre_x: float, centre_y: float, side: int, width: int, height: int) -> Crop:
    """Return the square of ``side`` about a centre, moved into the picture."""
    x = min(max(round(centre_x - side / 2), 0), width - side)
    y = min(max(round(centre_y - side / 2), 0), height - side)
    return Crop(x, y, side, side)

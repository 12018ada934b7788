"""One part of the picture and one size for all that is compared.

The part is what the streams among the candidates code, else what the caller names, else the whole
picture. The size is the largest coded size of the streams, to which the original's part is brought
as the encoder does it; without a stream it is the part's own. Whatever has another size is brought
to it by Lanczos.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from thcodec.bitstream.header import Crop
from thcodec.errors import MediaError
from thcodec.evaluate.compare.views import Shown, View
from thcodec.media.framing import cut_out

_SAME_SHAPE = 0.01  # by which the ratio of width to height may differ


class Alignment:
    """Cuts and scales pictures. ``crop`` is the part of the original; None: see above.

    Raises MediaError for a part that leaves the original, or that streams would contradict.
    """

    def __init__(
        self, views: Sequence[View], width: int, height: int, crop: Crop | None = None
    ) -> None:
        sides = [view.side for view in views if view.side is not None]
        if crop is not None and sides:
            raise MediaError("a .thv file says itself which part of the picture it shows")
        self._part = crop or Crop(0, 0, width, height)
        if not _inside(self._part, width, height):
            raise MediaError(f"the part {tuple(self._part)} leaves the {width}x{height} picture")
        self._original = width, height
        self._cropped = crop is not None or bool(sides)
        self.size = (max(sides),) * 2 if sides else (self._part.width, self._part.height)
        self._coded = {(side, side) for side in sides}

    def part(self, views: Sequence[View], shown: Sequence[Shown | None]) -> Crop:
        """The part that is shown now, which stays when no stream shows any.

        Raises MediaError when streams show different ones.
        """
        parts = {
            view.name: picture.part
            for view, picture in zip(views, shown, strict=True)
            if picture is not None and picture.part is not None
        }
        if len(set(parts.values())) > 1:
            what = "; ".join(f"{name} shows {tuple(part)}" for name, part in parts.items() if part)
            raise MediaError(
                f"these show different parts of the picture, compare them apart: {what}"
            )
        self._part = next(iter(parts.values()), self._part) or self._part
        if not _inside(self._part, *self._original):
            size = "{}x{}".format(*self._original)
            raise MediaError(f"the stream was not made from this original, which is {size}")
        return self._part

    def original(self, rgb: np.ndarray, part: Crop) -> np.ndarray:
        """The original's part: uint8 (height, width, 3) of ``size``.

        Raises MediaError for a picture of another size than the first.
        """
        if rgb.shape[1::-1] != self._original:
            raise MediaError("the original's pictures change their size")
        if not self._coded:
            return _cut(rgb, part)
        return cut_out(rgb, part, self.size[0])

    def candidate(self, name: str, shown: Shown, part: Crop) -> np.ndarray:
        """A candidate's picture of the same part and size.

        Raises MediaError when its shape says that it shows something else.
        """
        rgb, size = shown.rgb, shown.rgb.shape[1::-1]
        if shown.part is not None or self._shows_part(size):
            return scaled(rgb, self.size)
        if not _same_shape(size, self._original):
            wide, high = size
            raise MediaError(
                f"{name} is {wide}x{high}, of another shape than the original: "
                "give the part of the original that it shows with --crop x,y,w,h"
            )
        whole = scaled(rgb, self._original)
        return cut_out(whole, part, self.size[0]) if self._coded else _cut(whole, part)

    def _shows_part(self, size: tuple[int, ...]) -> bool:
        """Whether a video of this size shows the part rather than the whole picture."""
        if size == self._original or not self._cropped:
            return False
        return size in self._coded or not _same_shape(size, self._original)


def scaled(rgb: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """``rgb`` (H, W, 3) uint8 brought to (width, height) by Lanczos; as it is if it has it."""
    if rgb.shape[1::-1] == tuple(size):
        return rgb
    wide, high = size
    return np.asarray(Image.fromarray(rgb).resize((wide, high), Image.Resampling.LANCZOS))


def _cut(rgb: np.ndarray, part: Crop) -> np.ndarray:
    return rgb[part.y : part.y + part.height, part.x : part.x + part.width]


def _inside(part: Crop, width: int, height: int) -> bool:
    right, bottom = part.x + part.width, part.y + part.height
    return min(part.x, part.y) >= 0 < min(part[2:]) and right <= width and bottom <= height


def _same_shape(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) < _SAME_SHAPE

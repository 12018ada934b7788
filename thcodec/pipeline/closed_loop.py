"""The encoder's look at what the receiver will see."""

from __future__ import annotations

import cv2
import numpy as np

from thcodec.bitstream import SourceRecord, StreamHeader
from thcodec.models.animator import Animator
from thcodec.models.upscaler import Upscaler
from thcodec.motion import Quantiser
from thcodec.pipeline.prepared import PreparedSources
from thcodec.pipeline.quality import ssim

EVERY = 5  # frames; each look costs what a decoder pays for a frame
_SIZE = 128  # pixels at which pictures are compared: a shift by less than a pixel is no error
# Rise of ST-LPIPS in thousandths for a loss of SSIM at that size, see benchmarks/distance.py.
_PER_SSIM = 307.0
_WEIGHT = 0.5  # of a new look in the running error


class ClosedLoop:
    """Decodes every fifth frame as the receiver does and keeps a running error.

    Errors are what a frame loses beyond what its source's own frame loses, in thousandths of
    ST-LPIPS: what the still's size and quality cost is no reason for another one.
    """

    def __init__(self, header: StreamHeader, animator: Animator, upscaler: Upscaler) -> None:
        self._animator = animator
        self._bank_size = header.bank_size
        self._quantiser = Quantiser(header.keypoint_model)
        self._sources = PreparedSources(header, animator, upscaler)
        self._floors: dict[int, tuple[int, float]] = {}  # by slot: id, error of the own frame
        self._added = 0
        self._last: tuple[int, int] | None = None  # frame and source that were looked at
        self.error: float | None = None

    def add(self, record: SourceRecord, picture: np.ndarray) -> None:
        """Take a source as it is sent; ``picture`` (S, S, 3) uint8 is what it was made of."""
        self._sources.add(record, self._added % 256)
        self._added += 1
        floor = self._loss(record.source_id, np.array(record.motion), picture)
        self._floors[record.source_id % self._bank_size] = record.source_id, floor

    def watch(self, index: int, source_id: int, values: np.ndarray, picture: np.ndarray) -> None:
        """Look at a coded frame, if it is time: its number, source, integers and picture."""
        last = self._last
        if last is not None and last[1] == source_id and index - last[0] < EVERY:
            return
        known, floor = self._floors[source_id % self._bank_size]
        if known != source_id:
            return
        error = _PER_SSIM * (self._loss(source_id, values, picture) - floor)
        if self.error is None or last is None or last[1] != source_id:
            self.error = error
        else:
            self.error += _WEIGHT * (error - self.error)
        self._last = index, source_id

    def _loss(self, source_id: int, values: np.ndarray, picture: np.ndarray) -> float:
        held = self._sources.find(source_id)
        if held is None:
            raise RuntimeError(f"source {source_id} was not added")
        source = self._sources.prepared(held)
        (shown,) = self._animator.animate(source, [self._quantiser.dequantise(values)])
        return 1.0 - ssim(_small(picture), _small(shown))


def _small(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)

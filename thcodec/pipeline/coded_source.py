"""Sources as the encoder makes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thcodec.bitstream import SourceRecord
from thcodec.bitstream.header import Crop
from thcodec.media.crop import CroppedFrame
from thcodec.models.animator import Animator, Extraction
from thcodec.motion import Motion, Quantiser
from thcodec.pipeline.config import EncoderConfig
from thcodec.pipeline.seen import SeenFrame
from thcodec.sources.stills import StillEncoder, resize_still


@dataclass(eq=False)
class CodedSource:
    """A source that frames can be predicted from, as the decoder has it."""

    id: int
    seen: Extraction
    integers: np.ndarray  # (3K,) quantised canonical keypoints
    canonical: np.ndarray  # (K, 3) the same, dequantised
    motion: np.ndarray  # quantised motion of the source frame
    own: Motion  # the same, dequantised
    values: np.ndarray  # quantised motion of the frame coded last, for those who code frames alone
    sure: bool  # whether it shows a face
    pose: Motion  # see SeenFrame
    score: float  # see SeenFrame
    look: np.ndarray | None = None  # see SeenFrame
    shown: bool = False  # whether a frame was made from it
    compared_again: int = 0  # the frame from which on, however far it seems


class SourceMaker:
    """Makes sources and their records.

    Args:
        config: see EncoderConfig.
        animator: the network that sees the keypoints.
        quantiser: of the stream.
        live: whether the stream is.
    """

    def __init__(
        self, config: EncoderConfig, animator: Animator, quantiser: Quantiser, *, live: bool
    ) -> None:
        self._config = config
        self._animator = animator
        self._quantiser = quantiser
        settings = config.stills(live)
        self._side = settings.size
        self.stills = StillEncoder(settings.codec, settings.quality, live=live)

    def make(self, source_id: int, still: SeenFrame) -> CodedSource:
        """Quantise what the decoder will predict from, and keep exactly that."""
        seen = still.seen
        integers = self._quantiser.quantise_canonical(seen.canonical)
        canonical = self._quantiser.dequantise_canonical(integers)
        motion = self._quantiser.quantise(self._animator.motion(seen, canonical, seen))
        return CodedSource(
            source_id,
            seen,
            integers,
            canonical,
            motion,
            self._quantiser.dequantise(motion),
            motion,
            still.sure,
            still.pose,
            still.score,
            still.look,
        )

    def record(self, source: CodedSource, frame: CroppedFrame, crop: Crop | None) -> SourceRecord:
        """The source with its still, as it will be sent next; `crop` where a new shot begins."""
        config = self._config
        still = resize_still(frame.picture, self._side)
        data = self.stills.encode(still, alone=crop is not None)
        return SourceRecord(
            source_id=source.id,
            pts=frame.pts,
            codec=self.stills.codec,
            width=self._side,
            height=self._side,
            canonical=tuple(source.integers),
            motion=tuple(source.motion),
            data=data,
            crop=crop,
            coder=config.coder,
        )

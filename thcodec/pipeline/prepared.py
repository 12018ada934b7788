"""The sources that a decoder keeps, each made ready for animation once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from thcodec.bitstream import SourceRecord, StreamHeader
from thcodec.errors import MalformedError, SequenceError, ThvError
from thcodec.models.animator import Animator
from thcodec.models.upscaler import Upscaler
from thcodec.motion import Motion, Quantiser
from thcodec.pipeline.arrivals import Unwrapped
from thcodec.sources.stills import StillDecoder

_READY = 8  # sources that stay ready at a time: at 512 pixels each takes 16 MB


@dataclass(eq=False)
class HeldSource:
    """A source in the bank.

    Attributes:
        number: of its SOURCE record, without its modulo.
        record: the record, its differences added up.
        shot: sources with a crop before this one, itself included: it belongs to that shot.
        picture: the still as it was sent, uint8 (h, w, 3).
        prepared: what the animator made of it; in files None before it is shown.
    """

    number: int
    record: SourceRecord
    shot: int
    picture: np.ndarray
    prepared: Any = None

    @property
    def id(self) -> int:
        """Its number in the stream."""
        return self.record.source_id


class PreparedSources:
    """Keeps the stills of as many sources as the header allows, a few of them ready.

    A source takes the slot ``id % bank_size`` and evicts what was there (spec section 6), so the
    memory is bounded whatever arrives.

    Attributes:
        quantiser: of the stream's keypoint model.
    """

    def __init__(self, header: StreamHeader, animator: Animator, upscaler: Upscaler) -> None:
        self._header = header
        self._animator = animator
        self._upscaler = upscaler
        self.quantiser = Quantiser(header.keypoint_model)
        self._slots: dict[int, HeldSource] = {}
        self._ready: list[HeldSource] = []  # those that came or were shown last at the end
        self._shot = 0
        self._numbers = Unwrapped()
        self._stills = StillDecoder(header.jpeg_tables)

    def add(
        self, record: SourceRecord, sequence: int, offset: int | None = None
    ) -> SourceRecord | None:
        """Take a source that arrived; return it with its differences added up, or None when it came
        twice or after one that took its slot.

        `sequence` is the number of its record, `offset` where the still begins in the file.

        Raises:
            MalformedError, LimitError: the still or the keypoints are not as the header says.
            SequenceError: it, or its still, builds on a source that is not here.
        """
        number = self._numbers.take(sequence)
        slot = record.source_id % self._header.bank_size
        before = self._slots.get(slot)
        if before is not None and number <= before.number:
            return None
        if record.base_id is not None:
            base = self.find(record.base_id)
            if base is None:
                raise SequenceError(f"source {record.source_id} needs {record.base_id}, lost")
            record = record.resolved(base.record)
        model = self._header.keypoint_model
        if (len(record.canonical), len(record.motion)) != (3 * model.keypoints, model.size):
            raise MalformedError(f"source {record.source_id} does not fit the keypoint model")
        try:
            picture = self._stills.decode(record.data, record.codec, record.width, record.height)
        except ThvError as error:  # its own place, if any, is one of a file made for the codec
            raise type(error)(error.message, offset) from None
        if before is not None and before.record == record:
            before.number = number  # sent again: what was prepared can stay
            return record
        self._shot += record.crop is not None
        if before is not None:
            self._ready = [source for source in self._ready if source is not before]
            before.prepared = None  # what mixed it in may hold it a little longer
        source = self._slots[slot] = HeldSource(number, record, self._shot, picture)
        if self._header.live:  # the next frame shows it, and must not wait
            self.prepared(source)
        return record

    @property
    def held(self) -> tuple[int, ...]:
        """Ids of the sources that are here."""
        return tuple(sorted(source.id for source in self._slots.values()))

    def find(self, source_id: int) -> HeldSource | None:
        """The source that has an id now, or None."""
        source = self._slots.get(source_id % self._header.bank_size)
        return source if source is not None and source.id == source_id else None

    def prepared(self, source: HeldSource) -> Any:
        """A source ready for animation."""
        if source.prepared is None:
            # In files only now: sources that are never shown must not cost work.
            source.prepared = self._animator.prepare(
                self._upscaler.upscale(source.picture, self._header.coded_size),
                self.quantiser.dequantise_canonical(np.array(source.record.canonical)),
                self.motion(source),
            )
        self._ready = [*(other for other in self._ready if other is not source), source]
        if len(self._ready) > _READY:
            self._ready.pop(0).prepared = None
        return source.prepared

    def motion(self, source: HeldSource) -> Motion:
        """A source's own motion."""
        return self.quantiser.dequantise(np.array(source.record.motion))

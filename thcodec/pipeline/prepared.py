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
from thcodec.sources.stills import decode_still


@dataclass
class _Entry:
    number: int  # of the SOURCE record, without its modulo
    record: SourceRecord
    picture: np.ndarray  # the still as sent
    prepared: Any = None


class PreparedSources:
    """Keeps the stills of as many sources as the header allows.

    A source takes the slot ``id % bank_size`` and evicts what was there (spec section 6), so the
    memory is bounded whatever arrives.
    """

    def __init__(self, header: StreamHeader, animator: Animator, upscaler: Upscaler) -> None:
        self._header = header
        self._animator = animator
        self._upscaler = upscaler
        self._quantiser = Quantiser(header.keypoint_model)
        self._slots: dict[int, _Entry] = {}
        self._numbers = Unwrapped()

    def add(
        self, record: SourceRecord, sequence: int, offset: int | None = None
    ) -> SourceRecord | None:
        """Take a source that arrived; return it with its differences added up, or None when it came
        twice or after one that took its slot.

        `sequence` is the number of its record, `offset` where the still begins in the file.

        Raises:
            MalformedError, LimitError: the still or the keypoints are not as the header says.
            SequenceError: it builds on a source that is not here.
        """
        number = self._numbers.take(sequence)
        slot = record.source_id % self._header.bank_size
        before = self._slots.get(slot)
        if before is not None and number <= before.number:
            return None
        if record.base_id is not None:
            base = self._find(record.base_id)
            if base is None:
                raise SequenceError(f"source {record.source_id} needs {record.base_id}, lost")
            record = record.resolved(base.record)
        model = self._header.keypoint_model
        if (len(record.canonical), len(record.motion)) != (3 * model.keypoints, model.size):
            raise MalformedError(f"source {record.source_id} does not fit the keypoint model")
        if before is not None and before.record == record:
            before.number = number  # sent again: what was prepared can stay
            return record
        try:
            picture = decode_still(
                record.data,
                record.codec,
                record.width,
                record.height,
                tables=self._header.jpeg_tables,
            )
        except ThvError as error:  # its own place, if any, is one of a file made for the codec
            raise type(error)(error.message, offset) from None
        self._slots[slot] = _Entry(number, record, picture)
        return record

    @property
    def held(self) -> tuple[int, ...]:
        """Ids of the sources that are here."""
        return tuple(sorted(entry.record.source_id for entry in self._slots.values()))

    def prepared(self, source_id: int) -> Any:
        """The source ready for animation, or None when it is not here."""
        entry = self._find(source_id)
        if entry is None:
            return None
        if entry.prepared is None:
            # Only now: sources that are never shown must not cost work.
            entry.prepared = self._animator.prepare(
                self._upscaler.upscale(entry.picture, self._header.coded_size),
                self._quantiser.dequantise_canonical(np.array(entry.record.canonical)),
                self._quantiser.dequantise(np.array(entry.record.motion)),
            )
        return entry.prepared

    def motion(self, source_id: int) -> Motion:
        """The own motion of a source that is here; a KeyError otherwise."""
        entry = self._find(source_id)
        if entry is None:
            raise KeyError(source_id)
        return self._quantiser.dequantise(np.array(entry.record.motion))

    def _find(self, source_id: int) -> _Entry | None:
        entry = self._slots.get(source_id % self._header.bank_size)
        return entry if entry is not None and entry.record.source_id == source_id else None

"""Whether a file keeps the rules of the specification: `thcodec verify`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

from thcodec.bitstream.chain import Chain
from thcodec.bitstream.header import StillCodec, StreamHeader
from thcodec.bitstream.limits import MAX_VALUE
from thcodec.bitstream.motion_head import PREVIOUS, MotionHead
from thcodec.bitstream.packet import Packet, RecordType
from thcodec.bitstream.reader import Reader
from thcodec.bitstream.records import AudioRecord, EndRecord, GatheredMetadata, IndexRecord
from thcodec.bitstream.signature import PREAMBLE
from thcodec.bitstream.source import SourceRecord
from thcodec.bitstream.tally import Tally
from thcodec.entropy.coders import VectorCoder
from thcodec.entropy.tables import motion_kinds
from thcodec.errors import LimitError, MalformedError, SequenceError, ThvError, TimingError


def verify(source: str | os.PathLike[str] | BinaryIO) -> list[ThvError]:
    """Walk every record and return what is wrong, in the order of the file, at most a thousand
    faults; empty: all is well.

    Checks framing, CRCs, sequence numbers, every payload down to its coded integers, ids of
    sources, times, and index and end record against the records. Pictures and audio packets are
    not decoded. Raises ThvError when there is no usable header or a critical record is unknown.
    """
    with Reader(source) as reader:
        checker = Checker(reader.header, reader.header_packet)
        for packet in reader:
            try:
                checker.check(packet)
            except ThvError as error:
                reader.note(error.located(packet.offset))
        return sorted(reader.damage, key=lambda error: error.offset or 0)


class Checker:
    """Follows a stream as a decoder would, without pictures."""

    def __init__(self, header: StreamHeader, header_packet: Packet) -> None:
        self._header = header
        model = self._header.keypoint_model
        self._kinds = motion_kinds(model.keypoints, model.jacobians)
        self._coder = VectorCoder(self._header.coder, self._kinds)
        self._bank: dict[int, SourceRecord] = {}
        self._chain = Chain()
        self._source_id = 0
        self._values: list[int] | None = None  # of the last frame; None: a group must start
        self._audio_end: int | None = None
        self._index_offset = 0
        self._gathered = GatheredMetadata()
        self._tally = Tally()
        self._tally.add(header_packet, len(PREAMBLE))
        self._checks: dict[int, Callable[[Packet], None]] = {
            RecordType.SOURCE: self._source,
            RecordType.MOTION: self._motion,
            RecordType.AUDIO: self._audio,
            RecordType.METADATA: self._metadata,
            RecordType.INDEX: self._index,
            RecordType.END: self._end,
        }

    def lost(self) -> None:
        """A motion record is missing: a group must start."""
        self._values = None

    def check(self, packet: Packet) -> None:
        """Raise the first fault of a packet."""
        if packet.type in self._checks:
            self._checks[packet.type](packet)
        self._tally.add(packet, packet.offset or 0)

    def _source(self, packet: Packet) -> None:
        source = SourceRecord.parse(packet.payload, packet.payload_offset)
        if len(source.motion) != len(self._kinds):
            raise MalformedError("the source has another keypoint model", packet.offset)
        if source.base_id is not None:
            source = source.resolved(self._held(source.base_id, packet))
        if source.codec == StillCodec.AV1:
            try:
                self._chain.take(source.data, source.width, source.height)
            except ThvError as error:
                raise error.located(source.still_at(packet)) from None
        self._bank[source.source_id % self._header.bank_size] = source

    def _held(self, source_id: int, packet: Packet) -> SourceRecord:
        source = self._bank.get(source_id % self._header.bank_size)
        if source is None or source.source_id != source_id:
            raise SequenceError(f"source {source_id} is not in the bank", packet.offset)
        return source

    def _motion(self, packet: Packet) -> None:
        values, self._values = self._values, None
        head = MotionHead.parse(packet.payload, packet.payload_offset)
        if self._header.live and head.frames != 1:
            raise MalformedError("a live stream has one frame per packet", packet.offset)
        body_at = packet.payload_offset + head.size
        head.check_work(len(self._kinds), len(packet.payload) - head.size, body_at)
        if head.starts_group:
            self._coder.reset()
        elif values is None:
            raise SequenceError("the motion packet before this one is missing", packet.offset)
        modes = [segment.mode for segment in head.segments for _ in range(segment.count)]
        try:
            steps = [mode == PREVIOUS for mode in modes]
            residuals = iter(self._coder.decode(packet.payload[head.size :], steps))
        except ThvError as error:
            raise error.moved(body_at) from None
        for segment in head.segments:
            self._source_id = self._source_id if segment.source_id is None else segment.source_id
            own = list(self._held(self._source_id, packet).motion)
            if segment.second is not None:
                self._held(segment.second[0], packet)
            for _ in range(segment.count):
                base = [[0] * len(own), own, values or own][segment.mode]
                values = [a + b for a, b in zip(base, next(residuals), strict=True)]
                if max(map(abs, values)) > MAX_VALUE:
                    raise LimitError(f"a motion value exceeds {MAX_VALUE}", packet.offset)
        self._values = values

    def _audio(self, packet: Packet) -> None:
        if self._header.audio is None:
            raise MalformedError("audio in a stream without audio parameters", packet.offset)
        audio = AudioRecord.parse(packet.payload, packet.payload_offset)
        if self._audio_end is not None and audio.pts < self._audio_end:
            message = f"audio at {audio.pts} overlaps what ends at {self._audio_end}"
            raise TimingError(message, packet.offset)
        self._audio_end = audio.pts + sum(audio.durations)

    def _metadata(self, packet: Packet) -> None:
        self._gathered.add(packet.payload, packet.payload_offset)

    def _index(self, packet: Packet) -> None:
        if self._index_offset:
            raise MalformedError("a second index", packet.offset)
        self._index_offset = packet.offset or 0
        index = IndexRecord.parse(packet.payload, packet.payload_offset)
        if not set(index.entries) <= set(self._tally.index.entries):
            raise MalformedError("the index does not match the records", packet.offset)

    def _end(self, packet: Packet) -> None:
        end = EndRecord.parse(packet.payload, packet.payload_offset)
        if (end.frames, end.totals) != (self._tally.frames, self._tally.totals):
            raise MalformedError("the end record's totals do not match the records", packet.offset)
        if end.index_offset != self._index_offset:
            raise MalformedError("the end record points beside the index", packet.offset)

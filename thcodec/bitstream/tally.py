"""What a pass over a stream's records adds up to: totals, times and the index."""

from __future__ import annotations

from thcodec.bitstream.header import StreamHeader
from thcodec.bitstream.limits import MAX_INDEX
from thcodec.bitstream.motion_head import MotionHead
from thcodec.bitstream.packet import Packet, RecordType
from thcodec.bitstream.records import EndRecord, IndexEntry, IndexRecord, Totals
from thcodec.bitstream.source import SourceHead
from thcodec.errors import SequenceError, TimingError


class Tally:
    """Takes packets in the order of the file. Its memory does not grow with the file's length."""

    def __init__(self) -> None:
        self.header: StreamHeader | None = None
        self.frames = 0
        self.low_confidence = 0
        self.first_pts: int | None = None
        self.last_pts: int | None = None
        self.totals: dict[int, Totals] = {}
        self.source: SourceHead | None = None  # the last one
        self.head: MotionHead | None = None  # of the last motion
        self._last_step = 0
        self._entries: list[IndexEntry] = []
        self._stride = 1
        self._skipped = 0

    def add(self, packet: Packet, offset: int) -> None:
        """Count a packet whose record begins at byte `offset` of the file.

        Raises ThvError subclasses for a payload that does not parse.
        """
        total = self.totals.get(packet.type, Totals())
        self.totals[packet.type] = Totals(total.records + 1, total.bytes + len(packet))
        if packet.type == RecordType.HEADER:
            self.header = StreamHeader.parse(packet.payload, packet.payload_offset)
        elif packet.type == RecordType.SOURCE:
            self.source = SourceHead.parse(packet.payload, packet.payload_offset)
            self._enter(IndexEntry(RecordType.SOURCE, self.source.pts, offset))
        elif packet.type == RecordType.MOTION:
            self._add_motion(MotionHead.parse(packet.payload, packet.payload_offset), offset)

    def _add_motion(self, head: MotionHead, offset: int) -> None:
        self.head = head
        self.frames += head.frames
        self.low_confidence += sum(s.count for s in head.segments if s.low_confidence)
        if self.header is None:
            raise SequenceError("motion before the stream header", offset)
        if not head.starts_group and self.last_pts is None:
            raise SequenceError("the first motion packet does not start a group", offset)
        times = head.times(self.last_pts, self.header.frame_duration)
        if self.last_pts is not None and times[0] <= self.last_pts:
            message = f"presentation time {times[0]} follows {self.last_pts}"
            raise TimingError(message, offset)
        if self.first_pts is None:
            self.first_pts = times[0]
        before = times[-2] if len(times) > 1 else self.last_pts
        self._last_step = 0 if before is None else times[-1] - before
        self.last_pts = times[-1]
        if head.starts_group:
            self._enter(IndexEntry(RecordType.MOTION, times[0], offset))

    def _enter(self, entry: IndexEntry) -> None:
        """Keep every entry of a short stream, every second, fourth, ... one of a long one."""
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self._entries.append(entry)
        if len(self._entries) > MAX_INDEX:
            del self._entries[1::2]
            self._stride *= 2

    @property
    def duration(self) -> int:
        """From the first frame's time to the end of the last frame, ticks."""
        if self.first_pts is None or self.last_pts is None or self.header is None:
            return 0
        return self.last_pts - self.first_pts + (self.header.frame_duration or self._last_step)

    @property
    def index(self) -> IndexRecord:
        """The index of what was added."""
        return IndexRecord(tuple(self._entries))

    def end(self, index_offset: int, duration: int | None = None) -> EndRecord:
        """The end record; `duration` where the caller knows better how long the last frame is."""
        total = self.duration if duration is None else duration
        return EndRecord(self.frames, total, dict(self.totals), index_offset)

"""Sound that waits until the pictures have come to its time."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

from thcodec.bitstream import AudioRecord
from thcodec.bitstream.limits import MAX_AUDIO_PACKETS
from thcodec.media.audio import AudioPacket

_GROUP_SECONDS = 1  # of sound in one record of a file: framing costs next to nothing then


class AudioTrack:
    """Collects Opus packets and gives them out as records, in order of time.

    Args:
        sample_rate: unit of the packets' times, ticks a second.
        grouped: whether up to a second of sound shares a record; otherwise a packet is a record.
    """

    def __init__(self, sample_rate: int, *, grouped: bool) -> None:
        self._rate = sample_rate
        self._group = _GROUP_SECONDS * sample_rate if grouped else 0
        self._waiting: deque[AudioPacket] = deque()
        self._held = 0  # ticks of sound waiting

    def add(self, packet: AudioPacket) -> None:
        """Take the next packet."""
        self._waiting.append(packet)
        self._held += packet.duration

    def take(self, until: Fraction | None) -> list[AudioRecord]:
        """Return the records that are due once pictures are coded up to `until` seconds.

        A group is due when it is full and begins before that time; None empties the track.
        """
        records = []
        while count := self._due(until):
            group = [self._waiting.popleft() for _ in range(count)]
            self._held -= sum(packet.duration for packet in group)
            records.append(_record(group))
        return records

    def _due(self, until: Fraction | None) -> int:
        """How many waiting packets make the next record; 0 when it must wait."""
        if not self._waiting:
            return 0
        early = until is not None and self._waiting[0].pts >= until * self._rate
        if early or (until is not None and self._held < self._group):
            return 0
        length = 0
        for count, packet in enumerate(self._waiting, 1):
            length += packet.duration
            if length >= self._group or count == MAX_AUDIO_PACKETS:
                return count
        return len(self._waiting)


def _record(group: list[AudioPacket]) -> AudioRecord:
    data = tuple(packet.data for packet in group)
    return AudioRecord(group[0].pts, data, tuple(packet.duration for packet in group))

"""What is whole in a damaged file, as a file of its own: `thcodec verify --repair`."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import BinaryIO

from thcodec.bitstream.packet import Packet, PacketNumbering, RecordType
from thcodec.bitstream.reader import Reader
from thcodec.bitstream.verify import Checker
from thcodec.bitstream.writer import Writer
from thcodec.errors import ThvError

_MADE_AGAIN = (RecordType.INDEX, RecordType.END)
_NUMBERS = 256


@dataclass(frozen=True)
class Repair:
    """What became of a file.

    Attributes:
        kept: records that went over, the header included.
        dropped: whole records that cannot be used: malformed, or built on what is lost.
        faults: what was wrong, in the order of the file, at most a thousand.
    """

    kept: int
    dropped: int
    faults: list[ThvError]


def repair(
    source: str | os.PathLike[str] | BinaryIO,
    target: str | os.PathLike[str] | BinaryIO,
    *,
    overwrite: bool = False,
) -> Repair:
    """Copy every record that can be decoded, with new sequence numbers, and make the index and the
    end anew; `verify` finds nothing wrong with the result.

    Motion that builds on lost records is left out up to the next group. Raises ThvError when there
    is no usable header or a critical record is unknown, OutputExistsError, OSError.
    """
    with Reader(source) as reader, Writer(target, overwrite=overwrite) as writer:
        salvage = _Salvage(reader)
        writer.write(reader.header_packet)
        for packet in reader:
            kept = salvage.take(packet)
            if kept is not None:
                writer.write(kept)
        writer.finish()
        faults = sorted(reader.damage, key=lambda error: error.offset or 0)
        return Repair(salvage.kept, salvage.dropped, faults)


class _Salvage:
    """Follows a stream as a decoder would, and keeps what decodes."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._checker = Checker(reader.header, reader.header_packet)
        self._numbering = PacketNumbering()
        self._due = 0  # sequence number of the next MOTION record
        self.kept = 1
        self.dropped = 0

    def take(self, packet: Packet) -> Packet | None:
        """The packet as it goes into the new file, or None."""
        if packet.type in _MADE_AGAIN:
            return None
        if packet.type == RecordType.MOTION:
            if packet.sequence != self._due:
                self._checker.lost()
            self._due = (packet.sequence + 1) % _NUMBERS
        try:
            self._checker.check(packet)
        except ThvError as error:
            self._reader.note(error.located(packet.offset))
            if packet.type == RecordType.MOTION:
                self._checker.lost()
            self.dropped += 1
            return None
        self.kept += 1
        number = self._numbering.packet(packet.type, packet.payload).sequence
        return replace(packet, sequence=number)

"""Reads records from a file or pipe, also damaged ones. Spec sections 4 and 13."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import BinaryIO, Self

from thcodec.bitstream.header import StreamHeader
from thcodec.bitstream.packet import Packet, RecordType, frame
from thcodec.bitstream.signature import PREAMBLE, check_preamble
from thcodec.errors import (
    MalformedError,
    SequenceError,
    ThvError,
    TruncatedError,
    UnknownRecordError,
)

_CHUNK = 1 << 16
_MAX_DAMAGE = 1000
_SMALL = 1024
# How records of known types begin; the header is not searched for.
_LIKELY = re.compile(rb"\xa7[\x82\x83\x04-\x07\x88]")


class Reader:
    """Iterates over the packets after the header, END included.

    Unknown ancillary records are handed out like all others (their type is a plain number), so
    that a copy keeps them; whoever has no use for them skips them.

    Args:
        source: a path, "-" for standard input, or a binary file object (left open; need not
            be seekable).
        tolerant: note faults in `damage` and go on at the next whole record, instead of
            raising them.

    Attributes:
        header: the stream header.
        header_packet: its record.
        writer_version: version of the writer, 0..255.
        damage: what was wrong, in the order of the file; at most 1000 entries.

    Raises:
        SignatureError, UnsupportedVersionError, TruncatedError and others of ThvError when there
        is no usable header; UnknownRecordError while iterating.
    """

    def __init__(self, source: str | os.PathLike[str] | BinaryIO, *, tolerant: bool = True) -> None:
        self._owned = False
        if source == "-":
            self._file: BinaryIO = sys.stdin.buffer
        elif isinstance(source, str | os.PathLike):
            self._file = open(source, "rb")  # noqa: SIM115 - closed by close()
            self._owned = True
        else:
            self._file = source
        self._tolerant = tolerant
        self._data = bytearray()
        self._at = 0  # index in _data of the next byte
        self._base = 0  # position in the file of _data[0]
        self._eof = False
        self._credit = 1 << 26  # bytes that a search for records may still check
        self._expected: dict[int, int] = {}
        self.damage: list[ThvError] = []
        try:
            self.writer_version = self._preamble()
            self.header_packet = self._first()
            self.header = StreamHeader.parse(
                self.header_packet.payload, self.header_packet.payload_offset
            )
        except ThvError:
            self.close()
            raise

    def _preamble(self) -> int:
        while len(self._data) < len(PREAMBLE) and self._fill():
            pass
        self._at = len(PREAMBLE)
        return check_preamble(bytes(self._data[: len(PREAMBLE)]))

    def _first(self) -> Packet:
        packet = self._parse()
        if packet.type != RecordType.HEADER:
            raise MalformedError(f"{packet.name} where the header belongs", packet.offset)
        return packet

    @property
    def _position(self) -> int:
        return self._base + self._at

    def __iter__(self) -> Iterator[Packet]:
        ended = False
        while self._more():
            if ended:
                self.note(MalformedError("bytes follow the end record", self._position))
                return
            try:
                packet = self._parse()
            except ThvError as error:
                self.note(error)
                found = self._search()
                if found is None:
                    return
                packet = found
            if self._refused(packet):
                continue
            self._check_sequence(packet)
            ended = packet.type == RecordType.END
            yield packet
        if not ended:
            self.note(TruncatedError("the file has no end record", self._position))

    def _more(self) -> bool:
        return self._at < len(self._data) or self._fill()

    def _parse(self) -> Packet:
        """The record at the current position; moves behind it."""
        while True:
            try:
                packet, self._at = Packet.parse(self._data, self._at, self._base)
                return packet
            except TruncatedError:
                if not self._fill():
                    raise

    def _search(self) -> Packet | None:
        """The next whole record after a faulty one, or None when the file holds no other."""
        self._at += 1
        while True:
            found = _LIKELY.search(self._data, self._at)
            if found is None:
                # The last byte may be a marker whose type is still to come.
                self._at = max(self._at, len(self._data) - 1)
                if not self._fill():
                    return None
                continue
            self._credit += 32 * (found.start() - self._at)
            self._at = found.start()
            try:
                packet, end = self._candidate()
            except ThvError:
                self._at += 1
                continue
            self._at = end
            return packet

    def _candidate(self) -> tuple[Packet, int]:
        """A record at what may be a sync marker. Raises ThvError when it is none.

        A crafted file of nothing but sync markers would make us check its bytes over and over:
        when the credit is used up, only small records are still considered.
        """
        if self._credit <= 0:
            window = self._data[self._at : self._at + _SMALL]
            packet, used = Packet.parse(window, 0, self._position)
            return packet, self._at + used
        while True:
            try:
                self._credit -= frame(self._data, self._at)[2] - self._at
                return Packet.parse(self._data, self._at, self._base)
            except TruncatedError:
                if not self._fill():
                    raise

    def _refused(self, packet: Packet) -> bool:
        if not isinstance(packet.type, RecordType) and packet.critical:
            raise UnknownRecordError(f"{packet.name} is critical and not known", packet.offset)
        if packet.type == RecordType.HEADER:
            self.note(MalformedError("a second header", packet.offset))
            return True
        if packet.type in (RecordType.FRAGMENT, RecordType.FEEDBACK):
            message = f"{packet.name} in a file: it is for networks only"
            self.note(MalformedError(message, packet.offset))
            return True
        return False

    def _check_sequence(self, packet: Packet) -> None:
        expected = self._expected.get(packet.type, 0)
        self._expected[packet.type] = (packet.sequence + 1) % 256
        if packet.sequence != expected:
            message = f"{packet.name} {packet.sequence} where {expected} was due"
            self.note(SequenceError(message, packet.offset))

    def note(self, error: ThvError) -> None:
        """Add a fault to `damage` while there is room; raise it when the reader is not tolerant."""
        if not self._tolerant:
            raise error
        if len(self.damage) < _MAX_DAMAGE:
            # A copy: the error as raised keeps the payload that it was found in alive.
            self.damage.append(type(error)(error.message, error.offset))

    def _fill(self) -> bool:
        """Read on, dropping what is behind; False at the end of the file."""
        if self._eof:
            return False
        if self._at >= _CHUNK:
            del self._data[: self._at]
            self._base += self._at
            self._at = 0
        # read1 returns what a pipe holds now; read would wait for a full chunk.
        read = getattr(self._file, "read1", self._file.read)
        chunk = read(_CHUNK)
        self._data += chunk
        self._eof = not chunk
        return bool(chunk)

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self._owned:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

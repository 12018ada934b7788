"""One record of the stream: framing, checksum and numbering. Spec section 4."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum

from thcodec.bitstream.limits import MAX_PAYLOAD, MAX_PAYLOAD_UNKNOWN
from thcodec.entropy.varint import read_varint, write_varint
from thcodec.errors import ChecksumError, LimitError, MalformedError, ThvError, TruncatedError

SYNC = 0xA7
_CRITICAL = 0x80
# Nearly all packets of a live stream begin with this byte (one frame, predicted from the previous
# one, nothing else to say). Type 8 says so instead: a byte of fourteen saved.
_SHORT, _IMPLIED = 8, b"\x02"
_CHECKSUM = struct.Struct(">I")
_LENGTH_AT = 3
MAX_FRAMING = _LENGTH_AT + 4 + _CHECKSUM.size  # the longest length field has four bytes


class RecordType(IntEnum):
    """Record type ids, fixed for ever."""

    HEADER = 1
    SOURCE = 2
    MOTION = 3
    AUDIO = 4
    METADATA = 5
    INDEX = 6
    END = 7
    FRAGMENT = 9
    FEEDBACK = 10

    @property
    def critical(self) -> bool:
        """Whether a reader that does not know the type must refuse the stream."""
        return self <= RecordType.MOTION or self == RecordType.FRAGMENT


def known_type(number: int) -> RecordType | int:
    """The RecordType of a known number, else the number."""
    try:
        return RecordType(number)
    except ValueError:
        return number


@dataclass(frozen=True)
class Packet:
    """One record.

    Attributes:
        type: a RecordType, or the plain number 11..127 of a record this version does not know.
        payload: at most MAX_PAYLOAD[type] bytes.
        sequence: 0..255, counts the records of this type modulo 256.
        critical: fixed by the type for known types; only read for unknown ones.
        offset: where the record began when it was read from a file; not part of the record.
    """

    type: RecordType | int
    payload: bytes
    sequence: int = 0
    critical: bool | None = None
    offset: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.type <= 127 or self.type == _SHORT:
            raise LimitError(f"record type is {self.type}, allowed is 1..127 without {_SHORT}")
        if not 0 <= self.sequence <= 255:
            raise LimitError(f"sequence is {self.sequence}, allowed is 0..255")
        object.__setattr__(self, "type", known_type(self.type))
        fixed = self.type.critical if isinstance(self.type, RecordType) else None
        if self.critical is None:
            object.__setattr__(self, "critical", bool(fixed))
        elif fixed is not None and self.critical != fixed:
            raise MalformedError(f"{self.name} has the wrong critical bit")

    @property
    def name(self) -> str:
        """For messages: the type's name, or its number."""
        return self.type.name if isinstance(self.type, RecordType) else f"record type {self.type}"

    @property
    def payload_offset(self) -> int:
        """Where the payload begins in the file, or in the record when it is not from a file."""
        return (self.offset or 0) + len(self) - _CHECKSUM.size - len(self.payload)

    def __len__(self) -> int:
        """Bytes of the whole record."""
        stored = len(self._stored()[1])
        return _LENGTH_AT + len(write_varint(stored)) + stored + _CHECKSUM.size

    def _stored(self) -> tuple[int, bytes]:
        """Type and payload as they are written."""
        if self.type == RecordType.MOTION and self.payload.startswith(_IMPLIED):
            return _SHORT, self.payload[len(_IMPLIED) :]
        return int(self.type), self.payload

    def to_bytes(self) -> bytes:
        """The whole record. Raises LimitError for a payload over its cap."""
        check_length(int(self.type), len(self.payload), None)
        kind, payload = self._stored()
        kind |= _CRITICAL if self.critical else 0
        body = bytes((SYNC, kind, self.sequence)) + write_varint(len(payload)) + payload
        return body + _CHECKSUM.pack(zlib.crc32(body))

    @classmethod
    def from_bytes(cls, data: bytes) -> Packet:
        """Parse exactly one record; every fault is a ThvError with its byte offset."""
        packet, used = cls.parse(data)
        if used != len(data):
            raise MalformedError("bytes follow the record", used)
        return packet

    @classmethod
    def parse(cls, data: bytes | bytearray, start: int = 0, offset: int = 0) -> tuple[Packet, int]:
        """Parse the record at `data[start]`; return it and the index after it.

        `offset` is the position of `data[0]` in the file. Raises TruncatedError when `data` ends
        before the record does, MalformedError, LimitError or ChecksumError.
        """
        try:
            kind, payload_at, end = frame(data, start)
            body = data[start : end - _CHECKSUM.size]
            if _CHECKSUM.unpack_from(data, end - _CHECKSUM.size)[0] != zlib.crc32(body):
                raise ChecksumError("the CRC-32 of the record does not match", start)
            kind, critical = kind & 0x7F, bool(kind & _CRITICAL)
            payload = bytes(body[payload_at - start :])
            if kind == RecordType.MOTION and payload.startswith(_IMPLIED):
                raise MalformedError("a MOTION record not in its short form", payload_at)
            if kind == _SHORT:
                kind, payload = RecordType.MOTION, _IMPLIED + payload
            packet = cls(kind, payload, data[start + 2], critical, offset + start)
        except ThvError as error:
            raise error.located(start).moved(offset) from None
        return packet, end


def check_length(kind: int, length: int, offset: int | None) -> None:
    """Raise LimitError when `length` is over the cap of record type `kind`."""
    cap = MAX_PAYLOAD.get(kind, MAX_PAYLOAD_UNKNOWN)
    if length > cap:
        raise LimitError(f"payload length is {length}, the cap of type {kind} is {cap}", offset)


def frame(data: bytes | bytearray, start: int) -> tuple[int, int, int]:
    """Read a record's head: (type byte, index of the payload, index after the record).

    Caps are checked here, before anything is copied; offsets in errors are indices into `data`.
    """
    if start < len(data) and data[start] != SYNC:
        raise MalformedError(f"no sync marker: {data[start]:#04x}", start)
    if start + _LENGTH_AT >= len(data):
        raise TruncatedError("the data ends inside a record head", len(data))
    kind = data[start + 1]
    if kind & 0x7F == 0:
        raise MalformedError("record type 0", start + 1)
    length, payload_at = read_varint(data, start + _LENGTH_AT)
    check_length(kind & 0x7F, length, start + _LENGTH_AT)
    end = payload_at + length + _CHECKSUM.size
    if end > len(data):
        raise TruncatedError(f"a record of {end - start} bytes ends too early", len(data))
    return kind, payload_at, end


class PacketNumbering:
    """Makes packets and numbers them, each record type on its own (spec section 4.2)."""

    def __init__(self) -> None:
        self._count: Counter[int] = Counter()

    def packet(self, kind: RecordType | int, payload: bytes) -> Packet:
        """The next packet of this type."""
        number = self._count[kind]
        self._count[kind] += 1
        return Packet(kind, payload, number % 256)

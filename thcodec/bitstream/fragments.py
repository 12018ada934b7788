"""Records cut into pieces that fit a datagram, and put together again. Spec section 14.1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import construct as c

from thcodec.bitstream import limits
from thcodec.bitstream.fields import Ranged, Varint, build_fields, parse_fields
from thcodec.bitstream.packet import MAX_FRAMING, Packet, PacketNumbering, RecordType
from thcodec.errors import LimitError, MalformedError

DATAGRAM = 1200  # bytes that pass every link of today, IPv6 tunnels included
_HEAD = 1 + 2 + 2 + 2 + 4  # bytes of a fragment before its data, at most
_MAX_RECORD = max(limits.MAX_PAYLOAD.values()) + MAX_FRAMING
_MAX_UNFINISHED = 8  # records that wait for the rest of their fragments


@dataclass(frozen=True)
class Fragment:
    """One piece of a record.

    Attributes:
        number: 0..255, counts the records that were cut.
        count: pieces of the record.
        parity: further pieces that make up for lost ones.
        place: which piece this is: 0..count - 1, or a parity piece above.
        length: of the whole record, bytes.
        data: the piece.
    """

    number: int
    count: int
    parity: int
    place: int
    length: int
    data: bytes

    @property
    def size(self) -> int:
        """Bytes of every piece but the last."""
        return -(-self.length // self.count)

    @classmethod
    def parse(cls, payload: bytes, offset: int = 0) -> Fragment:
        """Read a FRAGMENT payload that begins at byte `offset`. Raises ThvError subclasses."""
        got = parse_fields(_LAYOUT, payload, offset)
        made = cls(got.number, got.count, got.parity, got.place, got.length, got.data)
        if made.parity > made.count or made.place >= made.count + made.parity:
            message = f"fragment {made.place} of {made.count} and {made.parity} parity fragments"
            raise LimitError(message, offset)
        rest = made.length - (made.count - 1) * made.size
        expected = rest if made.place == made.count - 1 else made.size
        if rest < 1 or len(made.data) != expected:
            message = f"a fragment of {len(made.data)} bytes, {expected} expected"
            raise MalformedError(message, offset)
        return made

    def to_payload(self) -> bytes:
        """The payload of a FRAGMENT record. Raises LimitError for a field out of range."""
        return build_fields(_LAYOUT, vars(self))


class Splitter:
    """Cuts what is too large for a datagram.

    Args:
        numbering: numbers the FRAGMENT records.
        datagram: bytes that a record may have, 64..65507.
        parity: parity pieces for each record that is cut; never more than it has pieces.
    """

    def __init__(self, numbering: PacketNumbering, datagram: int = DATAGRAM, parity: int = 0):
        if not 64 <= datagram <= 65507 or parity < 0:
            raise LimitError(f"datagrams of {datagram} bytes (64..65507), parity {parity}")
        self._numbering = numbering
        self._datagram = datagram
        self._parity = parity
        self._cut = 0

    def split(self, packet: Packet) -> list[Packet]:
        """The packet itself if it fits, else FRAGMENT packets. Raises LimitError when it would
        take more than 4096 of them."""
        if len(packet) <= self._datagram:
            return [packet]
        record = packet.to_bytes()
        room = self._datagram - MAX_FRAMING - _HEAD
        count = -(-len(record) // room)
        size = -(-len(record) // count)
        count = -(-len(record) // size)
        parity = min(self._parity, count)
        pieces = [record[at : at + size] for at in range(0, len(record), size)]
        pieces += [_exclusive_or(pieces[at::parity], size) for at in range(parity)]
        number = self._cut % 256
        self._cut += 1
        return [
            self._numbering.packet(
                RecordType.FRAGMENT,
                Fragment(number, count, parity, place, len(record), piece).to_payload(),
            )
            for place, piece in enumerate(pieces)
        ]


class Assembler:
    """Puts records together from their fragments, in whatever order these arrive."""

    def __init__(self) -> None:
        self._pending: dict[int, _Pending] = {}  # by number, the latest last

    def push(self, packet: Packet) -> Packet | None:
        """Take a FRAGMENT packet; return the record when it is complete.

        Raises ThvError subclasses for a fragment, or a record made of them, that is malformed.
        """
        new = Fragment.parse(packet.payload, packet.payload_offset)
        pending = self._pending.pop(new.number, None)
        if pending is None or not pending.fits(new):
            pending = _Pending(new)
        self._pending[new.number] = pending
        if len(self._pending) > _MAX_UNFINISHED:
            del self._pending[next(iter(self._pending))]
        data = pending.add(new)
        if data is None:
            return None
        record = Packet.from_bytes(data)
        if record.type == RecordType.FRAGMENT:
            raise MalformedError("a fragment in a fragment", packet.offset)
        return record


class _Pending:
    """The pieces of one record. A set is what one parity piece covers, itself included."""

    def __init__(self, like: Fragment) -> None:
        self._like = like
        self._sets = like.parity or like.count
        self._pieces: dict[int, bytes] = {}
        self._lacking: dict[int, int] = {}  # pieces that a set still needs, of sets that began
        self._whole = 0  # sets
        self._done = False

    def fits(self, other: Fragment) -> bool:
        """Whether a fragment of the same number belongs to the same record."""
        like = self._like
        mine = like.count, like.parity, like.length
        return mine == (other.count, other.parity, other.length)

    def add(self, piece: Fragment) -> bytes | None:
        """Take a piece; return the record's bytes once, when nothing more is needed."""
        if self._done or piece.place in self._pieces:
            return None
        at = (piece.place - self._like.count) if piece.place >= self._like.count else piece.place
        at %= self._sets
        lacking = self._lacking.get(at, len(self._members(at)))
        self._lacking[at] = lacking - 1
        self._whole += lacking == 1
        self._pieces[piece.place] = piece.data
        if self._whole < self._sets:
            return None
        self._done = True
        data = b"".join(self._data(place) for place in range(self._like.count))
        self._pieces = {}
        return data[: self._like.length]

    def _members(self, at: int) -> range:
        return range(at, self._like.count, self._sets)

    def _data(self, place: int) -> bytes:
        if place in self._pieces:
            return self._pieces[place]
        at = place % self._sets
        others = [self._pieces[other] for other in self._members(at) if other != place]
        return _exclusive_or([self._pieces[self._like.count + at], *others], self._like.size)


def _exclusive_or(pieces: Sequence[bytes], size: int) -> bytes:
    total = 0
    for piece in pieces:
        total ^= int.from_bytes(piece.ljust(size, b"\0"), "big")
    return total.to_bytes(size, "big")


_LAYOUT = c.Struct(
    "number" / Ranged(c.Int8ub, 0, 255),
    "count" / Ranged(Varint, 1, limits.MAX_FRAGMENTS),
    "parity" / Ranged(Varint, 0, limits.MAX_FRAGMENTS),
    "place" / Ranged(Varint, 0, 2 * limits.MAX_FRAGMENTS - 1),
    "length" / Ranged(Varint, 1, _MAX_RECORD),
    "data" / c.GreedyBytes,
)

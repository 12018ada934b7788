"""What a receiver tells the sender of a stream. Spec section 14.3."""

from __future__ import annotations

from dataclasses import dataclass

import construct as c

from thcodec.bitstream import limits
from thcodec.bitstream.fields import Flags, Ranged, Varint, build_fields, parse_fields

_HEADER, _BROKEN, _NEWEST = 1, 2, 4


@dataclass(frozen=True)
class Feedback:
    """The state of a receiver.

    Attributes:
        no_header: the stream header has not arrived.
        broken: motion cannot be decoded before a group starts.
        newest: sequence number of the newest MOTION record that arrived, 0..255, or None.
        loss: share of the latest MOTION records that was lost, in 1/255.
        held: ids of the sources that the receiver holds.
    """

    no_header: bool = False
    broken: bool = False
    newest: int | None = None
    loss: int = 0
    held: tuple[int, ...] = ()

    @classmethod
    def parse(cls, payload: bytes, offset: int = 0) -> Feedback:
        """Read a FEEDBACK payload that begins at byte `offset`. Raises ThvError subclasses."""
        got = parse_fields(_LAYOUT, payload, offset)
        return cls(
            bool(got.flags & _HEADER),
            bool(got.flags & _BROKEN),
            got.newest,
            got.loss,
            tuple(got.held),
        )

    def to_payload(self) -> bytes:
        """The payload of a FEEDBACK record. Raises LimitError for a field out of range."""
        flags = _HEADER * self.no_header | _BROKEN * self.broken
        flags |= _NEWEST * (self.newest is not None)
        return build_fields(_LAYOUT, {**vars(self), "flags": flags, "count": len(self.held)})


_LAYOUT = c.Struct(
    "flags" / Flags(_HEADER | _BROKEN | _NEWEST),
    "newest" / c.If(lambda this: this.flags & _NEWEST, Ranged(c.Int8ub, 0, 255)),
    "loss" / Ranged(c.Int8ub, 0, 255),
    "count" / Ranged(c.Int8ub, 0, limits.MAX_BANK),
    "held" / c.Array(lambda this: this.count, Ranged(Varint, 0, 65535)),
)

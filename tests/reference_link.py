"""The reference reader on a network: records in any order, some in fragments. spec/thv.md alone."""

from __future__ import annotations

from typing import Any

from tests.reference_fields import Bytes
from tests.reference_reader import FEEDBACK, FRAGMENT, Stream, records


def joined(pieces: dict[int, tuple[list[int], bytes]]) -> bytes | None:
    """Section 14.1: a record from its fragments, by place; None while there are too few."""
    ((_, count, parity, _, length), _), *_ = pieces.values()
    size = (length + count - 1) // count
    for place in range(count):
        members = [place + count] if parity == 0 else [count + place % parity]
        members += [at for at in range(count) if parity and at % parity == place % parity]
        if place not in pieces and all(at in pieces for at in members if at != place):
            total = 0
            for at in members:
                if at != place:
                    total ^= int.from_bytes(pieces[at][1].ljust(size, b"\0"), "big")
            pieces[place] = [0, count, parity, place, length], total.to_bytes(size, "big")
    if any(place not in pieces for place in range(count)):
        return None
    return b"".join(pieces[place][1] for place in range(count))[:length]


def read_link(data: bytes) -> dict[str, Any]:
    """Section 14: records that a network brought. Raises Fault for the first contradiction."""
    stream = Stream()
    pieces: dict[int, dict[int, tuple[list[int], bytes]]] = {}
    for at, kind, sequence, payload in records(data, 0):
        scan = Bytes(payload)
        if kind == FEEDBACK:
            flags = scan.flags(7)
            scan.take(1 + (flags >> 2))
            for _ in range(scan.u8(0, 64)):
                scan.uv(0, 65535)
            scan.end()
        elif kind == FRAGMENT:
            fields = [scan.u8(), *(scan.uv() for _ in range(4))]
            own = pieces.setdefault(fields[0], {})
            own[fields[3]] = fields, scan.rest()
            whole = joined(own)
            if whole is not None:
                pieces[fields[0]] = {}
                ((_, *inner),) = records(whole, 0)
                stream.record(at, *inner, len(whole))
        else:
            stream.record(at, kind, sequence, payload, 0)
    return stream.got

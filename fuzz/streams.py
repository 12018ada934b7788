"""Any bytes as a stream whose checksums are right, so that mutations reach what lies behind them.

An input is one byte that picks the header (bits 0-1: coder, bit 7: live), then records: type,
length as u16, payload. The last payload takes what is left.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from functools import cache

from fixtures.cases.build import header
from thcodec.bitstream import AudioParameters, Packet
from thcodec.bitstream.signature import PREAMBLE
from thcodec.entropy.varint import write_varint

_CRITICAL = {1, 2, 3, 8, 9}


def build(data: bytes) -> bytes:
    """The stream that an input stands for."""
    choice = data[0] if data else 0
    out = bytearray(_head((choice & 3) % 3, bool(choice & 128)))
    numbers: Counter[int] = Counter()
    for kind, payload in split(data[1:]):
        family = 3 if kind == 8 else kind
        out += _framed(kind, numbers[family] % 256, payload)
        numbers[family] += 1
    return bytes(out)


@cache
def _head(coder: int, live: bool) -> bytes:
    """Signature and header."""
    head = header(coder=coder, live=live, audio=AudioParameters(extradata=b"OpusHead"))
    return PREAMBLE + _framed(1, 0, head.to_payload())


def split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The records of an input."""
    at = 0
    while at + 3 <= len(data):
        kind, length = data[at] & 127 or 99, int.from_bytes(data[at + 1 : at + 3], "big")
        yield kind, data[at + 3 : at + 3 + length]
        at += 3 + length


def seed(stream: bytes, choice: int) -> bytes:
    """The input that stands for the records of an undamaged stream."""
    out, at = bytearray([choice]), len(PREAMBLE)
    _, at = Packet.parse(stream, at)  # the header is our own
    while at < len(stream):
        packet, at = Packet.parse(stream, at)
        payload = packet.payload[:65535]
        short = packet.type == 3 and payload[:1] == b"\x02"
        kind, payload = (8, payload[1:]) if short else (int(packet.type), payload)
        out += bytes([kind]) + len(payload).to_bytes(2, "big") + payload
    return bytes(out)


def _framed(kind: int, number: int, payload: bytes) -> bytes:
    body = bytes((0xA7, kind | 128 * (kind in _CRITICAL), number))
    body += write_varint(len(payload)) + payload
    return body + zlib.crc32(body).to_bytes(4, "big")

"""What must hold for every input: right output or a named error that tells a byte."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeVar

from fuzz.streams import build, split
from thcodec.bitstream import Feedback, Fragment, Packet, Reader, SourceRecord
from thcodec.bitstream.inspect import info, verify
from thcodec.errors import ThvError
from thcodec.sources.stills import StillDecoder

_T = TypeVar("_T")
_SMALL = 64 * 64  # pixels: larger stills only cost time


def check(data: bytes) -> None:
    """Try one input in the reader that bits 2 to 4 of its first byte pick.

    Raises AssertionError when a promise is broken.
    """
    pick = data[0] >> 2 & 7 if data else 0
    [_verify, _verify, _verify, _info, _file, _file, _parts, _parts][pick](data)


def _verify(data: bytes) -> None:
    stream = build(data)
    _placed(_named(lambda: verify(io.BytesIO(stream)), len(stream)) or [], len(stream))


def _info(data: bytes) -> None:
    stream = build(data)
    _named(lambda: info(io.BytesIO(stream)), len(stream))


def _file(data: bytes) -> None:
    """The bytes as they are, behind a header."""
    stream = build(data[:1]) + data[1:]
    reader = Reader(io.BytesIO(stream))
    _named(lambda: list(reader), len(stream))
    _placed(reader.damage, len(stream))
    _named(lambda: Packet.from_bytes(data[1:]), len(data))


def _parts(data: bytes) -> None:
    stills = StillDecoder(b"")
    for kind, payload in split(data[1:]):
        if kind == 2:
            _named(lambda p=payload: _still(p, stills), None)  # type: ignore[misc]
        elif kind == 9:
            _named(lambda p=payload: Fragment.parse(p), len(payload))  # type: ignore[misc]
        elif kind == 10:
            _named(lambda p=payload: Feedback.parse(p), len(payload))  # type: ignore[misc]


def _still(payload: bytes, stills: StillDecoder) -> None:
    source = SourceRecord.parse(payload)
    if source.width * source.height <= _SMALL:
        picture = stills.decode(source.data, source.codec, source.width, source.height)
        if picture.shape != (source.height, source.width, 3):
            raise AssertionError(f"a still of {picture.shape}")


def _named(work: Callable[[], _T], size: int | None) -> _T | None:
    try:
        return work()
    except ThvError as error:
        if size is not None:
            _placed([error], size)
    return None


def _placed(faults: list[ThvError], size: int) -> None:
    for fault in faults:
        if fault.offset is None or not 0 <= fault.offset <= size:
            raise AssertionError(f"{fault!r} tells byte {fault.offset} of {size}")

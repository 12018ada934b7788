"""Field types for construct, with the limits of spec/thv.md section 2 and errors that name a byte.

construct describes the layout; these types add what it lacks: integers of variable length that
stop at ten bytes, ranges, blobs whose cap is checked before they are read.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from typing import Any, BinaryIO

import construct

from thcodec.entropy.varint import MAX_BYTES, read_varint, unzigzag, write_varint, zigzag
from thcodec.errors import LimitError, MalformedError, ThvError, TruncatedError


class _Varint(construct.Construct):
    def _parse(self, stream: BinaryIO, context: Any, path: str) -> int:
        start = stream.tell()
        head = stream.read(MAX_BYTES)
        try:
            value, used = read_varint(head, 0)
        except ThvError as error:
            raise error.moved(start) from None
        stream.seek(start + used)
        return value

    def _build(self, obj: int, stream: BinaryIO, context: Any, path: str) -> int:
        stream.write(write_varint(obj))
        return obj


Varint = _Varint()


class _Zigzag(construct.Adapter):
    def _decode(self, obj: int, context: Any, path: str) -> int:
        return unzigzag(obj)

    def _encode(self, obj: int, context: Any, path: str) -> int:
        return zigzag(obj)


Zigzag = _Zigzag(Varint)


class Ranged(construct.Subconstruct):
    """An integer field that must lie in low..high."""

    def __init__(self, subcon: construct.Construct, low: int, high: int) -> None:
        super().__init__(subcon)
        self.low, self.high = low, high
        self._told = f"{low}..{high}"

    def _holds(self, value: int) -> bool:
        return self.low <= value <= self.high

    def _check(self, value: int, offset: int, path: str) -> int:
        if not self._holds(value):
            name = path.rpartition("> ")[2]
            raise LimitError(f"{name} is {value}, allowed is {self._told}", offset)
        return value

    def _parse(self, stream: BinaryIO, context: Any, path: str) -> int:
        start = stream.tell()
        return self._check(self.subcon._parsereport(stream, context, path), start, path)

    def _build(self, obj: int, stream: BinaryIO, context: Any, path: str) -> int:
        self._check(obj, stream.tell(), path)
        self.subcon._build(obj, stream, context, path)
        return obj


class Listed(Ranged):
    """An integer field that must be one of some."""

    def __init__(self, subcon: construct.Construct, values: Collection[int]) -> None:
        super().__init__(subcon, min(values), max(values))
        self._values = values
        self._told = ", ".join(str(int(value)) for value in values)

    def _holds(self, value: int) -> bool:
        return value in self._values


class Flags(construct.Validator):
    """A byte of which only the bits of `known` may be set."""

    def __init__(self, known: int) -> None:
        super().__init__(construct.Int8ub)
        self.known = known

    def _validate(self, obj: int, context: Any, path: str) -> bool:
        if obj & ~self.known:
            raise MalformedError(f"reserved flags are set: {obj:#04x}", context._io.tell() - 1)
        return True


class Blob(construct.Construct):
    """Bytes after their length (LEB128), at most `cap`, which is checked before reading."""

    def __init__(self, cap: int) -> None:
        super().__init__()
        self.length = Ranged(Varint, 0, cap)

    def _parse(self, stream: BinaryIO, context: Any, path: str) -> bytes:
        length = self.length._parse(stream, context, f"{path} length")
        data = stream.read(length)
        if len(data) < length:
            raise TruncatedError(f"the data ends inside {path.rpartition('> ')[2]}", stream.tell())
        return data

    def _build(self, obj: bytes, stream: BinaryIO, context: Any, path: str) -> bytes:
        self.length._build(len(obj), stream, context, f"{path} length")
        stream.write(obj)
        return obj


class Text(construct.Adapter):
    """UTF-8 in a Blob; `cap` counts bytes."""

    def __init__(self, cap: int) -> None:
        super().__init__(Blob(cap))

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        try:
            return obj.decode("utf-8")
        except UnicodeDecodeError:
            name = path.rpartition("> ")[2]
            raise MalformedError(f"{name} is not UTF-8", context._io.tell() - len(obj)) from None

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        return obj.encode("utf-8")


def parse_fields(layout: construct.Construct, payload: bytes, offset: int = 0) -> Any:
    """Parse the whole of `payload`, which begins at byte `offset` of what errors refer to."""
    stream = io.BytesIO(payload)
    try:
        fields = layout.parse_stream(stream)
    except ThvError as error:
        raise error.moved(offset) from None
    except construct.StreamError:
        raise TruncatedError("the record ends too early", offset + len(payload)) from None
    except construct.ConstructError as error:
        message = str(error).splitlines()[-1]
        raise MalformedError(message, offset + stream.tell()) from None
    if stream.tell() != len(payload):
        raise MalformedError("the record has bytes left over", offset + stream.tell())
    return fields


def build_fields(layout: construct.Construct, fields: Mapping[str, Any]) -> bytes:
    """The bytes of a record's payload; LimitError or MalformedError for values out of range."""
    try:
        data: bytes = layout.build(fields)
    except construct.ConstructError as error:
        raise MalformedError(str(error).splitlines()[-1]) from None
    return data

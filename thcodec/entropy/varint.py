"""Integers of variable length. Spec section 2.1."""

from __future__ import annotations

from thcodec.errors import LimitError, MalformedError, TruncatedError

MAX_BYTES = 10


def write_varint(value: int) -> bytes:
    """Unsigned LEB128, spec section 2.1. `value` in 0..2**64-1."""
    if not 0 <= value < 1 << 64:
        raise LimitError(f"{value} does not fit a variable-length integer")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes | bytearray, offset: int) -> tuple[int, int]:
    """Read LEB128 at `offset`; return the value and the offset after it.

    Raises TruncatedError at the end of the data, MalformedError for a form that is too long.
    """
    value = 0
    for index in range(MAX_BYTES):
        if offset + index >= len(data):
            raise TruncatedError("the data ends inside an integer", len(data))
        byte = data[offset + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            # One value, one form: otherwise equal streams could have unequal bytes.
            if (byte == 0 and index > 0) or value >= 1 << 64:
                break
            return value, offset + index + 1
    raise MalformedError("an integer is not in its shortest form or exceeds 64 bits", offset)


def zigzag(value: int) -> int:
    """Signed to unsigned: 0, -1, 1, -2, ... become 0, 1, 2, 3, ..."""
    return -2 * value - 1 if value < 0 else 2 * value


def unzigzag(value: int) -> int:
    """The inverse of `zigzag`."""
    return -(value + 1) // 2 if value & 1 else value // 2

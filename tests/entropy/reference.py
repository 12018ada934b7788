"""The range coder of spec section 8.3 in its plain form, written from the spec: big integers."""

from __future__ import annotations

_ONE = 4096
_PRECISION = 24


def _split(width: int, probability: int) -> tuple[int, int]:
    """Widths of the parts for 0 and for 1."""
    zeros = ((_ONE - probability) * (2**_PRECISION - 2) >> 12) + 1
    unit = width >> _PRECISION
    return unit * zeros, unit * (2**_PRECISION - zeros)


class PlainEncoder:
    """Keeps the whole code value as one integer."""

    def __init__(self) -> None:
        self.low, self.width, self.size = 0, 2**64 - 1, 64

    def bit(self, probability: int, bit: int) -> int:
        zeros, ones = _split(self.width, probability)
        self.low, self.width = (self.low + zeros, ones) if bit else (self.low, zeros)
        if self.width < 2**32:
            self.low, self.width, self.size = self.low << 32, self.width << 32, self.size + 32
        return bit

    def finish(self) -> bytes:
        """The shortest string whose value, padded with zeros, lies in the last interval."""
        for length in range(self.size // 8 + 1):
            unit = self.size - 8 * length
            point = -(-self.low >> unit)
            if point << unit < self.low + self.width:
                return point.to_bytes(length, "big")
        raise AssertionError


class PlainDecoder:
    """Follows the encoder and sees on which side the code value lies."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.width = data, 8, 2**64 - 1
        self.offset = int.from_bytes(data[:8].ljust(8, b"\0"), "big")

    def bit(self, probability: int, bit: int = 0) -> int:
        zeros, ones = _split(self.width, probability)
        bit = int(self.offset >= zeros)
        if bit:
            self.offset -= zeros
            if self.offset >= ones:
                raise ValueError("outside every interval")
        self.width = ones if bit else zeros
        if self.width < 2**32:
            more = self.data[self.at : self.at + 4].ljust(4, b"\0")
            self.offset = self.offset << 32 | int.from_bytes(more, "big")
            self.width <<= 32
            self.at += 4
        return bit

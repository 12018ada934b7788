"""The range coder of spec section 8.3 in its plain form, written from the spec: big integers."""

from __future__ import annotations

from typing import Any

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


class _Context:
    def __init__(self, chance: int) -> None:
        self.fast = self.slow = 16 * chance
        self.count = 16


class PlainModel:
    """Decodes vectors as sections 8.4 and 8.5 say, from the tables as the spec prints them."""

    def __init__(self, kinds: list[int], tables: dict[str, Any]) -> None:
        groups = [0, 0, 0, 1, 1, 1, 2, 3, 3, 4, 5, 6, 6, 6]
        self.kinds, self.groups = kinds, [groups[kind] for kind in kinds]
        self.table = {name: _contexts(value) for name, value in tables.items()}
        self.moves = [_contexts(tables["MOVES"][min(kind, 10)]) for kind in kinds]
        self.activity, self.last, self.moved = ([0] * len(kinds) for _ in range(3))
        self.usual = 4

    def _code(self, coder: PlainDecoder, context: _Context) -> int:
        chance = min(max((context.fast + context.slow) >> 5, 8), 4088)
        bit = coder.bit(chance)
        weight = 131072 // (2 * context.count + 3)
        fast, slow = max(weight, 4096), max(weight, 512)
        if bit:
            context.fast += ((65535 - context.fast) * fast) >> 16
            context.slow += ((65535 - context.slow) * slow) >> 16
        else:
            context.fast -= (context.fast * fast) >> 16
            context.slow -= (context.slow * slow) >> 16
        context.count = min(context.count + 1, 255)
        return bit

    def _magnitude(self, coder: PlainDecoder, row: list[_Context]) -> int:
        exponent = 0
        while exponent < 23 and self._code(coder, row[min(exponent, len(row) - 1)]):
            exponent += 1
        magnitude = 1
        for place in range(exponent):
            if place == 0:
                bit = self._code(coder, self.table["SECOND"][min(exponent, 12) - 1])
            else:
                bit = coder.bit(2048)
            magnitude = 2 * magnitude + bit
        return magnitude

    def vector(self, coder: PlainDecoder, from_previous: bool) -> list[int]:
        """One vector."""
        return self._step(coder) if from_previous else self._first(coder)

    def _first(self, coder: PlainDecoder) -> list[int]:
        out = []
        for group in self.groups:
            value = 0
            if self._code(coder, self.table["DIFFERS"][group]):
                sign = -1 if coder.bit(2048) else 1
                value = sign * self._magnitude(coder, self.table["FIRST_GROWS"][group])
            out.append(value)
        return out

    def _step(self, coder: PlainDecoder) -> list[int]:
        out, n, size = [], 0, len(self.kinds)
        for i, group in enumerate(self.groups):
            expected = n + self.usual * (size - i) // size
            business = sum(bound <= expected for bound in (3, 7, 14))
            level = sum(bound <= self.activity[i] for bound in (1, 4, 10))
            value = 0
            if self._code(coder, self.moves[i][business]):
                minus = self._code(coder, self.table["NEGATIVE"][self.last[i]][self.moved[i]])
                value = self._magnitude(coder, self.table["GROWS"][group][level])
                value = -value if minus else value
                self.last[i] = 2 if minus else 1
                n += 1
            self.moved[i] = int(value != 0)
            self.activity[i] = (3 * self.activity[i] + 16 * min(abs(value), 3)) >> 2
            out.append(value)
        self.usual = (self.usual + n + 1) >> 1
        return out


def _contexts(table: Any) -> Any:
    return _Context(table) if isinstance(table, int) else [_contexts(entry) for entry in table]

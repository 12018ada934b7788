"""zstd frames taken apart as RFC 8878 says, with the standard library alone: for the reference
reader. Slow, and without dictionaries and the optional checksum, which .thv does not use.
"""

from __future__ import annotations

Table = list[tuple[int, int, int]]  # of an FSE state: symbol, bits to read, base of the next state

_LITERALS = [4, 3, *[2] * 11, 1, 1, 1, *[2] * 9, 3, 2, *[1] * 5, -1, -1, -1, -1]
_MATCHES = [1, 4, 3, *[2] * 6, *[1] * 37, *[-1] * 7]
_OFFSETS = [*[1] * 6, 2, 2, 2, *[1] * 15, *[-1] * 5]
_LITERAL_BITS = [*[0] * 16, 1, 1, 1, 1, 2, 2, 3, 3, 4, *range(6, 17)]
_MATCH_BITS = [*[0] * 32, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, *range(7, 17)]


def _bases(bits: list[int], first: int) -> list[int]:
    out = [first]
    for width in bits[:-1]:
        out.append(out[-1] + (1 << width))
    return out


_LITERAL_BASE, _MATCH_BASE = _bases(_LITERAL_BITS, 0), _bases(_MATCH_BITS, 3)


class Backwards:
    """Bits from the end of a string on, below its highest one."""

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data, "little")
        self.left = self.value.bit_length() - 1
        if not data or data[-1] == 0:
            raise ValueError("zstd: a bit stream without its end mark")

    def peek(self, count: int) -> int:
        shift = self.left - count
        value = self.value >> shift if shift >= 0 else self.value << -shift
        return value & ((1 << count) - 1)

    def read(self, count: int) -> int:
        value = self.peek(count)
        self.left -= count
        return value


def decode(data: bytes, cap: int) -> bytes:
    """The content of exactly one frame; OverflowError beyond `cap` bytes, else ValueError."""
    if data[:4] != b"\x28\xb5\x2f\xfd":
        raise ValueError("zstd: not a frame")
    flags, at = data[4], 5
    if flags & 0x0B:
        raise ValueError("zstd: a reserved bit, or a dictionary")
    if flags & 0x20:  # the whole content is the window
        size = [1, 2, 4, 8][flags >> 6]
        window = int.from_bytes(data[at : at + size], "little") + (256 if size == 2 else 0)
    else:
        size = [0, 2, 4, 8][flags >> 6] + 1
        base = 1 << 10 + (data[at] >> 3)
        window = base + (base >> 3) * (data[at] & 7)
    if window > 1 << 21:
        raise ValueError("zstd: a window beyond the limit")
    at += size
    blocks = _Blocks()
    last = False
    while not last:
        head = int.from_bytes(data[at : at + 3], "little")
        last, kind, size = bool(head & 1), head >> 1 & 3, head >> 3
        at += 3
        stored = 1 if kind == 1 else size
        if at + stored > len(data):
            raise ValueError("zstd: the data ends inside a block")
        if kind == 0:
            blocks.out += data[at : at + size]
        elif kind == 1:
            blocks.out += data[at : at + 1] * size
        elif kind == 2:
            blocks.add(data[at : at + size])
        else:
            raise ValueError("zstd: a reserved kind of block")
        at += stored
        if len(blocks.out) > cap:
            raise OverflowError("zstd: more than the limit")
    if at + 4 * (flags >> 2 & 1) != len(data):
        raise ValueError("zstd: bytes behind the frame")
    return bytes(blocks.out)


class _Blocks:
    """What carries over from one compressed block to the next."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.recent = [1, 4, 8]
        self.huffman: tuple[int, list[tuple[int, int]]] | None = None
        self.tables: list[Table | None] = [None, None, None]

    def add(self, block: bytes) -> None:
        literals, at = self._literals(block)
        count, at = block[at], at + 1
        if count == 255:
            count, at = block[at] + (block[at + 1] << 8) + 0x7F00, at + 2
        elif count >= 128:
            count, at = (count - 128 << 8) + block[at], at + 1
        used = self._sequences(block, at, count, literals) if count else 0
        self.out += literals[used:]

    def _literals(self, block: bytes) -> tuple[bytes, int]:
        kind, form = block[0] & 3, block[0] >> 2 & 3
        if kind < 2:
            at = [1, 2, 1, 3][form]
            size = int.from_bytes(block[:at], "little") >> (3 if at == 1 else 4)
            if kind == 0:
                return block[at : at + size], at + size
            return block[at : at + 1] * size, at + 1
        at, bits = [(3, 10), (3, 10), (4, 14), (5, 18)][form]
        head = int.from_bytes(block[:at], "little") >> 4
        size, stored = head & (1 << bits) - 1, head >> bits & (1 << bits) - 1
        body = block[at : at + stored]
        if kind == 2:
            self.huffman, used = _huffman(body)
            body = body[used:]
        if self.huffman is None:
            raise ValueError("zstd: no Huffman table to repeat")
        if form == 0:
            return self._stream(body, size), at + stored
        ends = [6]
        for place in range(3):
            ends.append(ends[-1] + int.from_bytes(body[2 * place : 2 * place + 2], "little"))
        part = (size + 3) // 4
        sizes = [part, part, part, size - 3 * part]
        parts = zip(ends, [*ends[1:], len(body)], sizes, strict=True)
        return b"".join(self._stream(body[a:b], n) for a, b, n in parts), at + stored

    def _stream(self, data: bytes, size: int) -> bytes:
        assert self.huffman is not None
        width, table = self.huffman
        bits, out = Backwards(data), bytearray()
        for _ in range(size):
            symbol, length = table[bits.peek(width)]
            bits.left -= length
            out.append(symbol)
        if bits.left:
            raise ValueError("zstd: literals of another length")
        return bytes(out)

    def _sequences(self, block: bytes, at: int, count: int, literals: bytes) -> int:
        modes, at = block[at], at + 1
        defaults = (_LITERALS, 6), (_OFFSETS, 5), (_MATCHES, 6)
        for place, (spread, log) in enumerate(defaults):
            mode = modes >> 6 - 2 * place & 3
            if mode == 0:
                self.tables[place] = _fse(spread, log)
            elif mode == 1:
                self.tables[place], at = [(block[at], 0, 0)], at + 1
            elif mode == 2:
                spread, log, used = _spread(block[at:])
                self.tables[place], at = _fse(spread, log), at + used
        bits, used = Backwards(block[at:]), 0
        tables = [table or [] for table in self.tables]
        if not all(tables):
            raise ValueError("zstd: no table to repeat")
        states = [bits.read(len(table).bit_length() - 1) for table in tables]
        for number in range(count):
            literal, offset, match = (
                table[state][0] for table, state in zip(tables, states, strict=True)
            )
            distance = (1 << offset) + bits.read(offset)
            length = _MATCH_BASE[match] + bits.read(_MATCH_BITS[match])
            run = _LITERAL_BASE[literal] + bits.read(_LITERAL_BITS[literal])
            if number + 1 < count:
                for place in (0, 2, 1):
                    _, width, base = tables[place][states[place]]
                    states[place] = base + bits.read(width)
            self.out += literals[used : used + run]
            used += run
            self._copy(self._distance(distance, run), length)
        if bits.left or used > len(literals):
            raise ValueError("zstd: sequences of another length")
        return used

    def _distance(self, value: int, run: int) -> int:
        if value > 3:
            self.recent = [value - 3, *self.recent[:2]]
            return value - 3
        place = value - 1 + (run == 0)
        found = self.recent[place] if place < 3 else self.recent[0] - 1
        self.recent = [found, *(r for at, r in enumerate(self.recent) if at != min(place, 2))]
        return found

    def _copy(self, distance: int, length: int) -> None:
        if not 0 < distance <= len(self.out):
            raise ValueError("zstd: a match before the beginning")
        for _ in range(length):
            self.out.append(self.out[-distance])


def _spread(data: bytes) -> tuple[list[int], int, int]:
    """A table's distribution: probabilities, log of their sum, bytes used."""
    value, at = int.from_bytes(data, "little"), 4
    log = (value & 15) + 5
    left, out = 1 << log, list[int]()
    while left > 0:
        width = (left + 1).bit_length()
        got, at = value >> at & (1 << width) - 1, at + width
        low = (1 << width - 1) - 1
        spare = (1 << width) - 2 - left
        if got & low < spare:
            got, at = got & low, at - 1
        elif got > low:
            got -= spare
        left -= abs(got - 1)
        out.append(got - 1)
        repeat = 3 if got == 1 else 0
        while repeat == 3:
            repeat, at = value >> at & 3, at + 2
            out += [0] * repeat
    if left or at > 8 * len(data):
        raise ValueError("zstd: a distribution that does not add up")
    return out, log, (at + 7) // 8


def _fse(spread: list[int], log: int) -> Table:
    size = 1 << log
    symbols, high = [0] * size, size
    for symbol, share in enumerate(spread):
        if share == -1:
            high -= 1
            symbols[high] = symbol
    at = 0
    for symbol, share in enumerate(spread):
        for _ in range(share):
            symbols[at] = symbol
            at = at + (size >> 1) + (size >> 3) + 3 & size - 1
            while at >= high:
                at = at + (size >> 1) + (size >> 3) + 3 & size - 1
    following = [abs(share) for share in spread]
    table = []
    for symbol in symbols:
        number = following[symbol]
        following[symbol] += 1
        width = log + 1 - number.bit_length()
        table.append((symbol, width, (number << width) - size))
    return table


def _huffman(data: bytes) -> tuple[tuple[int, list[tuple[int, int]]], int]:
    """A Huffman table, (width, entry -> symbol and bits), and the bytes that described it."""
    if data[0] >= 128:
        count = data[0] - 127
        used = 1 + (count + 1) // 2
        weights = [n for byte in data[1:used] for n in (byte >> 4, byte & 15)][:count]
    else:
        used = 1 + data[0]
        spread, log, head = _spread(data[1:used])
        weights = _weights(data[1 + head : used], _fse(spread, log), log)
    total = sum(1 << weight - 1 for weight in weights if weight)
    width = total.bit_length()
    rest = (1 << width) - total
    if rest & (rest - 1):
        raise ValueError("zstd: Huffman weights that do not add up")
    weights.append(rest.bit_length())
    table: list[tuple[int, int]] = []
    for weight in range(1, width + 1):
        for symbol, own in enumerate(weights):
            if own == weight:
                table += [(symbol, width + 1 - weight)] * (1 << weight - 1)
    return (width, table), used


def _weights(data: bytes, table: Table, log: int) -> list[int]:
    bits = Backwards(data)
    states = [bits.read(log), bits.read(log)]
    out: list[int] = []
    while True:
        for place in (0, 1):
            symbol, width, base = table[states[place]]
            out.append(symbol)
            states[place] = base + bits.read(width)
            if bits.left < 0:
                out.append(table[states[1 - place]][0])
                return out
            if len(out) > 255:
                raise ValueError("zstd: too many Huffman weights")

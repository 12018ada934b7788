"""Packets from a network put in order. Spec sections 4.2 and 14.2."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from thcodec.bitstream import Assembler, Packet, RecordType

_NUMBERS = 256
_OLD_IN_A_ROW = 8  # so many cannot be late ones: the numbers went half around unseen
_WINDOW = 50  # motion packets that the loss is counted over


@dataclass(frozen=True)
class Lost:
    """So many motion packets did not arrive, and are no longer waited for."""

    count: int


class Unwrapped:
    """Sequence numbers without their modulo: each is taken for the nearest to the newest."""

    def __init__(self) -> None:
        self.newest: int | None = None

    def take(self, number: int) -> int:
        """The whole number behind one of 0..255."""
        if self.newest is None:
            self.newest = number
        half = _NUMBERS // 2
        whole = self.newest + (number - self.newest + half) % _NUMBERS - half
        self.newest = max(self.newest, whole)
        return whole


class Arrivals:
    """Joins fragments and gives out motion packets in their order, with what is missing.

    Args:
        hold: motion packets that may wait for a missing one; 0 gives it up at once.

    Attributes:
        newest: sequence number of the newest motion packet that arrived, or None.
    """

    def __init__(self, hold: int = 0) -> None:
        self._hold = hold
        self._assembler = Assembler()
        self._due: int | None = None
        self._waiting: dict[int, Packet] = {}
        self._old = 0
        self._recent: deque[bool] = deque(maxlen=_WINDOW)
        self.newest: int | None = None

    @property
    def loss(self) -> float:
        """Share of the latest motion packets that did not come, 0..1."""
        return sum(self._recent) / len(self._recent) if self._recent else 0.0

    def push(self, packet: Packet) -> Iterator[Packet | Lost]:
        """Take a packet as it arrives; give out what its arrival makes ready.

        Raises ThvError subclasses for malformed fragments.
        """
        if packet.type == RecordType.FRAGMENT:
            whole = self._assembler.push(packet)
            if whole is not None:
                yield from self.push(whole)
        elif packet.type == RecordType.MOTION:
            yield from self._motion(packet)
        else:
            yield packet

    def flush(self) -> Iterator[Packet | Lost]:
        """Give out what still waits."""
        hold, self._hold = self._hold, 0
        yield from self._ready()
        self._hold = hold

    def _motion(self, packet: Packet) -> Iterator[Packet | Lost]:
        if self._due is None:
            # A stream begins with number 0, which may be late; others are joined where they are.
            self._due = 0 if packet.sequence <= self._hold else packet.sequence
        ahead = (packet.sequence - self._due) % _NUMBERS
        if ahead >= _NUMBERS // 2:
            self._old += 1
            if self._old < _OLD_IN_A_ROW:
                return
            yield from self.flush()
            self._due = packet.sequence
            yield Lost(1)
        self._old = 0
        self._waiting[packet.sequence] = packet
        newest = self.newest
        if newest is None or (packet.sequence - newest) % _NUMBERS < _NUMBERS // 2:
            self.newest = packet.sequence
        yield from self._ready()

    def _ready(self) -> Iterator[Packet | Lost]:
        while self._waiting and self._due is not None:
            packet = self._waiting.pop(self._due, None)
            if packet is not None:
                self._recent.append(False)
                self._due = (self._due + 1) % _NUMBERS
                yield packet
            elif len(self._waiting) > self._hold:
                due = self._due
                count = min((number - due) % _NUMBERS for number in self._waiting)
                self._recent.extend([True] * min(count, _WINDOW))
                self._due = (due + count) % _NUMBERS
                yield Lost(count)
            else:
                return

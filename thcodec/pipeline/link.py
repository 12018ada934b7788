"""The sender's side of a link that loses packets: what was sent, what arrived, what to do about it.

Losses cost little when they are answered: the start of a group takes some 34 bytes where a frame
predicted from the one before takes 14. So the remedy for a lost packet is a group that starts as
soon as the receiver says so, and shorter groups while much is lost. A source is shown only once the
receiver holds it; until then the one before serves on.
"""

from __future__ import annotations

from dataclasses import dataclass

from thcodec.bitstream import Feedback, Packet, PacketNumbering, RecordType, Splitter
from thcodec.bitstream.fragments import DATAGRAM
from thcodec.errors import LimitError

_SLACK = 2  # motion packets that may overtake a source
_HIT = 0.4  # share of groups that a loss may hit


@dataclass(frozen=True)
class LinkConfig:
    """How a stream is sent over a link that loses packets.

    Attributes:
        datagram: bytes of a packet, 64..65507; larger records are sent in fragments.
        parity: fragments added to each record that is cut, each of which makes up for a lost one.
        refresh: packets after which a group starts in any case, 1..1024.
        loss: share of packets that is expected to be lost before the receiver tells, 0..1.
    """

    datagram: int = DATAGRAM
    parity: int = 1
    refresh: int = 250
    loss: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.refresh <= 1024 or not 0 <= self.loss <= 1:
            raise ValueError(f"refresh is {self.refresh} (1..1024), loss is {self.loss} (0..1)")


@dataclass
class _Sent:
    """A source on its way: its record, and how many motion packets were sent before it."""

    payload: bytes
    before: int


class Link:
    """Follows one stream to its receiver.

    Args:
        config: see LinkConfig.
        numbering: numbers the packets that are sent again, as those of the stream.
    """

    def __init__(self, config: LinkConfig, numbering: PacketNumbering) -> None:
        self._config = config
        self._numbering = numbering
        self._splitter = Splitter(numbering, config.datagram, config.parity)
        self._header: bytes | None = None
        self._sources: dict[int, _Sent] = {}  # by id: all that are in the bank
        self._motion = 0  # packets sent
        self._group = 0  # number of the packet that started the last group
        self._loss = config.loss
        self._held: frozenset[int] = frozenset()
        self.heard = False
        self.restart = False
        self.wanted: set[int] = set()  # sources that are shown, or are to be

    @property
    def group(self) -> int:
        """Motion packets from one start of a group to the next, as things are."""
        if self._loss <= 0:
            return self._config.refresh
        return max(1, min(self._config.refresh, int(_HIT / self._loss)))

    def holds(self, source_id: int) -> bool:
        """Whether the receiver is known to hold a source."""
        return source_id in self._held

    def starts_group(self) -> None:
        """The next motion packet starts a group."""
        self._group = self._motion
        self.restart = False

    def send(self, packets: list[Packet]) -> list[Packet]:
        """Note what is sent and cut what is too large."""
        out: list[Packet] = []
        for packet in packets:
            if packet.type == RecordType.HEADER:
                self._header = packet.payload
            elif packet.type == RecordType.MOTION:
                self._motion += 1
            out += self._splitter.split(packet)
        return out

    def send_source(self, number: int, payload: bytes, bank_size: int) -> None:
        """Remember a source that is sent, and forget the one that it evicts."""
        slot = number % bank_size
        self._sources = {
            key: sent for key, sent in self._sources.items() if key % bank_size != slot
        }
        self._sources[number] = _Sent(payload, self._motion)

    def answer(self, feedback: Feedback) -> list[Packet]:
        """What the receiver's state asks for at once; a group that must start is in `restart`."""
        self.heard = True
        self._loss = feedback.loss / 255
        self._held = frozenset(feedback.held)
        newest = self._newest(feedback)
        again: list[Packet] = []
        if feedback.no_header and self._header is not None:
            again.append(self._numbering.packet(RecordType.HEADER, self._header))
        for number in sorted(self.wanted):
            sent = self._sources[number]
            late = newest >= sent.before + _SLACK or feedback.no_header
            if late and number not in feedback.held:
                sent.before = self._motion
                again.append(self._numbering.packet(RecordType.SOURCE, sent.payload))
        if (feedback.broken and newest >= self._group) or feedback.no_header:
            self.restart = True
        return self.send(again)

    def _newest(self, feedback: Feedback) -> int:
        """Number of the newest motion packet that arrived, counted from 0; -1: none."""
        last = self._motion - 1
        if feedback.newest is None or last < 0:
            return -1
        return last - (last - feedback.newest) % 256


def feedback_of(packet: Packet) -> Feedback:
    """What a FEEDBACK packet says. Raises ThvError subclasses."""
    if packet.type != RecordType.FEEDBACK:
        raise LimitError(f"{packet.name} is no feedback", packet.offset)
    return Feedback.parse(packet.payload, packet.payload_offset)

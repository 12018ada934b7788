"""A simulated network between an encoder and a decoder: loss, bursts, delay, jitter, disorder."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from thcodec.bitstream import Packet
from thcodec.pipeline import Decoder, Encoder, Frame


@dataclass(frozen=True)
class Conditions:
    """What a link does to packets, in both directions.

    Attributes:
        loss: share of packets that is lost, 0..1.
        burst: mean number of packets that are lost in a row; 1: each on its own.
        delay: time every packet takes, ms.
        jitter: further time, evenly spread from 0 to this, ms.
        late: share of packets that take 100 ms more, 0..1.
        hold: ``DecoderConfig.hold`` that suits the link.
    """

    loss: float = 0.0
    burst: float = 1.0
    delay: float = 50.0
    jitter: float = 0.0
    late: float = 0.0
    hold: int = 2


class Direction:
    """One way of the link."""

    def __init__(self, conditions: Conditions, seed: int) -> None:
        self._conditions = conditions
        self._random = random.Random(seed)
        self._bad = False
        self._flying: list[tuple[float, int, bytes]] = []
        self._tie = count()
        self.sent = 0
        self.bytes = 0

    def send(self, now: float, packet: Packet) -> None:
        """Send a packet at a time in ms."""
        data = packet.to_bytes()
        self.sent += 1
        self.bytes += len(data)
        if self._lost():
            return
        link, rng = self._conditions, self._random
        at = now + link.delay + rng.uniform(0, link.jitter) + 100 * (rng.random() < link.late)
        heapq.heappush(self._flying, (at, next(self._tie), data))

    def next_arrival(self) -> float | None:
        """When the next packet arrives, ms."""
        return self._flying[0][0] if self._flying else None

    def take(self) -> tuple[float, Packet]:
        """The next packet and when it arrives."""
        at, _, data = heapq.heappop(self._flying)
        return at, Packet.from_bytes(data)

    def _lost(self) -> bool:
        """Gilbert's model: bursts end with probability 1/burst; their share is the loss."""
        link, chance = self._conditions, self._random.random()
        if link.burst <= 1 or link.loss <= 0:
            return chance < link.loss
        leave = 1 / link.burst
        enter = leave * link.loss / (1 - link.loss)
        self._bad = chance >= leave if self._bad else chance < enter
        return self._bad


@dataclass
class Outcome:
    """What came of a call: frames in the order of the decoder, and bytes of the way there."""

    frames: list[Frame] = field(default_factory=list)
    bytes: int = 0
    packets: int = 0

    @property
    def missing(self) -> int:
        """Frames without any picture, from the first one shown to the last."""
        times = [frame.pts for frame in self.frames]
        return times[-1] - times[0] + 1 - len(times) if times else 0

    @property
    def pauses(self) -> list[int]:
        """Lengths of the runs of concealed frames, frames."""
        runs, run = [], 0
        for frame in self.frames:
            if frame.concealed:
                run += 1
            elif run:
                runs.append(run)
                run = 0
        return runs + [run] * (run > 0)


def call(
    encoder: Encoder,
    decoder: Decoder,
    pictures: Iterable[np.ndarray],
    conditions: Conditions,
    *,
    seed: int = 0,
    step: float = 40.0,
) -> Outcome:
    """Send pictures, one every `step` ms, and the receiver's feedback as often."""
    there, back = Direction(conditions, seed), Direction(conditions, seed + 1)
    outcome = Outcome()
    now = 0.0
    for index, picture in enumerate(pictures):
        now = index * step
        _run(now, encoder, decoder, there, back, outcome)
        for packet in encoder.push(picture, index):
            there.send(now, packet)
        back.send(now, decoder.feedback())
    _run(now + 1000, encoder, decoder, there, back, outcome)
    outcome.frames += decoder.flush()
    outcome.bytes, outcome.packets = there.bytes, there.sent
    return outcome


def _run(
    until: float,
    encoder: Encoder,
    decoder: Decoder,
    there: Direction,
    back: Direction,
    outcome: Outcome,
) -> None:
    """Deliver what arrives up to a time."""
    while True:
        times = [there.next_arrival(), back.next_arrival()]
        due = [time for time in times if time is not None and time <= until]
        if not due:
            return
        if times[0] == min(due):
            outcome.frames += decoder.push(there.take()[1])
        else:
            at, packet = back.take()
            for again in encoder.feedback(packet):
                there.send(at, again)

"""Calls over simulated links: loss, bursts, disorder, jitter. Spec section 14."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.links import Conditions, Outcome, call
from tests import clips
from tests.doubles import MomentAnimator, Remembering
from thcodec import Decoder, Encoder, EncoderConfig, LinkConfig, Packet
from thcodec.bitstream import Feedback, PacketNumbering, RecordType
from thcodec.bitstream.motion_head import MotionHead
from thcodec.errors import LimitError, ThvError
from thcodec.pipeline.arrivals import Arrivals, Lost
from thcodec.pipeline.config import DecoderConfig

PLAIN = EncoderConfig(crop="none", interval=30, source_size=128)
FRAMES = [clips.disc(index) for index in range(150)]


def made(link: LinkConfig | None = None, hold: int = 2) -> tuple[Encoder, Decoder]:
    encoder = Encoder(PLAIN, animator=Remembering(), link=link or LinkConfig())
    return encoder, Decoder(DecoderConfig(hold=hold), animator=MomentAnimator())


def called(conditions: Conditions, seed: int = 1) -> Outcome:
    return call(*made(hold=conditions.hold), FRAMES, conditions, seed=seed)


def share(outcome: Outcome) -> float:
    return sum(frame.concealed for frame in outcome.frames) / len(outcome.frames)


def test_a_good_link_changes_nothing() -> None:
    got = called(Conditions())
    assert [frame.pts for frame in got.frames] == list(range(150))
    assert not any(frame.concealed for frame in got.frames)
    plain = Encoder(PLAIN, animator=Remembering())
    decoder = Decoder(animator=MomentAnimator())
    expected = [f for i, p in enumerate(FRAMES) for k in plain.push(p, i) for f in decoder.push(k)]
    # New sources are shown a few frames later: when the receiver has told that they are there.
    switches = [
        at for at in range(1, 150) if got.frames[at].source_id != got.frames[at - 1].source_id
    ]
    assert len(switches) == 4 and all(0 < at - 30 * (n + 1) < 8 for n, at in enumerate(switches))
    for at in range(30):
        assert np.array_equal(got.frames[at].rgb, expected[at].rgb)


@pytest.mark.parametrize(
    ("conditions", "concealed", "longest"),
    [
        (Conditions(loss=0.02), 0.2, 12),
        (Conditions(loss=0.1), 0.35, 12),
        (Conditions(loss=0.3), 0.5, 25),
        (Conditions(loss=0.1, burst=4), 0.4, 30),
    ],
    ids=["2 %", "10 %", "30 %", "bursts"],
)
def test_losses_cost_little(conditions: Conditions, concealed: float, longest: int) -> None:
    outcomes = [called(conditions, seed) for seed in range(2)]
    for got in outcomes:
        times = [frame.pts for frame in got.frames]
        assert got.missing == 0 and times == sorted(set(times)) and times[0] < 25
        assert share(got) < concealed and max(got.pauses, default=0) <= longest
    assert any(map(share, outcomes))


@pytest.mark.parametrize(
    "conditions",
    [Conditions(late=0.1, hold=4), Conditions(jitter=250, hold=8)],
    ids=["late", "jitter"],
)
def test_what_is_only_late_is_not_lost(conditions: Conditions) -> None:
    got = called(conditions)
    times = [frame.pts for frame in got.frames]
    assert times == list(range(times[0], 150)) and times[0] < 8  # the first source is awaited
    assert not any(frame.concealed for frame in got.frames)


def test_packets_fit_datagrams() -> None:
    link = LinkConfig(datagram=300, parity=2)
    encoder = Encoder(PLAIN, animator=MomentAnimator(), link=link)
    packets = [packet for index in range(40) for packet in encoder.push(FRAMES[index], index)]
    assert max(map(len, packets)) <= 300
    assert sum(packet.type == RecordType.FRAGMENT for packet in packets) > 6


def test_everything_twice_and_reversed_in_pairs() -> None:
    encoder, decoder = made()
    packets = [packet for index in range(60) for packet in encoder.push(FRAMES[index], index)]
    twice = [p for at in range(2, len(packets) - 1, 2) for p in (packets[at + 1], packets[at]) * 2]
    frames = [frame for packet in packets[:2] * 2 + twice for frame in decoder.push(packet)]
    times = [frame.pts for frame in frames + decoder.flush()]
    assert times == list(range(len(times))) and len(times) >= 58


def test_the_encoder_answers() -> None:
    encoder, decoder = made()
    header, *_ = encoder.push(FRAMES[0], 0)
    silence = decoder.feedback()
    again = encoder.feedback(silence)
    assert again[0].type == RecordType.HEADER and again[0].payload == header.payload
    encoder.push(FRAMES[1], 1)
    state = Feedback(broken=True, newest=1)
    packet = PacketNumbering().packet(RecordType.FEEDBACK, state.to_payload())
    sources = encoder.feedback(packet)
    motion = encoder.push(FRAMES[2], 2)[-1]
    assert MotionHead.parse(motion.payload).starts_group
    # The receiver has not seen this start yet: its complaint is an old one.
    assert encoder.feedback(packet) == [] and sources == []
    motion = encoder.push(FRAMES[3], 3)[-1]
    assert not MotionHead.parse(motion.payload).starts_group


def test_groups_grow_shorter_with_the_loss() -> None:
    lengths = []
    for loss in (0, 5, 26, 77, 255):
        encoder, _ = made()
        encoder.push(FRAMES[0], 0)
        state = Feedback(newest=0, loss=loss, held=(0,))
        encoder.feedback(PacketNumbering().packet(RecordType.FEEDBACK, state.to_payload()))
        modes = [encoder.push(FRAMES[at], at)[-1] for at in range(1, 30)]
        starts = [MotionHead.parse(packet.payload).starts_group for packet in modes]
        lengths.append(29 / sum(starts) if any(starts) else None)
    assert lengths[0] is None
    assert [round(length) for length in lengths[1:] if length] == [29, 3, 1, 1]


def test_wrong_calls() -> None:
    with pytest.raises(ValueError, match="live"):
        Encoder(PLAIN, live=False, animator=MomentAnimator(), link=LinkConfig())
    with pytest.raises(ValueError, match="refresh"):
        LinkConfig(refresh=0)
    with pytest.raises(ThvError, match="link"):
        Encoder(PLAIN, animator=MomentAnimator()).feedback(Packet(RecordType.FEEDBACK, b""))
    encoder, _ = made()
    with pytest.raises(LimitError, match="no feedback"):
        encoder.feedback(Packet(RecordType.MOTION, b""))


def numbers(arrivals: Arrivals, sequences: list[int]) -> list[int | str]:
    out: list[int | str] = []
    for number in sequences:
        for item in arrivals.push(Packet(RecordType.MOTION, b"", number % 256)):
            out.append(f"-{item.count}" if isinstance(item, Lost) else item.sequence)
    return out


def test_order_of_arrivals() -> None:
    assert numbers(Arrivals(2), [0, 2, 1, 1, 3, 0]) == [0, 1, 2, 3]
    assert numbers(Arrivals(2), [0, 2, 3, 4, 1, 5]) == [0, "-1", 2, 3, 4, 5]
    assert numbers(Arrivals(0), [254, 255, 256, 258]) == [254, 255, 0, "-1", 2]
    late = Arrivals(3)
    assert numbers(late, [7, 9, 10]) == [7]
    items = list(late.flush())
    assert items[0] == Lost(1) and len(items) == 3 and late.loss == 0.25


def test_an_outage_of_half_the_numbers_is_outlived() -> None:
    got = numbers(Arrivals(2), [*range(10), *range(150, 170)])
    assert got[:10] == list(range(10)) and got[-5:] == [165, 166, 167, 168, 169]

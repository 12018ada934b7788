"""Records for networks: fragments and feedback. Spec section 14."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.yardstick import cost, cpu_seconds
from thcodec.bitstream import Assembler, Feedback, Fragment, Packet, PacketNumbering, RecordType
from thcodec.bitstream.fragments import Splitter
from thcodec.errors import LimitError, MalformedError, ThvError


def pieces(payload: bytes, datagram: int = 200, parity: int = 0) -> tuple[Packet, list[Packet]]:
    packet = Packet(RecordType.SOURCE, payload, 9)
    return packet, Splitter(PacketNumbering(), datagram, parity).split(packet)


def assembled(packets: list[Packet]) -> list[Packet]:
    assembler = Assembler()
    got = [assembler.push(Packet.from_bytes(packet.to_bytes())) for packet in packets]
    return [packet for packet in got if packet is not None]


def test_what_fits_is_not_cut() -> None:
    packet, got = pieces(bytes(191))
    assert len(packet) == 200 and got == [packet]
    _, got = pieces(bytes(192))
    assert [part.type for part in got] == [RecordType.FRAGMENT] * 2


@given(st.binary(min_size=400, max_size=3000), st.integers(64, 400), st.integers(0, 9), st.data())
def test_fragments_join_in_any_order(
    payload: bytes, datagram: int, parity: int, data: st.DataObject
) -> None:
    packet, parts = pieces(payload, datagram, parity)
    assert all(len(part) <= datagram for part in parts)
    shuffled = data.draw(st.permutations(parts))
    (got,) = assembled(shuffled + shuffled)
    assert (got.type, got.payload, got.sequence) == (packet.type, payload, 9)


@given(st.integers(192, 2500), st.integers(1, 6), st.randoms(use_true_random=False))
def test_a_lost_fragment_of_each_set_is_made_again(
    size: int, parity: int, rng: random.Random
) -> None:
    packet, parts = pieces(rng.randbytes(size), 200, parity)
    first = Fragment.parse(parts[0].payload)
    lost = {rng.choice(range(at, first.count, first.parity)) for at in range(first.parity)}
    kept = [part for place, part in enumerate(parts) if place not in lost]
    assert [got.payload for got in assembled(kept)] == [packet.payload]
    assert assembled(kept[1:]) == []


def test_full_parity_survives_the_loss_of_all_data() -> None:
    packet, parts = pieces(bytes(range(256)) * 4, 200, 99)
    assert len(parts) % 2 == 0
    assert [got.payload for got in assembled(parts[len(parts) // 2 :])] == [packet.payload]


def test_a_number_used_again_replaces_what_never_came() -> None:
    _, old = pieces(bytes(1000))
    packet, new = pieces(b"x" * 1001)
    assert [got.payload for got in assembled(old[1:] + new)] == [packet.payload]


def test_unfinished_records_are_bounded() -> None:
    splitter = Splitter(PacketNumbering(), 200)
    assembler = Assembler()
    for number in range(40):
        for part in splitter.split(Packet(RecordType.SOURCE, bytes(1000), number))[1:]:
            assert assembler.push(part) is None
    assert len(assembler._pending) == 8


def test_hostile_fragments_cost_little() -> None:
    """As many sets as there can be, and never a whole one."""
    assembler = Assembler()

    def push_all() -> None:
        for _ in range(2):
            for place in range(2 * 4096 - 1):
                data = Fragment(0, 4096, 4096, place, 4096 * 20, bytes(20)).to_payload()
                if place != 4095:
                    assembler.push(Packet(RecordType.FRAGMENT, data))

    assert cost(lambda: cpu_seconds(push_all)) < 400  # 40 to 70


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ((0, 3, 0, 3, 9, b"ABC"), LimitError),  # there is no fourth
        ((0, 3, 4, 0, 9, b"ABC"), LimitError),  # more parity than data
        ((0, 3, 0, 0, 9, b"AB"), MalformedError),  # too short
        ((0, 3, 1, 3, 9, b"ABCD"), MalformedError),  # too long
        ((0, 5, 0, 4, 6, b""), MalformedError),  # the last one would be empty
        ((0, 5, 0, 0, 6, b"AB"), MalformedError),
        ((0, 1, 0, 0, 4, b"ABCD"), MalformedError),  # holds no record
    ],
)
def test_fragment_faults(fields: tuple[int, int, int, int, int, bytes], error: type) -> None:
    with pytest.raises(error) as caught:
        Assembler().push(Packet(RecordType.FRAGMENT, Fragment(*fields).to_payload()))
    assert caught.value.offset is not None


def test_no_fragments_within_fragments() -> None:
    inner = Packet(RecordType.FRAGMENT, b"").to_bytes()
    outer = Fragment(0, 1, 0, 0, len(inner), inner).to_payload()
    with pytest.raises(MalformedError, match="a fragment in a fragment"):
        Assembler().push(Packet(RecordType.FRAGMENT, outer))


@pytest.mark.parametrize(("datagram", "parity"), [(63, 0), (65508, 0), (1200, -1)])
def test_splitter_limits(datagram: int, parity: int) -> None:
    with pytest.raises(LimitError):
        Splitter(PacketNumbering(), datagram, parity)


def test_a_record_of_too_many_fragments() -> None:
    with pytest.raises(LimitError):
        Splitter(PacketNumbering(), 64).split(Packet(RecordType.SOURCE, bytes(200_000)))


ids = st.lists(st.integers(0, 65535), max_size=64).map(tuple)
feedbacks = st.builds(
    Feedback,
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(0, 255),
    st.integers(0, 255),
    ids,
)


@given(feedbacks)
def test_feedback_round_trip(feedback: Feedback) -> None:
    payload = feedback.to_payload()
    assert Feedback.parse(payload) == feedback
    for cut in range(len(payload)):
        with pytest.raises(ThvError):
            Feedback.parse(payload[:cut])


@given(st.binary(max_size=60))
def test_garbage_is_a_named_error(payload: bytes) -> None:
    for parse in (Feedback.parse, Fragment.parse):
        try:
            parse(payload, 7)
        except ThvError as error:
            assert error.offset is not None and 7 <= error.offset <= 7 + len(payload)

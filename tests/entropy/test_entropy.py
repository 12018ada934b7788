"""The coders are exact, short and safe. Spec section 8."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.entropy.reference import PlainDecoder, PlainEncoder
from thcodec.entropy import CoderId, VectorCoder, compress, decompress, tables
from thcodec.entropy.adaptive import Contexts
from thcodec.entropy.range_coder import BitDecoder, BitEncoder
from thcodec.entropy.tables import canonical_kinds, motion_kinds
from thcodec.errors import LimitError, MalformedError, ThvError

probabilities = st.integers(8, 4088) | st.sampled_from([8, 2048, 4088])
decisions = st.lists(st.tuples(probabilities, st.integers(0, 1)), max_size=200)


@settings(max_examples=300)
@given(decisions)
@example([(8, 1)] * 200)
@example([(8, 0)] * 200)
@example([(4088, 1)] * 60 + [(8, 1)] * 60)
def test_constriction_does_what_the_spec_says(steps: list[tuple[int, int]]) -> None:
    plain, fast = PlainEncoder(), BitEncoder()
    for chance, bit in steps:
        assert plain.bit(chance, bit) == fast.bit(chance, bit) == bit
    data = fast.finish()
    assert data == plain.finish()
    assert not data.endswith(b"\0")
    slow, quick = PlainDecoder(data), BitDecoder(data)
    for chance, bit in steps:
        assert slow.bit(chance) == quick.bit(chance) == bit


def test_carries_reach_back() -> None:
    """Long random runs, which exercise constriction's carry over words it has held back."""
    rng = random.Random(1)
    for _ in range(30):
        steps = [(rng.choice([8, 9, 4087, 4088]), rng.getrandbits(1)) for _ in range(400)]
        plain, fast = PlainEncoder(), BitEncoder()
        for chance, bit in steps:
            plain.bit(chance, bit)
            fast.bit(chance, bit)
        assert fast.finish() == plain.finish()


@settings(max_examples=200)
@given(st.binary(max_size=24) | st.just(b"\xff" * 24), st.lists(probabilities, max_size=120))
def test_any_bytes_decode_alike(data: bytes, chances: list[int]) -> None:
    slow, quick = PlainDecoder(data), BitDecoder(data)
    for chance in chances:
        try:
            expected = slow.bit(chance)
        except ValueError:
            with pytest.raises(MalformedError):
                quick.bit(chance)
            return
        assert quick.bit(chance) == expected


def test_invalid_range_data_is_malformed() -> None:
    decoder = BitDecoder(b"\xff" * 12)
    with pytest.raises(MalformedError):
        for _ in range(1000):
            decoder.bit(2048)


def test_termination_is_cheap() -> None:
    """n bits of information never take more than n / 8 + 2 bytes, and nothing takes none."""
    assert BitEncoder().finish() == b""
    rng = random.Random(2)
    for count in range(1, 200):
        coder = BitEncoder()
        for _ in range(count):
            coder.bit(2048, rng.getrandbits(1))
        assert len(coder.finish()) <= count / 8 + 2


def test_adaptation_is_what_the_spec_says() -> None:
    class Spy:
        seen: list[int]

        def __init__(self) -> None:
            self.seen = []

        def bit(self, probability: int, bit: int) -> int:
            self.seen.append(probability)
            return bit

    spy, contexts = Spy(), Contexts([(2048, 0), (400, 16)])
    for bit in (1, 1, 0, 1, 0, 0):
        contexts.code(spy, 0, bit)
    assert spy.seen == EXAMPLE_ADAPTATION
    for bit in [0] * 3000:
        contexts.code(spy, 1, bit)
    assert spy.seen[-1] == 8


EXAMPLE_ADAPTATION = [2048, 3413, 3686, 2633, 2958, 2420]

small = st.integers(-3, 3)
large = st.integers(-(2**24) + 2, 2**24 - 2)


@st.composite
def vectors(draw: st.DrawFn) -> tuple[int, bool, list[list[int]], list[bool]]:
    keypoints, jacobians = draw(st.integers(1, 3)), draw(st.booleans())
    size = len(motion_kinds(keypoints, jacobians))
    vector = st.lists(small | large, min_size=size, max_size=size)
    rows = draw(st.lists(vector, min_size=1, max_size=6))
    steps = draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    return keypoints, jacobians, rows, steps


@pytest.mark.parametrize("coder", CoderId)
@given(vectors())
def test_vectors_round_trip(
    coder: CoderId, case: tuple[int, bool, list[list[int]], list[bool]]
) -> None:
    keypoints, jacobians, rows, steps = case
    kinds = motion_kinds(keypoints, jacobians)
    sender, receiver = VectorCoder(coder, kinds), VectorCoder(coder, kinds)
    for start in range(0, len(rows), 2):  # packets of two: the statistics carry over
        part, step = rows[start : start + 2], steps[start : start + 2]
        assert receiver.decode(sender.encode(part, step), step) == part
    sender.reset()
    receiver.reset()
    assert receiver.decode(sender.encode(rows, steps), steps) == rows


@pytest.mark.parametrize("coder", CoderId)
@settings(max_examples=200)
@given(st.binary(max_size=60), st.integers(1, 5), st.booleans())
def test_garbage_is_a_named_error_or_vectors(
    coder: CoderId, data: bytes, count: int, step: bool
) -> None:
    kinds = motion_kinds(2, False)
    try:
        rows = VectorCoder(coder, kinds).decode(data, [step] * count)
    except ThvError:
        return
    assert [len(row) for row in rows] == [len(kinds)] * count


def test_zstd_is_capped() -> None:
    bomb = compress(bytes(1_000_000))
    with pytest.raises(LimitError):
        decompress(bomb, 999_999)
    assert decompress(bomb, 1_000_000) == bytes(1_000_000)
    with pytest.raises(LimitError):
        VectorCoder(CoderId.ZSTD, motion_kinds(1, False)).decode(bomb, [True])
    for wrong in (b"", bomb[:-1], bomb + b"x", b"garbage"):
        with pytest.raises(MalformedError):
            decompress(wrong, 1_000_000)


def test_raw_has_no_bytes_left_over() -> None:
    with pytest.raises(MalformedError):
        VectorCoder(CoderId.RAW, motion_kinds(1, False)).decode(bytes(11), [True])


def test_tables_have_their_shapes_and_range() -> None:
    kinds = {*motion_kinds(1, True), *canonical_kinds(1)}
    assert kinds == set(tables.Kind) and len(tables.GROUP) == len(kinds)
    groups = max(tables.GROUP) + 1
    assert len(tables.MOVES) == tables.STEP_KINDS and len(tables.NEGATIVE) == 3
    assert len(tables.DIFFERS) == len(tables.FIRST_GROWS) == groups
    rows = [*tables.MOVES, *tables.NEGATIVE, *tables.FIRST_GROWS, tables.DIFFERS, tables.SECOND]
    rows += [row for group in tables.GROWS for row in group]
    assert all(8 <= chance <= 4088 for row in rows for chance in row)
    assert all(len(row) == tables.EXPONENTS for row in tables.FIRST_GROWS)
    assert all(len(row) == tables.STEP_EXPONENTS for group in tables.GROWS for row in group)

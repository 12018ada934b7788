"""What `make fuzz` checks, on streams that Hypothesis makes; and what was once found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.cases import valid
from fuzz.check import check
from fuzz.streams import build, seed, split
from thcodec.bitstream.inspect import verify

CRASHES = Path(__file__).parents[2] / "fixtures" / "crashes"
SEEDS = [seed(bytes(case.stream.data), 0) for case in valid.cases()]
PICKS = st.integers(0, 255)


def test_a_seed_is_a_stream_with_its_records() -> None:
    import io

    data = seed(bytes(next(valid.cases()).stream.data), 0)
    stream = build(data)
    assert [kind for kind, _ in split(data[1:])] == [2, 3, 6, 7]
    faults = verify(io.BytesIO(stream))  # another header: only the totals differ
    assert [fault.message.split(" ")[0] for fault in faults] == ["the", "the"]


@pytest.mark.parametrize("path", sorted(CRASHES.glob("*")), ids=lambda path: path.name)
def test_what_was_found(path: Path) -> None:
    check(path.read_bytes())


@settings(max_examples=150)
@given(PICKS, st.lists(st.tuples(st.integers(1, 12), st.binary(max_size=40)), max_size=6))
def test_any_records(pick: int, records: list[tuple[int, bytes]]) -> None:
    out = bytes([pick])
    for kind, payload in records:
        out += bytes([kind]) + len(payload).to_bytes(2, "big") + payload
    check(out)


@settings(max_examples=200)
@given(PICKS, st.sampled_from(SEEDS), st.data())
def test_records_changed(pick: int, data: bytes, draw: st.DataObject) -> None:
    out = bytearray([pick]) + data[1:]
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(1, len(out)))
        out[at : at + draw.draw(st.integers(0, 3))] = draw.draw(st.binary(max_size=3))
    check(bytes(out))

"""Salvage: what is whole comes over, decodes to the same integers, and breaks no rule."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.cases import valid
from tests.hostile.test_every_bit import read
from thcodec.bitstream import Packet, Reader, RecordType, SourceRecord
from thcodec.bitstream.inspect import verify
from thcodec.bitstream.repair import repair
from thcodec.bitstream.signature import PREAMBLE
from thcodec.errors import OutputExistsError, ThvError

FILES = {case.name: bytes(case.stream.data) for case in valid.cases()}
FAULTY = sorted((Path(__file__).parents[2] / "fixtures" / "conformance" / "faulty").glob("*.thv"))


def repaired(data: bytes) -> tuple[bytes, int, int]:
    out = io.BytesIO()
    done = repair(io.BytesIO(data), out)
    assert verify(io.BytesIO(out.getvalue())) == []
    assert bool(done.dropped) <= bool(done.faults)
    return out.getvalue(), done.kept, done.dropped


def sources(data: bytes) -> list[Packet]:
    return [packet for packet in Reader(io.BytesIO(data)) if packet.type == RecordType.SOURCE]


@pytest.mark.parametrize("name", FILES)
def test_a_whole_file_keeps_everything(name: str) -> None:
    data = FILES[name]
    out, kept, dropped = repaired(data)
    assert dropped == 0 and read(out)[0] == read(data)[0]
    ends = RecordType.INDEX, RecordType.END
    assert kept == 1 + sum(packet.type not in ends for packet in Reader(io.BytesIO(data)))


@settings(max_examples=30)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_damage_costs_what_it_hit(name: str, draw: st.DataObject) -> None:
    data = bytearray(FILES[name])
    for _ in range(draw.draw(st.integers(1, 3))):
        at = draw.draw(st.integers(10, len(data)))
        data[at : at + draw.draw(st.integers(0, 40))] = draw.draw(st.binary(max_size=8))
    try:
        out, _, _ = repaired(bytes(data))
    except ThvError:
        with pytest.raises(ThvError):
            Reader(io.BytesIO(bytes(data)))  # its header is hit: nothing can be told
        return
    assert read(out)[0].items() <= read(FILES[name])[0].items()


def test_stills_of_a_broken_chain_are_dropped() -> None:
    """They would be decoded on a still that they were not made for."""
    data = bytearray(FILES["still-chain"])
    stills = sources(bytes(data))
    data[stills[1].payload_offset] ^= 0xFF
    kept = sources(repaired(bytes(data))[0])
    assert [packet.payload for packet in kept] == [stills[at].payload for at in (0, 3, 4)]


def test_a_still_that_is_dropped_for_its_base_ends_its_chain() -> None:
    reader = Reader(io.BytesIO(FILES["still-chain"]))
    packets = [reader.header_packet, *reader]
    at = [number for number, packet in enumerate(packets) if packet.type == RecordType.SOURCE][1]
    orphan = replace(SourceRecord.parse(packets[at].payload), base_id=77)
    packets[at] = replace(packets[at], payload=orphan.to_payload())
    data = PREAMBLE + b"".join(packet.to_bytes() for packet in packets)
    kept = sources(repaired(data)[0])
    assert [SourceRecord.parse(packet.payload).data[0] for packet in kept] == [0, 0, 1]


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.stem)
def test_faulty_files_become_good_ones(path: Path) -> None:
    try:
        repaired(path.read_bytes())
    except ThvError as error:
        assert error.offset is not None


def test_a_lost_record_costs_the_rest_of_its_group() -> None:
    data = FILES["coder-range"]
    motion = [p for p in Reader(io.BytesIO(data)) if p.type == RecordType.MOTION]
    start, size = motion[1].offset, len(motion[1])
    assert start is not None
    out, _, dropped = repaired(data[:start] + data[start + size :])
    assert dropped == 1 and sorted(read(out)[0]) == [*range(10), *range(30, 60)]


def test_the_cut_end_is_made_again(tmp_path: Path) -> None:
    data = FILES["live"]
    path, out = tmp_path / "cut.thv", tmp_path / "whole.thv"
    path.write_bytes(data[: len(data) * 2 // 3])
    done = repair(path, out)
    assert len(done.faults) == 1 and done.dropped == 0  # half a record
    frames = read(out.read_bytes())[0]
    assert sorted(frames) == list(range(len(frames))) and len(frames) > 150
    with pytest.raises(OutputExistsError):
        repair(path, out)

"""Every prefix and every flipped bit of the conformance files: right output, or a named error.

`make test` tries some of each file, at places that differ from file to file; `make slow` tries all.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from thcodec.bitstream import Reader, RecordType, SourceRecord
from thcodec.bitstream.signature import PREAMBLE
from thcodec.errors import ThvError, TruncatedError
from thcodec.motion import MotionDecoder

FOLDER = Path(__file__).parents[2] / "fixtures" / "conformance"
FILES = sorted([*FOLDER.glob("valid/*.thv"), *FOLDER.glob("uncommon/*.thv")])
BAD = sorted(FOLDER.glob("faulty/*.thv"))
FEW, BAD_FEW = 20, 4
Found = dict[int, tuple[int, ...]]  # values by time


def read(data: bytes) -> tuple[Found, list[ThvError]]:
    """What a tolerant reader makes of a file: the vectors of its frames, and its faults."""
    found: Found = {}
    try:
        reader = Reader(io.BytesIO(data))
    except ThvError as error:
        return found, [error]
    motion, faults, due = MotionDecoder(reader.header), [], 0
    bank: dict[int, SourceRecord] = {}
    try:
        for packet in reader:
            try:
                if packet.type == RecordType.SOURCE:
                    source = SourceRecord.parse(packet.payload, packet.payload_offset)
                    if source.base_id is not None and source.base_id in bank:
                        source = source.resolved(bank[source.base_id])
                    motion.add_source(source)
                    bank[source.source_id] = source
                elif packet.type == RecordType.MOTION:
                    if packet.sequence != due:
                        motion.lost()
                    due = (packet.sequence + 1) % 256
                    frames = motion.decode(packet.payload, packet.payload_offset)
                    found |= {frame.pts: tuple(frame.values.tolist()) for frame in frames}
            except ThvError as error:
                faults.append(error.located(packet.offset))
    except ThvError as error:  # an unknown critical record ends the reading
        faults.append(error)
    return found, faults + reader.damage


def flipped(data: bytes, bits: range) -> Iterator[tuple[int, bytes]]:
    for bit in bits:
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        yield bit, bytes(wrong)


def some(path: Path, few: int, count: int) -> range:
    """Evenly spread, from a start that depends on the name."""
    step = max(1, count // few)
    return range(sum(path.name.encode()) % step, count, step)


def try_prefixes(data: bytes, cuts: range) -> None:
    whole, _ = read(data)
    for cut in cuts:
        found, faults = read(data[:cut])
        assert found.items() <= whole.items()
        assert faults and all(fault.offset is not None for fault in faults)
        assert any(isinstance(fault, TruncatedError) for fault in faults) or not cut


def try_flips(data: bytes, bits: range) -> None:
    whole, before = read(data)
    for bit, wrong in flipped(data, bits):
        found, faults = read(wrong)
        assert found.items() <= whole.items()
        assert all(fault.offset is not None for fault in faults)
        harmless = bit // 8 == 8 or bit == 8 * 9  # the writer's version, or minimum version 0
        assert (len(faults) > 0) == (not harmless or len(before) > 0)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_some_prefixes_and_flips(path: Path) -> None:
    data = path.read_bytes()
    try_prefixes(data, some(path, FEW, len(data)))
    try_flips(data, some(path, FEW, 8 * len(data)))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_some_flips_of_faulty_files(path: Path) -> None:
    data = path.read_bytes()
    for _, wrong in flipped(data, some(path, BAD_FEW, 8 * len(data))):
        _, faults = read(wrong)
        assert all(fault.offset is not None for fault in faults)


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_prefix_and_flip(path: Path) -> None:
    data = path.read_bytes()
    # Of long files the beginning and the end: what lies between is more of one payload.
    ends = (
        [range(len(data))]
        if len(data) < 4096
        else [range(2048), range(len(data) - 2048, len(data))]
    )
    for part in ends:
        try_prefixes(data, part)
        try_flips(data, range(8 * part.start, 8 * part.stop))


@pytest.mark.slow
@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_flip_of_faulty_files(path: Path) -> None:
    data = path.read_bytes()[:4096]
    for _, wrong in flipped(data, range(8 * len(PREAMBLE), 8 * len(data))):
        _, faults = read(wrong)
        assert all(fault.offset is not None for fault in faults)

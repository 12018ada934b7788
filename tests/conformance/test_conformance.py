"""Each conformance file is read, or refused, as its JSON says. See spec/conformance.md."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fixtures.cases import faulty, pixels, uncommon, valid
from fixtures.cases.build import described
from fixtures.make_conformance import TABLE, brief, table
from tests import reference_link, reference_reader
from tests.conformance.seeded import SeededAnimator
from thcodec.bitstream import (
    Assembler,
    AudioRecord,
    EndRecord,
    Feedback,
    IndexRecord,
    Packet,
    Reader,
    RecordType,
    SourceRecord,
    StreamHeader,
)
from thcodec.bitstream.inspect import info, verify
from thcodec.bitstream.records import GatheredMetadata
from thcodec.errors import ThvError
from thcodec.motion import MotionDecoder
from thcodec.pipeline import Decoder

FOLDER = Path(__file__).parents[2] / "fixtures" / "conformance"
SPEC = (FOLDER.parents[1] / "spec" / "thv.md").read_text("utf-8")
GOOD = sorted([*FOLDER.glob("valid/*.thv"), *FOLDER.glob("uncommon/*.thv")])
BAD = sorted(FOLDER.glob("faulty/*.thv"))


def told(path: Path) -> dict[str, Any]:
    text: dict[str, Any] = json.loads(path.with_suffix(".json").read_text("utf-8"))
    return text


def read(data: bytes) -> dict[str, Any]:
    """What the package finds in a file, in the terms of the JSON."""
    reader = Reader(io.BytesIO(data), tolerant=False)
    return {**gathered(reader.header, reader), "writer": reader.writer_version}


def gathered(header: StreamHeader, packets: Iterable[Packet]) -> dict[str, Any]:
    motion, metadata = MotionDecoder(header), GatheredMetadata()
    got = described(header)
    bank: dict[int, SourceRecord] = {}
    for packet in packets:
        if packet.type == RecordType.METADATA:
            metadata.add(packet.payload, packet.payload_offset)
        else:
            _take(got, packet, motion, bank)
    got["metadata"] = metadata.values
    return got


def _take(
    got: dict[str, Any], packet: Packet, motion: MotionDecoder, bank: dict[int, SourceRecord]
) -> None:
    at = packet.payload_offset
    if packet.type == RecordType.SOURCE:
        source = SourceRecord.parse(packet.payload, at)
        if source.base_id is not None:
            source = source.resolved(bank[source.base_id])
        bank[source.source_id] = source
        motion.add_source(source)
        found = {"id": source.source_id, "pts": source.pts, "codec": source.codec}
        found |= {"size": [source.width, source.height]}
        found |= {"crop": source.crop and list(source.crop), "data": source.data.hex()}
        got["sources"].append({**found, "values": list(source.motion + source.canonical)})
    elif packet.type == RecordType.MOTION:
        for frame in motion.decode(packet.payload, at):
            second = frame.second_source_id
            found = {"pts": frame.pts, "source": frame.source_id, "low": frame.low_confidence}
            found["second"] = None if second is None else [second, frame.blend]
            got["frames"].append({**found, "values": frame.values.tolist()})
    elif packet.type == RecordType.AUDIO:
        audio = AudioRecord.parse(packet.payload, at)
        pts = audio.pts
        for data, duration in zip(audio.packets, audio.durations, strict=True):
            got["audio"].append([pts, duration, data.hex()])
            pts += duration
    elif packet.type == RecordType.INDEX:
        index = IndexRecord.parse(packet.payload, at)
        got["index"] = [[int(entry.type), entry.pts, entry.offset] for entry in index.entries]
    elif packet.type == RecordType.END:
        end = EndRecord.parse(packet.payload, at)
        totals = {str(int(kind)): [t.records, t.bytes] for kind, t in end.totals.items()}
        got["end"] = {"frames": end.frames, "duration": end.duration, "totals": totals}
    else:
        got["unknown"].append([int(packet.type), packet.payload.hex()])


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_file(path: Path) -> None:
    data, expected = path.read_bytes(), told(path)["expected"]
    assert brief(read(data)) == expected
    assert verify(io.BytesIO(data)) == [] and info(io.BytesIO(data))["damage"] == []


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_reader_made_from_the_specification_agrees(path: Path) -> None:
    assert brief(reference_reader.read(path.read_bytes())) == told(path)["expected"]


def test_records_from_a_network() -> None:
    path = FOLDER / "uncommon" / "link.packets"
    data, expected, at = path.read_bytes(), told(path)["expected"], 0
    assembler, whole = Assembler(), []
    while at < len(data):
        packet, at = Packet.parse(data, at)
        if packet.type == RecordType.FRAGMENT:
            whole += [joined for joined in [assembler.push(packet)] if joined is not None]
        elif packet.type == RecordType.FEEDBACK:
            assert Feedback.parse(packet.payload).held == (0, 1)
        else:
            whole.append(packet)
    got = gathered(StreamHeader.parse(whole[0].payload), whole[1:])
    assert brief({**got, "writer": 1}) == expected
    assert brief({**reference_link.read_link(data), "writer": 1}) == expected


def test_the_table_of_the_specification_is_up_to_date() -> None:
    assert TABLE.read_text("utf-8") == table()
    covered = set(re.findall(r"^## Section ([0-9.]+)", table(), re.M))
    rules = re.findall(
        r"^### ([0-9.]+) |^## ([0-9]+) (?=HEADER|SOURCE|AUDIO|META|INDEX|END)", SPEC, re.M
    )
    assert {one or other for one, other in rules} - {"5.1", "14.2", "8.4", "8.6"} <= covered


def first_fault(data: bytes, picture: bool) -> ThvError | None:
    """The first fault in the order of the file."""
    try:
        faults = verify(io.BytesIO(data))
        if picture:
            assert faults == []
            faults = list(_picture_faults(data))
    except ThvError as error:
        return error
    return faults[0] if faults else None


def _picture_faults(data: bytes) -> Iterator[ThvError]:
    reader = Reader(io.BytesIO(data), tolerant=False)
    animator = SeededAnimator(reader.header.keypoint_model, reader.header.coded_size)
    decoder = Decoder(animator=animator)
    decoder.push(reader.header_packet)
    for packet in reader:
        try:
            decoder.push(packet)
        except ThvError as error:
            yield error


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_faulty_file(path: Path) -> None:
    expected = told(path)
    fault = first_fault(path.read_bytes(), expected["picture"])
    assert fault is not None
    assert (type(fault).__name__, fault.offset) == (expected["error"], expected["offset"])


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_the_reference_refuses_it_for_the_same_reason(path: Path) -> None:
    expected = told(path)
    if expected["picture"]:
        reference_reader.read(path.read_bytes())  # it decodes no pictures
        return
    with pytest.raises(reference_reader.Fault) as caught:
        reference_reader.read(path.read_bytes())
    assert caught.value.kind == expected["error"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/*.png")), ids=lambda path: path.stem)
def test_pixels(path: Path) -> None:
    tolerance = told(path)["pixels"]
    got = pixels.render(path.with_suffix(".thv").read_bytes()).astype(np.float64)
    wanted = np.asarray(Image.open(path).convert("RGB"), np.float64)
    assert got.shape == wanted.shape and wanted.std() > 20
    assert np.sqrt(np.mean((got - wanted) ** 2)) <= tolerance["rms"]
    assert np.abs(got - wanted).max() <= tolerance["peak"]


def test_the_files_are_those_of_the_generator() -> None:
    """The generator still makes them: zstd and stills aside, whose coders may change."""
    for module, group in ((valid, "valid"), (uncommon, "uncommon")):
        for case in module.cases():
            told_of = told(FOLDER / group / f"{case.name}.thv")
            assert (told_of["proves"], told_of["sections"]) == (case.proves, case.sections)
    names = {wrong.name for wrong in faulty.cases()}
    assert names == {path.stem for path in BAD}

"""Files written by earlier versions decode to the same integers, and are written the same today."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from thcodec.bitstream import Packet, PacketNumbering, Reader, RecordType, SourceRecord, Writer
from thcodec.bitstream.inspect import verify
from thcodec.motion import MotionDecoder, MotionEncoder

FOLDER = Path(__file__).parents[2] / "fixtures" / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("*.thv"))


def test_there_are_golden_files() -> None:
    assert NAMES == ["file", "live", "raw", "zstd"]


@pytest.mark.parametrize("name", NAMES)
def test_golden_file(name: str) -> None:
    data = (FOLDER / f"{name}.thv").read_bytes()
    expected = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    reader = Reader(io.BytesIO(data), tolerant=False)
    decoder, encoder = MotionDecoder(reader.header), MotionEncoder(reader.header)
    sources: dict[int, SourceRecord] = {}
    frames = []
    again = io.BytesIO()
    numbering = PacketNumbering()
    with Writer(again) as writer:

        def rewrite(packet: Packet, payload: bytes) -> None:
            assert isinstance(packet.type, RecordType)
            if packet.type == RecordType.METADATA:  # another zstd may write other bytes
                payload = packet.payload
            assert payload == packet.payload
            writer.write(numbering.packet(packet.type, payload))

        rewrite(reader.header_packet, reader.header.to_payload())
        for packet in reader:
            payload = packet.payload
            if packet.type == RecordType.SOURCE:
                coded = SourceRecord.parse(payload)
                payload = coded.to_payload()
                base = sources.get(coded.base_id if coded.base_id is not None else -1)
                source = coded.resolved(base) if base else coded
                sources[source.source_id] = source
                decoder.add_source(source)
                encoder.add_source(source)
            elif packet.type == RecordType.MOTION:
                got = decoder.decode(payload)
                frames += got
                payload = payload if name == "zstd" else encoder.encode(got)
            rewrite(packet, payload)
        writer.finish()
    assert [frame.pts for frame in frames] == expected["pts"]
    assert np.array([frame.values for frame in frames]).tolist() == expected["values"]
    found = [[list(s.canonical), list(s.motion)] for s in sources.values()]
    assert found == expected["sources"]
    assert again.getvalue() == data
    assert verify(io.BytesIO(data)) == []

"""Whole files: writing, reading, pipes, truncation, damage, hostile input. Spec sections 4, 13."""

from __future__ import annotations

import io
import itertools
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bitstream import strategies as thv
from tests.yardstick import cost, cpu_seconds
from thcodec.bitstream import Packet, Reader, RecordType, Writer
from thcodec.bitstream.inspect import info, verify
from thcodec.bitstream.signature import PREAMBLE
from thcodec.entropy import compress
from thcodec.errors import (
    ChecksumError,
    LimitError,
    MalformedError,
    OutputExistsError,
    SequenceError,
    SignatureError,
    ThvError,
    TruncatedError,
    UnknownRecordError,
    UnsupportedVersionError,
)

STREAM = thv.stream()


def records(data: bytes) -> list[Packet]:
    """The records of an undamaged file."""
    at, found = len(PREAMBLE), []
    while at < len(data):
        packet, at = Packet.parse(data, at)
        found.append(packet)
    return found


def read(data: bytes) -> tuple[list[Packet], list[ThvError]]:
    reader = Reader(io.BytesIO(data))
    return list(reader), reader.damage


def rebuilt(packets: list[Packet]) -> bytes:
    return PREAMBLE + b"".join(packet.to_bytes() for packet in packets)


ENDS = [packet.offset + len(packet) for packet in records(STREAM)]  # type: ignore[operator]


def test_reader_gives_back_every_record() -> None:
    with Reader(io.BytesIO(STREAM), tolerant=False) as reader:
        got = list(reader)
    assert reader.header == thv.header() and reader.writer_version == 1
    assert [reader.header_packet, *got] == records(STREAM)
    assert reader.damage == [] and verify(io.BytesIO(STREAM)) == []


def test_path_and_copy(tmp_path: Path) -> None:
    path = tmp_path / "a.thv"
    path.write_bytes(STREAM)
    with Reader(path) as reader, Writer(tmp_path / "b.thv") as writer:
        writer.write(reader.header_packet)
        for packet in reader:
            writer.write(packet)
        writer.finish()
    assert (tmp_path / "b.thv").read_bytes() == STREAM
    assert sorted(os.listdir(tmp_path)) == ["a.thv", "b.thv"]


def test_every_prefix_gives_its_whole_records() -> None:
    for cut in range(len(STREAM)):
        whole = [end for end in ENDS if end <= cut]
        if not whole:
            with pytest.raises((TruncatedError, SignatureError)):
                Reader(io.BytesIO(STREAM[:cut]))
            continue
        packets, damage = read(STREAM[:cut])
        assert len(packets) == len(whole) - 1
        assert [type(error) for error in damage] == [TruncatedError]
        assert damage[0].offset == cut
        with pytest.raises(TruncatedError):
            list(Reader(io.BytesIO(STREAM[:cut]), tolerant=False))


def test_every_bit_flip_is_found_and_costs_one_record() -> None:
    everything = records(STREAM)
    for bit in range(8 * len(PREAMBLE), 8 * len(STREAM)):
        data = bytearray(STREAM)
        data[bit // 8] ^= 1 << bit % 8
        hit = next(index for index, end in enumerate(ENDS) if bit // 8 < end)
        if hit == 0:
            with pytest.raises(ThvError):
                Reader(io.BytesIO(bytes(data)))
            continue
        packets, damage = read(bytes(data))
        assert packets == everything[1:hit] + everything[hit + 1 :]
        assert damage and damage[0].offset is not None


@settings(max_examples=60)
@given(st.integers(ENDS[0], ENDS[-2]), st.binary(max_size=40), st.integers(0, 30))
def test_resync_after_a_splice(at: int, extra: bytes, gone: int) -> None:
    """Bytes lost or added inside a record: everything from the next whole record on survives."""
    packets, damage = read(STREAM[:at] + extra + STREAM[at + gone :])
    before = sum(end <= at for end in ENDS) - 1
    after = sum(start >= at + gone for start in [0, *ENDS[:-1]])
    everything = records(STREAM)
    payloads = [packet.payload for packet in packets]
    assert payloads[:before] == [packet.payload for packet in everything[1 : before + 1]]
    assert payloads[len(payloads) - after :] == [
        packet.payload for packet in everything[len(everything) - after :]
    ]
    assert damage or not (extra or gone) or after + before >= len(everything) - 1


def test_text_mode_transfer_and_foreign_files() -> None:
    with pytest.raises(SignatureError, match="text-mode"):
        Reader(io.BytesIO(STREAM.replace(b"\r\n", b"\n")))
    with pytest.raises(SignatureError, match="text-mode"):
        Reader(io.BytesIO(STREAM.replace(b"\n", b"\r\n")))
    with pytest.raises(SignatureError, match="text-mode"):
        Reader(io.BytesIO(bytes(byte & 0x7F for byte in STREAM)))
    for other in (b"", b"RIFF....WEBP", b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(SignatureError, match=r"not a \.thv"):
            Reader(io.BytesIO(other))


def test_newer_version_is_refused() -> None:
    with pytest.raises(UnsupportedVersionError, match=r"version 2.*\(at byte 9\)"):
        Reader(io.BytesIO(STREAM[:9] + b"\2" + STREAM[10:]))
    assert Reader(io.BytesIO(STREAM[:8] + b"\7" + STREAM[9:])).writer_version == 7


def test_unknown_records() -> None:
    everything = records(STREAM)
    kept = Packet(99, b"from the future")
    packets, damage = read(rebuilt([*everything[:3], kept, *everything[3:]]))
    assert kept.payload in [packet.payload for packet in packets] and damage == []
    critical = Packet(99, b"", critical=True)
    offset = ENDS[2]
    with pytest.raises(UnknownRecordError, match=f"type 99 is critical.*at byte {offset}"):
        read(rebuilt([*everything[:3], critical, *everything[3:]]))


def test_order_of_records() -> None:
    everything = records(STREAM)
    with pytest.raises(MalformedError, match="METADATA where the header belongs"):
        Reader(io.BytesIO(rebuilt(everything[1:])))
    _, damage = read(rebuilt([*everything[:3], everything[0], *everything[3:]]))
    assert [str(error) for error in damage] == [f"a second header (at byte {ENDS[2]})"]
    _, damage = read(STREAM + b"more")
    assert [str(error) for error in damage] == [
        f"bytes follow the end record (at byte {len(STREAM)})"
    ]


def test_lost_record_is_noticed() -> None:
    everything = records(STREAM)
    at = next(i for i, p in enumerate(everything) if p.type == RecordType.MOTION) + 1
    data = rebuilt(everything[: at + 1] + everything[at + 2 :])
    _, damage = read(data)
    assert [type(error) for error in damage] == [SequenceError]
    with pytest.raises(SequenceError):
        list(Reader(io.BytesIO(data), tolerant=False))


def test_faults_keep_no_payload_alive() -> None:
    damaged = bytearray(STREAM)
    damaged[ENDS[2] - 1] ^= 1
    _, damage = read(bytes(damaged))
    assert damage
    assert all(error.__traceback__ is None and error.__context__ is None for error in damage)


def test_checksum_fault_when_strict() -> None:
    data = bytearray(STREAM)
    data[ENDS[1] - 1] ^= 1
    with pytest.raises(ChecksumError, match=f"at byte {ENDS[0]}"):
        list(Reader(io.BytesIO(bytes(data)), tolerant=False))


def test_pipe_delivers_packets_as_they_come() -> None:
    """A live reader must not wait for more than the packet it is about to hand out."""
    source, sink = os.pipe()
    seen = threading.Event()
    everything = records(thv.stream(live=True))

    def send() -> None:
        with os.fdopen(sink, "wb", buffering=0) as out:
            out.write(PREAMBLE)
            for packet in everything:
                out.write(packet.to_bytes())
                if packet.type == RecordType.MOTION:
                    assert seen.wait(10)
                    seen.clear()

    sender = threading.Thread(target=send)
    sender.start()
    with os.fdopen(source, "rb") as pipe:
        reader = Reader(pipe)
        for packet in reader:
            if packet.type == RecordType.MOTION:
                seen.set()
    sender.join()
    assert reader.damage == []


def test_writer_needs_neither_seek_nor_read() -> None:
    source, sink = os.pipe()
    with os.fdopen(sink, "wb") as pipe, Writer(pipe) as writer:
        for packet in records(STREAM):
            writer.write(packet)
        writer.finish()
    with os.fdopen(source, "rb") as pipe:
        assert pipe.read() == STREAM


def test_unfinished_file_has_no_name(tmp_path: Path) -> None:
    header = records(STREAM)[0]
    with pytest.raises(RuntimeError), Writer(tmp_path / "a.thv") as writer:
        writer.write(header)
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_existing_output(tmp_path: Path) -> None:
    path = tmp_path / "a.thv"
    path.write_bytes(b"precious")
    with pytest.raises(OutputExistsError), Writer(path, overwrite=False):
        pass
    with Writer(path):
        pass
    assert path.read_bytes() == b"precious"
    with Writer(path) as writer:
        writer.write(records(STREAM)[0])
        writer.finish()
    assert path.read_bytes().startswith(PREAMBLE)


def test_disk_full_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with Writer(tmp_path / "a.thv") as writer:
        writer.write(records(STREAM)[0])
        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            writer.finish()
    assert os.listdir(tmp_path) == []


def test_device_keeps_its_place() -> None:
    with Writer("/dev/null", overwrite=False) as writer:
        writer.write(records(STREAM)[0])
        writer.finish()
    assert Path("/dev/null").is_char_device()


def test_writer_order() -> None:
    header, *others = records(STREAM)
    writer = Writer(io.BytesIO())
    with pytest.raises(SequenceError):
        writer.write(others[0])
    with pytest.raises(SequenceError):
        writer.finish()
    writer.write(header)
    with pytest.raises(SequenceError):
        writer.write(header)
    writer.finish()
    with pytest.raises(SequenceError):
        writer.write(others[0])


def test_info() -> None:
    got = info(io.BytesIO(STREAM))
    assert got["bytes"] == len(STREAM) == sum(got["payload_bytes"].values())
    assert got["frames"] == 4 and got["duration"] == 4 / 25 and got["complete"]
    assert got["sources"] == [
        {
            "id": 0,
            "time": 0.0,
            "codec": "jpeg",
            "width": 64,
            "height": 64,
            "bytes": ENDS[2] - ENDS[1],
            "new_shot": False,
            "frames": 4,
            "score": None,
        }
    ]
    assert got["metadata"] == {"title": "test"} and got["damage"] == []
    cut = info(io.BytesIO(STREAM[:-1]))
    assert not cut["complete"] and len(cut["damage"]) == 1


@pytest.mark.parametrize("kind", [RecordType.SOURCE, RecordType.MOTION, RecordType.AUDIO])
def test_verify_finds_a_missing_record(kind: RecordType) -> None:
    everything = records(STREAM)
    at = next(index for index, packet in enumerate(everything) if packet.type == kind)
    findings = verify(io.BytesIO(rebuilt(everything[:at] + everything[at + 1 :])))
    assert any(isinstance(finding, SequenceError | MalformedError) for finding in findings)


@settings(max_examples=200)
@given(st.data())
def test_verify_survives_any_payload(data: st.DataObject) -> None:
    """Records whose CRC is right and whose payload is anything."""
    everything = records(STREAM)
    at = data.draw(st.integers(1, len(everything) - 1))
    packet = everything[at]
    payload = bytearray(packet.payload)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(payload)))
        payload[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    everything[at] = Packet(packet.type, bytes(payload), packet.sequence)
    broken = rebuilt(everything)
    verify(io.BytesIO(broken))
    info(io.BytesIO(broken))


@settings(max_examples=100)
@given(st.binary(max_size=400))
def test_garbage_after_the_header(garbage: bytes) -> None:
    _packets, damage = read(STREAM[: ENDS[0]] + garbage)
    assert damage or not garbage
    assert all(isinstance(error, ThvError) for error in damage)


@pytest.mark.parametrize(
    "flood",
    [
        b"\xa7" * 1_000_000,
        b"\xa7\x83" * 500_000,
        b"\xa7\x82\x00\x80\x80\x40" * 160_000,
        b"\xa7\x83\x00\xff\x07" * 200_000,
    ],
    ids=["markers", "heads", "long records", "short records"],
)
def test_flood_of_markers_ends_soon(flood: bytes) -> None:
    data = STREAM[: ENDS[0]] + flood
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found: list[ThvError] = []
    assert cost(lambda: cpu_seconds(lambda: found.extend(read(data)[1]))) < 600  # 90 to 160
    assert found
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 64 * 1024


def test_index_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thcodec.bitstream.tally.MAX_INDEX", 8)
    reader = Reader(io.BytesIO(STREAM))
    source = next(packet for packet in reader if packet.type == RecordType.SOURCE)
    out = io.BytesIO()
    with Writer(out) as writer:
        writer.write(reader.header_packet)
        for number in range(100):
            writer.write(Packet(source.type, source.payload, number))
        writer.finish()
    from thcodec.bitstream import IndexRecord

    index = IndexRecord.parse(records(out.getvalue())[-2].payload)
    offsets = [entry.offset for entry in index.entries]
    assert 4 <= len(offsets) <= 8
    assert len({late - early for early, late in itertools.pairwise(offsets)}) == 1
    assert verify(io.BytesIO(out.getvalue())) == []


def test_info_starts_quickly() -> None:
    """`thcodec info` has 0.3 s in all: nothing heavy may be imported for it."""
    code = "import sys, thcodec.bitstream.inspect; print(*sys.modules)"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Time of the processor, since the machine may be busy; 0.1 s on an idle one.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3
    heavy = {"torch", "numpy", "av", "cv2", "rich", "constriction", "zstandard"}
    assert not heavy & set(loaded.decode().split())


def test_metadata_records_share_one_limit() -> None:
    header = Reader(io.BytesIO(STREAM)).header_packet.to_bytes()
    for text in (b'{"a":"' + b"x" * 700_000 + b'"}', b" " * 700_000):  # the latter is no JSON
        more = [Packet(RecordType.METADATA, compress(text), n).to_bytes() for n in range(200)]
        faults = verify(io.BytesIO(PREAMBLE + header + b"".join(more)))
        assert sum(isinstance(fault, LimitError) for fault in faults) == 199


def test_findings_do_not_grow_with_the_faults() -> None:
    bad = [Packet(RecordType.METADATA, b"", number % 256).to_bytes() for number in range(3000)]
    header = Reader(io.BytesIO(STREAM)).header_packet.to_bytes()
    file = PREAMBLE + header + b"".join(bad)
    assert len(verify(io.BytesIO(file))) == 1000
    assert len(info(io.BytesIO(file))["damage"]) == 1000

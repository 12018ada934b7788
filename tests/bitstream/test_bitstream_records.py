"""Every record type comes back as it went in, and every limit holds. Spec sections 4 to 12."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bitstream import strategies as thv
from thcodec.bitstream import (
    AudioRecord,
    EndRecord,
    IndexRecord,
    KeypointModel,
    Metadata,
    Packet,
    PacketNumbering,
    RecordType,
    SourceRecord,
    StreamHeader,
    Transition,
    TransitionKind,
)
from thcodec.bitstream import limits as lim
from thcodec.bitstream.motion_head import MotionHead, Segment
from thcodec.entropy import compress
from thcodec.entropy.varint import read_varint, unzigzag, write_varint, zigzag
from thcodec.errors import (
    ChecksumError,
    LimitError,
    MalformedError,
    SequenceError,
    ThvError,
    TimingError,
    TruncatedError,
)

RECORDS: dict[str, tuple[Any, Any]] = {
    "header": (StreamHeader, thv.headers),
    "source": (SourceRecord, thv.sources()),
    "audio": (AudioRecord, thv.audio_records()),
    "metadata": (Metadata, thv.metadata),
    "index": (IndexRecord, thv.indexes),
    "end": (EndRecord, thv.ends),
}


@pytest.mark.parametrize("name", RECORDS)
@given(data=st.data())
def test_record_round_trip(name: str, data: st.DataObject) -> None:
    kind, strategy = RECORDS[name]
    record = data.draw(strategy)
    payload = record.to_payload()
    assert kind.parse(payload) == record
    assert kind.parse(payload).to_payload() == payload


@pytest.mark.parametrize("name", RECORDS)
@given(data=st.data())
def test_record_prefix_is_named_error(name: str, data: st.DataObject) -> None:
    kind, strategy = RECORDS[name]
    payload = data.draw(strategy).to_payload()
    cut = data.draw(st.integers(0, len(payload) - 1))
    try:
        kind.parse(payload[:cut], 1000)
    except ThvError as error:
        assert error.offset is not None and 1000 <= error.offset <= 1000 + len(payload)
    else:
        assert name == "source"  # its last field is the picture, of any length


@pytest.mark.parametrize("kind", [entry[0] for entry in RECORDS.values()])
@given(payload=st.binary(max_size=200))
def test_garbage_is_named_error(kind: Any, payload: bytes) -> None:
    try:
        kind.parse(payload)
    except ThvError as error:
        assert error.offset is not None


@given(thv.motion_heads(), st.binary(max_size=8))
def test_motion_head_round_trip(head: MotionHead, body: bytes) -> None:
    data = head.to_bytes()
    parsed = MotionHead.parse(data + body)
    assert parsed == replace(head, size=len(data))


@given(thv.motion_heads(), st.data())
def test_motion_head_prefix(head: MotionHead, data: st.DataObject) -> None:
    whole = head.to_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(TruncatedError):
        MotionHead.parse(whole[:cut], 5)


def test_motion_times() -> None:
    head = MotionHead(100, (Segment(1, 1, 0), Segment(2, 2), Segment(2, 2, steps=(5, 7))))
    assert head.times(None, 3) == [100, 103, 106, 111, 118]
    assert replace(head, pts=None, segments=head.segments[1:]).times(50, 3) == [53, 56, 61, 68]
    with pytest.raises(TimingError):  # no frame duration, no step
        head.times(None, 0)
    with pytest.raises(TimingError):
        replace(head, pts=lim.MAX_TIME).times(None, 3)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"\x03", MalformedError),  # reserved mode
        (b"\x00\x00", MalformedError),  # a group without a source
        (b"\x09\x02\x80\x80\x04", LimitError),  # source id 65536
        (b"\x42\x01", LimitError),  # a run of one
        (b"\x42\x81\x08", LimitError),  # a run of 1025
        (b"\xc2\x80\x08\x42\x02", LimitError),  # runs of 1024 and 2
        (b"\x22\x00", LimitError),  # a step of 0
        (b"\x29\x02\x00", MalformedError),  # a step for the frame with the absolute time
        (b"\x42\x82\x00", MalformedError),  # an integer in a longer form
    ],
)
def test_motion_head_faults(payload: bytes, error: type[ThvError]) -> None:
    with pytest.raises(error) as caught:
        MotionHead.parse(payload + bytes(8), 77)
    assert caught.value.offset is not None and caught.value.offset >= 77


@given(st.integers(0, 2**64 - 1))
def test_varint_round_trip(value: int) -> None:
    data = write_varint(value)
    assert read_varint(b"?" + data, 1) == (value, 1 + len(data))


@given(st.integers(-(2**62), 2**62))
def test_zigzag_round_trip(value: int) -> None:
    assert unzigzag(zigzag(value)) == value


@pytest.mark.parametrize("value", [-1, 2**64])
def test_varint_range(value: int) -> None:
    with pytest.raises(LimitError):
        write_varint(value)


def test_varint_faults() -> None:
    with pytest.raises(MalformedError):
        read_varint(b"\x80\x00", 0)  # zero in two bytes
    with pytest.raises(MalformedError):
        read_varint(b"\xff" * 9 + b"\x02", 0)  # 2**64 and more
    with pytest.raises(MalformedError):
        read_varint(b"\x80" * 1000, 0)
    with pytest.raises(TruncatedError):
        read_varint(b"\x80", 0)


types = st.integers(1, 127).filter(lambda kind: kind != 8)


@given(types, st.binary(max_size=300), st.integers(0, 255), st.booleans())
def test_packet_round_trip(kind: int, payload: bytes, sequence: int, critical: bool) -> None:
    known = kind in list(RecordType)
    packet = Packet(kind, payload, sequence, None if known else critical)
    data = packet.to_bytes()
    back = Packet.from_bytes(data)
    assert replace(back, offset=None) == packet
    assert len(packet) == len(data) and back.payload_offset == len(data) - 4 - len(payload)


@given(types, st.binary(max_size=40), st.data())
def test_packet_prefix_and_flip(kind: int, payload: bytes, data: st.DataObject) -> None:
    whole = Packet(kind, payload).to_bytes()
    with pytest.raises(TruncatedError) as caught:
        Packet.from_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert caught.value.offset is not None
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    flipped = bytearray(whole)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ThvError) as fault:
        Packet.from_bytes(bytes(flipped))
    assert fault.value.offset is not None


def test_packet_faults() -> None:
    good = Packet(RecordType.MOTION, b"abc").to_bytes()
    with pytest.raises(MalformedError, match=r"bytes follow the record \(at byte 11\)"):
        Packet.from_bytes(good + b"\0")
    with pytest.raises(ChecksumError):
        Packet.from_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(LimitError):
        Packet(0, b"")
    with pytest.raises(LimitError):
        Packet(128, b"")
    with pytest.raises(LimitError):
        Packet(8, b"")
    with pytest.raises(LimitError):
        Packet(1, b"", 256)
    with pytest.raises(MalformedError):
        Packet(RecordType.AUDIO, b"", critical=True)
    with pytest.raises(LimitError):
        Packet(RecordType.END, bytes(4097)).to_bytes()


@pytest.mark.parametrize("kind", [*lim.MAX_PAYLOAD, 99])
def test_length_is_capped_before_the_payload_is_awaited(kind: int) -> None:
    cap = lim.MAX_PAYLOAD.get(kind, lim.MAX_PAYLOAD_UNKNOWN)
    with pytest.raises(LimitError):
        Packet.from_bytes(bytes((0xA7, kind, 0)) + write_varint(cap + 1))
    with pytest.raises(TruncatedError):
        Packet.from_bytes(bytes((0xA7, kind, 0)) + write_varint(cap))


def test_short_form_of_motion() -> None:
    packet = Packet(RecordType.MOTION, b"\x02abc", 7)
    data = packet.to_bytes()
    assert len(data) == len(packet) == 11 and data[:4] == b"\xa7\x88\x07\x03"
    back = Packet.from_bytes(data)
    assert replace(back, offset=None) == packet and back.payload_offset == 3
    body = b"\xa7\x83\x07\x04\x02abc"
    with pytest.raises(MalformedError, match="short form"):
        Packet.from_bytes(body + zlib.crc32(body).to_bytes(4, "big"))
    body = b"\xa7\x08\x07\x00"
    with pytest.raises(MalformedError, match="critical"):
        Packet.from_bytes(body + zlib.crc32(body).to_bytes(4, "big"))


def test_numbering_counts_each_type_on_its_own() -> None:
    numbering = PacketNumbering()
    got = [numbering.packet(RecordType.MOTION, b"").sequence for _ in range(258)]
    assert got == [*range(256), 0, 1]
    assert numbering.packet(RecordType.AUDIO, b"").sequence == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 0},
        {"height": 16385},
        {"coded_size": 15},
        {"crop": (0, 0, 0, 1)},
        {"frame_duration": -1},
        {"coder": 3},
        {"bank_size": 0},
        {"bank_size": 65},
        {"still_codec": 0},
        {"jpeg_tables": bytes(4097)},
        {"animator": thv.ModelIdentity("n" * 65, "")},
        {"audio": thv.AudioParameters(channels=9)},
    ],
)
def test_header_limits(changes: dict[str, Any]) -> None:
    with pytest.raises(LimitError):
        thv.header(**changes).to_payload()


def test_keypoint_model_limits() -> None:
    wrongs = (
        {"keypoints": 0},
        {"keypoints": 129},
        {"dimensions": 2},
        {"scale_step": 0},
        {"free": 18},
    )
    for wrong in wrongs:
        with pytest.raises(LimitError):
            KeypointModel(**{"keypoints": 17, **wrong})
    assert KeypointModel(17).size == 58 and KeypointModel(15, jacobians=True).size == 187


def test_free_keypoints_are_said_only_when_there_are_any() -> None:
    plain = thv.header().to_payload()
    model = replace(thv.header().keypoint_model, free=1)
    payload = thv.header(keypoint_model=model).to_payload()
    assert payload[0] == plain[0] | 8 and payload[1:] == plain[1:] + b"\x01"
    assert StreamHeader.parse(payload).keypoint_model == model
    with pytest.raises(LimitError):
        StreamHeader.parse(payload[:-1] + b"\x80")


def test_a_transition_is_two_fields_behind_a_flag() -> None:
    plain = thv.header().to_payload()
    payload = thv.header(transition=Transition(TransitionKind.FLOW, 64)).to_payload()
    assert payload[0] == plain[0] | 32 and payload[1:] == plain[1:] + b"\x03\x40"
    assert StreamHeader.parse(payload).transition == Transition(TransitionKind.FLOW, 64)
    for hostile in (
        b"\0\x08",
        b"\4\x08",
        b"\xff\x08",
        b"\1\0",
        b"\1\x41",
        b"\1" + b"\xff" * 9 + b"\1",
    ):
        with pytest.raises(LimitError):
            StreamHeader.parse(payload[:-2] + hostile)
    for cut in (1, 2):
        with pytest.raises(TruncatedError):
            StreamHeader.parse(payload[:-cut])
    with pytest.raises(MalformedError, match="left over"):
        StreamHeader.parse(payload + b"\0")
    for wrong in (Transition(0, 8), Transition(4, 8), Transition(1, 0), Transition(1, 65)):
        with pytest.raises(LimitError):
            thv.header(transition=wrong).to_payload()


def test_header_faults() -> None:
    payload = thv.header().to_payload()
    with pytest.raises(MalformedError, match="reserved"):
        StreamHeader.parse(b"\x10" + payload[1:])
    with pytest.raises(MalformedError, match="left over"):
        StreamHeader.parse(payload + b"\0")
    broken = payload.replace(b"compact", b"comp\xffct")
    with pytest.raises(MalformedError, match="UTF-8"):
        StreamHeader.parse(broken)
    with pytest.raises(LimitError, match=r"width is 0, allowed is 1..16384 \(at byte 101\)"):
        StreamHeader.parse(payload[:1] + b"\0" + payload[3:], 100)


def test_source_difference() -> None:
    base, other = thv.source(3), thv.source(4, motion=tuple(range(13)))
    coded = SourceRecord.parse(other.relative_to(base).to_payload())
    assert coded.resolved(base) == other
    with pytest.raises(SequenceError):
        coded.resolved(other)
    with pytest.raises(MalformedError):
        other.relative_to(thv.source(5, canonical=(0,) * 3, motion=(0,) * 10))


def test_source_faults() -> None:
    with pytest.raises(LimitError):
        thv.source(motion=(0,) * 12).to_payload()
    with pytest.raises(LimitError):
        thv.source(canonical=(2**23,) * 6).to_payload()
    payload = thv.source().to_payload()
    with pytest.raises(MalformedError):
        SourceRecord.parse(bytes([payload[0] | 0x30]) + payload[1:])  # coder 3
    with pytest.raises(LimitError):
        thv.source(65536).to_payload()
    with pytest.raises(LimitError):
        thv.source(width=2049).to_payload()


def test_audio_faults() -> None:
    with pytest.raises(LimitError):
        AudioRecord(0, (b"a",), ())
    with pytest.raises(LimitError):
        AudioRecord(0, (), ()).to_payload()
    with pytest.raises(LimitError):
        AudioRecord(0, (b"",), (960,)).to_payload()
    payload = AudioRecord(0, (b"abc", b"de"), (960, 960)).to_payload()
    with pytest.raises(TruncatedError):
        AudioRecord.parse(payload[:-1])
    with pytest.raises(MalformedError):
        AudioRecord.parse(payload + b"x")
    with pytest.raises(MalformedError):
        AudioRecord.parse(b"\x04" + payload[1:])


def test_metadata_bomb_and_faults() -> None:
    with pytest.raises(LimitError):
        Metadata.parse(compress(b" " * 2_000_000))
    with pytest.raises(MalformedError, match="memory"):
        Metadata.parse(compress(b" " * 50_000_000))
    with pytest.raises(LimitError):
        Metadata({"a": "x" * lim.MAX_METADATA}).to_payload()
    beyond = (b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}')  # Python's json reads all of these
    for text in (b"[1]", b"{", *beyond, b"\xff", b"[" * 500_000):
        with pytest.raises(MalformedError):
            Metadata.parse(compress(text))
    with pytest.raises(MalformedError):
        Metadata.parse(compress(b"{}") + b"x")
    with pytest.raises(MalformedError):
        Metadata.parse(compress(b"{}")[:-1])
    with pytest.raises(MalformedError):
        Metadata({"a": float("nan")}).to_payload()


def test_end_totals_ascend() -> None:
    payload = EndRecord(1, 2, {2: thv.Totals(1, 2), 3: thv.Totals(3, 4)}).to_payload()
    swapped = payload[:3] + payload[6:9] + payload[3:6] + payload[9:]
    with pytest.raises(MalformedError):
        EndRecord.parse(swapped)

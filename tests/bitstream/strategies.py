"""Hypothesis strategies for every record type, and small streams made of them."""

from __future__ import annotations

import io
from fractions import Fraction

from hypothesis import strategies as st

from thcodec.bitstream import (
    AudioParameters,
    AudioRecord,
    EndRecord,
    IndexEntry,
    IndexRecord,
    KeypointModel,
    Metadata,
    ModelIdentity,
    PacketNumbering,
    RecordType,
    SourceRecord,
    StreamHeader,
    Totals,
    Transition,
    Writer,
)
from thcodec.bitstream import limits as lim
from thcodec.bitstream.header import Crop
from thcodec.bitstream.motion_head import MotionHead, Segment

times = st.integers(-lim.MAX_TIME, lim.MAX_TIME)
ticks = st.integers(1, lim.MAX_TICKS)
ids = st.integers(0, 65535)
values = st.one_of(st.integers(-40, 40), st.integers(-lim.MAX_VALUE, lim.MAX_VALUE))
offsets = st.integers(-lim.MAX_PICTURE, lim.MAX_PICTURE)
sides = st.integers(1, lim.MAX_PICTURE)
crops = st.builds(Crop, offsets, offsets, sides, sides)
steps = st.integers(1, lim.MAX_STEP)
names = st.text(max_size=16)
keypoint_models = st.builds(
    KeypointModel, st.integers(1, 20), st.just(3), st.booleans(), *([steps] * 6)
)
identities = st.builds(ModelIdentity, names, names, st.binary(min_size=32, max_size=32))
audio_parameters = st.builds(
    AudioParameters,
    st.just(1),
    st.integers(8000, 192000),
    st.integers(1, 8),
    st.integers(0, 65535),
    st.binary(max_size=32),
)
headers = st.builds(
    StreamHeader,
    width=sides,
    height=sides,
    coded_size=st.integers(lim.MIN_CODED, lim.MAX_CODED),
    crop=crops,
    time_base=st.builds(Fraction, ticks, ticks),
    frame_duration=st.integers(0, lim.MAX_TICKS),
    keypoint_model=keypoint_models,
    animator=identities,
    upscaler=identities,
    coder=st.integers(0, 2),
    live=st.booleans(),
    bank_size=st.integers(1, lim.MAX_BANK),
    still_codec=st.integers(1, 3),
    jpeg_tables=st.binary(max_size=64),
    audio=st.none() | audio_parameters,
    transition=st.none() | st.builds(Transition, st.integers(1, 3), st.integers(1, 64)),
)


@st.composite
def sources(draw: st.DrawFn) -> SourceRecord:
    """Any source record with few keypoints."""
    keypoints = draw(st.integers(1, 4))
    motion = 7 + keypoints * draw(st.sampled_from([3, 12]))
    return SourceRecord(
        source_id=draw(ids),
        pts=draw(times),
        codec=draw(st.integers(1, 3)),
        width=draw(st.integers(1, lim.MAX_CODED)),
        height=draw(st.integers(1, lim.MAX_CODED)),
        canonical=tuple(draw(st.lists(values, min_size=3 * keypoints, max_size=3 * keypoints))),
        motion=tuple(draw(st.lists(values, min_size=motion, max_size=motion))),
        data=draw(st.binary(max_size=64)),
        crop=draw(st.none() | crops),
        base_id=draw(st.none() | ids),
        coder=draw(st.integers(0, 2)),
    )


@st.composite
def audio_records(draw: st.DrawFn) -> AudioRecord:
    """Audio records with equal and with differing lengths and durations."""
    packets = draw(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=8))
    count = len(packets)
    durations = draw(
        st.lists(ticks, min_size=count, max_size=count) | ticks.map(lambda d: [d] * count)
    )
    return AudioRecord(draw(times), tuple(packets), tuple(durations))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
metadata = st.builds(Metadata, st.dictionaries(st.text(max_size=8), json_values, max_size=4))
entries = st.builds(IndexEntry, st.sampled_from([2, 3]), times, st.integers(0, 1 << 40))
indexes = st.lists(entries, max_size=8).map(
    lambda found: IndexRecord(tuple(sorted(found, key=lambda entry: entry.offset)))
)
counts = st.integers(0, 1 << 40)
ends = st.builds(
    EndRecord,
    counts,
    counts,
    st.dictionaries(st.integers(1, 127), st.builds(Totals, counts, counts), max_size=7),
    counts,
)
motion_seconds = st.tuples(ids, st.integers(0, 255))


@st.composite
def motion_heads(draw: st.DrawFn) -> MotionHead:
    """Heads of motion packets, of groups' first packets and of others."""
    starts = draw(st.booleans())
    segments = []
    for index in range(draw(st.integers(1, 4))):
        first = starts and index == 0
        mode = draw(st.integers(0, 1)) if first else 2 if index == 0 else draw(st.integers(0, 2))
        count = draw(st.integers(1, 5))
        needed = count - first
        timed = needed > 0 and draw(st.booleans())
        segments.append(
            Segment(
                mode=mode,
                count=count,
                source_id=draw(ids) if first else draw(st.none() | ids),
                second=draw(st.none() | motion_seconds),
                low_confidence=draw(st.booleans()),
                steps=tuple(draw(ticks) for _ in range(needed)) if timed else None,
            )
        )
    return MotionHead(draw(times) if starts else None, tuple(segments))


def header(**changes: object) -> StreamHeader:
    """A plain header of a small stream."""
    fields = {
        "width": 640,
        "height": 360,
        "coded_size": 256,
        "crop": Crop(140, 0, 360, 360),
        "time_base": Fraction(1, 25),
        "frame_duration": 1,
        "keypoint_model": KeypointModel(2),
        "animator": ModelIdentity("compact", "1", bytes(range(32))),
        "upscaler": ModelIdentity("lanczos", "1"),
        "audio": AudioParameters(extradata=b"OpusHead"),
        **changes,
    }
    return StreamHeader(**fields)  # type: ignore[arg-type]


def source(source_id: int = 0, **changes: object) -> SourceRecord:
    """A source that fits `header()`."""
    fields = {
        "source_id": source_id,
        "pts": 0,
        "codec": 1,
        "width": 64,
        "height": 64,
        "canonical": (1, -2, 3, 40, -50, 60),
        "motion": (10, -4, 2, 0, 5, -3, 1, 2, 0, -1, 0, 3, 1),
        "data": b"not a real JPEG",
        **changes,
    }
    return SourceRecord(**fields)  # type: ignore[arg-type]


def stream(packets: int = 4, *, live: bool = False) -> bytes:
    """A whole file: header, metadata, source, motion packets, audio, index, end."""
    import numpy as np

    from thcodec.motion import MotionEncoder, MotionFrame, PredictionMode

    head = header(live=live)
    numbering, encoder, first = PacketNumbering(), MotionEncoder(head), source()
    encoder.add_source(first)
    out = io.BytesIO()
    with Writer(out) as writer:

        def emit(kind: RecordType, payload: bytes) -> None:
            writer.write(numbering.packet(kind, payload))

        emit(RecordType.HEADER, head.to_payload())
        emit(RecordType.METADATA, Metadata({"title": "test"}).to_payload())
        emit(RecordType.SOURCE, first.to_payload())
        for at in range(packets):
            values = np.array(first.motion, np.int32) + at
            mode = PredictionMode.PREVIOUS if at else PredictionMode.SOURCE
            emit(RecordType.MOTION, encoder.encode([MotionFrame(at, 0, values, mode=mode)]))
            emit(RecordType.AUDIO, AudioRecord(1920 * at, (b"x" * 9,) * 2, (960, 960)).to_payload())
        writer.finish()
    return out.getvalue()

"""Motion: geometry, quantisation and packets. Spec section 7."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bitstream import strategies as thv
from thcodec.bitstream import KeypointModel, SourceRecord, StreamHeader
from thcodec.bitstream.limits import MAX_VALUE
from thcodec.bitstream.motion_head import MotionHead, Segment
from thcodec.errors import LimitError, MalformedError, SequenceError, ThvError, TimingError
from thcodec.motion import (
    Motion,
    MotionDecoder,
    MotionEncoder,
    MotionFrame,
    PredictionMode,
    Quantiser,
    rotation_matrix,
    transform,
)
from thcodec.motion.keypoints import scaled_rotation

ABSOLUTE, SOURCE, PREVIOUS = PredictionMode
STEP = 1 << 16  # 1/256


def test_rotation_is_pitch_yaw_roll() -> None:
    x, y, z = np.eye(3)
    assert np.allclose(rotation_matrix(90, 0, 0) @ z, x)
    assert np.allclose(rotation_matrix(0, 90, 0) @ y, z)
    assert np.allclose(rotation_matrix(0, 0, 90) @ x, y)
    together = rotation_matrix(0, 20, 0) @ rotation_matrix(10, 0, 0) @ rotation_matrix(0, 0, 30)
    assert np.allclose(rotation_matrix(10, 20, 30), together)
    assert np.allclose(together @ together.T, np.eye(3))


def test_transform_is_equation_1() -> None:
    canonical = np.array([[1.0, 0, 0], [0, 2.0, 0]])
    expression = np.array([[0, 0, 0.5], [0, 0, 0]])
    motion = Motion(np.array([0, 0, 90.0]), np.array([0.1, 0.2, 0.3]), np.log(2), expression)
    assert np.allclose(transform(canonical, motion), [[0.1, 2.2, 0.8], [-3.9, 0.2, 0.3]])


def test_free_keypoints_do_not_follow_the_head() -> None:
    canonical = np.array([[1.0, 0, 0], [0.5, 0.25, 0]])
    expression = np.array([[0, 0, 0], [0.125, 0, 0]])
    motion = Motion(np.array([0, 0, 90.0]), np.array([0.5, 0, 0]), 0.0, expression)
    assert np.allclose(transform(canonical, motion, free=1), [[0.5, 1, 0], [0.625, 0.25, 0]])


def motion_of(model: KeypointModel, values: np.ndarray) -> Motion:
    return Quantiser(model).dequantise(values.astype(np.int32))


@given(st.integers(1, 5), st.booleans(), st.integers(0, 2**32 - 1))
def test_quantiser_round_trip(keypoints: int, jacobians: bool, seed: int) -> None:
    model = KeypointModel(keypoints, jacobians=jacobians)
    rng = np.random.default_rng(seed)
    values = rng.integers(-MAX_VALUE, MAX_VALUE + 1, model.size).astype(np.int32)
    assert np.array_equal(Quantiser(model).quantise(motion_of(model, values)), values)
    canonical = rng.integers(-1000, 1000, 3 * keypoints)
    quantiser = Quantiser(model)
    back = quantiser.quantise_canonical(quantiser.dequantise_canonical(canonical))
    assert np.array_equal(back, canonical)


def one_value(steps: float) -> Motion:
    """A motion whose first translation lies `steps` steps of 1/256 from zero."""
    return Motion(np.zeros(3), np.array([steps / 256, 0, 0]), 0.0, np.zeros((1, 3)))


def test_rounding_is_half_away_from_zero() -> None:
    quantiser = Quantiser(KeypointModel(1, translation_step=STEP))
    got = [int(quantiser.quantise(one_value(at))[3]) for at in (0.5, -0.5, 1.5, -2.5, 0.49)]
    assert got == [1, -1, 2, -3, 0]


def test_hysteresis_holds_small_moves() -> None:
    quantiser = Quantiser(KeypointModel(1, translation_step=STEP), hysteresis=0.75)
    previous = quantiser.quantise(one_value(10))
    assert quantiser.quantise(one_value(10.7), previous)[3] == 10
    assert quantiser.quantise(one_value(10.8), previous)[3] == 11
    assert quantiser.quantise(one_value(10.7))[3] == 11


def test_a_free_keypoint_that_is_not_found_costs_nothing_and_stands_still() -> None:
    quantiser = Quantiser(KeypointModel(2, free=1), hysteresis=0.75)
    steps = quantiser.steps[10:13]

    def moved(*to: float) -> Motion:
        return Motion(np.zeros(3), np.zeros(3), 0.0, np.array([[0.0, 0, 0], to * steps]))

    seen = quantiser.quantise(moved(7, -4, 0))
    lost = quantiser.quantise(moved(0, 0, 2), seen)
    assert lost[10:13].tolist() == [7, -4, 2]
    assert np.array_equal(quantiser.dequantise(lost).expression[1], [0, 0, 2 * steps[2]])
    assert quantiser.quantise(moved(0, 0, 2))[10:13].tolist() == [0, 0, 2]
    assert quantiser.quantise(moved(9, -4, 0), lost)[10:13].tolist() == [9, -4, 0]
    assert np.array_equal(quantiser.dequantise(seen).expression[1], [7, -4, 0] * steps)


def test_quantiser_faults() -> None:
    model = KeypointModel(1)
    quantiser = Quantiser(model)
    for wrong in (np.nan, np.inf, 1e9):
        with pytest.raises(LimitError):
            quantiser.quantise(one_value(wrong))
    with pytest.raises(LimitError):
        quantiser.quantise(replace(one_value(0), expression=np.zeros((2, 3))))
    with pytest.raises(LimitError):
        Quantiser(KeypointModel(1, jacobians=True)).quantise(one_value(0))
    with pytest.raises(LimitError):
        quantiser.dequantise(np.zeros(9, np.int32))
    with pytest.raises(LimitError):
        quantiser.quantise_canonical(np.zeros((2, 3)))
    with pytest.raises(LimitError):
        Quantiser(model, hysteresis=0.4)


def pair(header: StreamHeader, *sources: SourceRecord) -> tuple[MotionEncoder, MotionDecoder]:
    encoder, decoder = MotionEncoder(header), MotionDecoder(header)
    for source in sources or (thv.source(),):
        encoder.add_source(source)
        decoder.add_source(source)
    return encoder, decoder


def same(frames: list[MotionFrame], others: list[MotionFrame]) -> bool:
    return len(frames) == len(others) and all(
        np.array_equal(a.values, b.values)
        and replace(a, values=b.values) == b  # the arrays are compared above
        for a, b in zip(frames, others, strict=True)
    )


@st.composite
def tracks(draw: st.DrawFn) -> list[list[MotionFrame]]:
    """Packets of frames as an encoder might make them, groups and odd times included."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pts = draw(st.integers(-1000, 1000))
    values = rng.integers(-50, 50, 13)
    packets = []
    for number in range(draw(st.integers(1, 4))):
        packet = []
        for at in range(draw(st.integers(1, 6))):
            first = at == 0 and (number == 0 or draw(st.booleans()))
            modes = [ABSOLUTE, SOURCE] if first else [PREVIOUS] if at == 0 else list(PredictionMode)
            values = values + rng.integers(-1, 2, 13) * rng.integers(0, 2, 13)
            second = draw(st.none() | st.integers(0, 3))
            packet.append(
                MotionFrame(
                    pts=pts,
                    source_id=draw(st.sampled_from([0, 3])),
                    values=values.astype(np.int32),
                    second_source_id=second,
                    blend=0 if second is None else draw(st.integers(0, 255)),
                    mode=draw(st.sampled_from(modes)),
                    low_confidence=draw(st.booleans()),
                )
            )
            pts += draw(st.sampled_from([1, 1, 1, 2, 700]))
        packets.append(packet)
    return packets


@pytest.mark.parametrize("value", [MAX_VALUE, -MAX_VALUE])
@pytest.mark.parametrize("step", [STEP, 1 << 31])
def test_any_scale_of_a_stream_can_be_inverted(value: int, step: int) -> None:
    model = KeypointModel(keypoints=1, scale_step=step)
    motion = Quantiser(model).dequantise(np.array([0] * 6 + [value] + [0] * 3, np.int32))
    assert np.isfinite(np.linalg.inv(scaled_rotation(motion))).all()
    assert np.isfinite(transform(np.ones((1, 3)), motion)).all()


@pytest.mark.parametrize("coder", [0, 1, 2])
@given(tracks())
def test_packets_round_trip(coder: int, packets: list[list[MotionFrame]]) -> None:
    encoder, decoder = pair(thv.header(coder=coder), thv.source(0), thv.source(3))
    for frames in packets:
        assert same(decoder.decode(encoder.encode(frames)), frames)


def frame(pts: int, mode: PredictionMode = PREVIOUS, **changes: object) -> MotionFrame:
    values = np.arange(13, dtype=np.int32) + pts
    return replace(MotionFrame(pts, 0, values, mode=mode), **changes)  # type: ignore[arg-type]


def test_group_can_be_entered_at_its_start_only() -> None:
    encoder, decoder = pair(thv.header())
    payloads = [encoder.encode([frame(at, SOURCE if at % 3 == 0 else PREVIOUS)]) for at in range(6)]
    assert [MotionHead.parse(p).starts_group for p in payloads] == [True, False, False] * 2
    with pytest.raises(SequenceError):
        decoder.decode(payloads[1], 100)
    for late in payloads[3:]:
        decoder.decode(late)
    decoder.lost()
    with pytest.raises(SequenceError):
        decoder.decode(payloads[4])
    _, fresh = pair(thv.header())
    assert same(fresh.decode(payloads[0]), [frame(0, SOURCE)])


def test_one_byte_of_head_in_live_mode() -> None:
    encoder, _ = pair(thv.header(live=True))
    encoder.encode([frame(0, SOURCE)])
    assert encoder.encode([replace(frame(1), values=frame(0).values)]) == b"\x02"


def test_encoder_faults() -> None:
    encoder, _ = pair(thv.header())
    with pytest.raises(LimitError):
        encoder.encode([])
    with pytest.raises(LimitError):
        encoder.encode([frame(at, SOURCE) for at in range(1025)])
    with pytest.raises(SequenceError):
        encoder.encode([frame(0)])
    with pytest.raises(SequenceError, match="source 9"):
        encoder.encode([frame(0, SOURCE, source_id=9)])
    with pytest.raises(TimingError):
        encoder.encode([frame(1, SOURCE), frame(1)])
    with pytest.raises(LimitError):
        encoder.encode([frame(0, ABSOLUTE, values=np.zeros(12, np.int32))])
    with pytest.raises(LimitError):
        encoder.encode([frame(0, ABSOLUTE, values=np.full(13, MAX_VALUE + 1))])
    for wrong in ({"source_id": 65536}, {"second_source_id": -1}):
        with pytest.raises(LimitError):
            encoder.encode([frame(0, ABSOLUTE, **wrong)])
    with pytest.raises(LimitError):
        encoder.encode([replace(frame(0, ABSOLUTE), pts=2**62)])
    with pytest.raises(LimitError):
        encoder.encode([frame(0, ABSOLUTE, second_source_id=1, blend=256)])
    encoder.encode([frame(5, ABSOLUTE)])
    with pytest.raises(TimingError):
        encoder.encode([frame(5)])


@pytest.mark.parametrize("coder", [0, 1, 2])
def test_a_picture_that_stands_still_may_last_long(coder: int) -> None:
    encoder, decoder = pair(thv.header(coder=coder))
    frames = encoder.most_frames
    assert frames == 1024
    values = np.zeros(13, np.int32)
    track = [frame(at, PREVIOUS if at else ABSOLUTE, values=values) for at in range(frames)]
    payload = encoder.encode(track)
    assert same(decoder.decode(payload), track)
    if coder:  # zero bytes pay for the work, 64 values each
        least = 1024 * 13 // 64 - 2
        assert bytes(100) in payload and least <= len(payload) - 6 < least + 3
        with pytest.raises(LimitError, match=r"13312, allowed is 1\.\."):
            decoder.decode(payload[: 6 + least - 1])


@pytest.mark.parametrize("count", [1024, 10, 1])
def test_few_bytes_cannot_ask_for_much_work(count: int) -> None:
    """Twelve bytes of empty body that stand for as many frames as the head can say."""
    model = KeypointModel(128, jacobians=True) if count == 1 else thv.header().keypoint_model
    head = MotionHead(0, (Segment(0, count, 0),)).to_bytes()
    with pytest.raises(LimitError, match="values in a motion packet"):
        MotionDecoder(thv.header(keypoint_model=model)).decode(head)


def test_most_negative_integer_is_refused() -> None:
    """Its magnitude does not fit 32 bits: np.abs leaves it negative."""
    encoder = MotionEncoder(thv.header())
    values = np.full(encoder._model.size, -(2**31), np.int32)
    with pytest.raises(LimitError):
        encoder.encode([MotionFrame(0, 0, values, mode=ABSOLUTE)])


def test_decoder_refuses_times_that_go_back() -> None:
    header = thv.header()
    values = np.zeros(header.keypoint_model.size, np.int32)
    frame = MotionFrame(5, 0, values, mode=ABSOLUTE)
    payload = MotionEncoder(header).encode([frame])
    later = MotionEncoder(header).encode([replace(frame, pts=6)])
    decoder = MotionDecoder(header)
    assert [got.pts for got in decoder.decode(payload)] == [5]
    decoder.lost()
    with pytest.raises(TimingError, match="presentation time 5 follows 5"):
        decoder.decode(payload)
    assert [got.pts for got in decoder.decode(later)] == [6]


def test_canonical_keypoints_of_another_model_are_refused() -> None:
    with pytest.raises(LimitError, match="canonical"):
        Quantiser(KeypointModel(keypoints=4)).dequantise_canonical(np.zeros(9, np.int32))


def test_bank_evicts_by_slot() -> None:
    encoder, _ = pair(thv.header(bank_size=4), thv.source(1), thv.source(5))
    with pytest.raises(SequenceError):
        encoder.encode([frame(0, SOURCE, source_id=1)])
    encoder.encode([frame(0, SOURCE, source_id=5)])
    with pytest.raises(MalformedError):
        encoder.add_source(thv.source(2, canonical=(0,) * 3, motion=(0,) * 10))
    with pytest.raises(MalformedError):
        encoder.add_source(thv.source(2).relative_to(thv.source(1)))


def test_decoder_refuses_values_out_of_range() -> None:
    header = thv.header(coder=0)
    encoder, decoder = pair(header)
    top = np.full(13, MAX_VALUE, np.int32)
    first = encoder.encode([frame(0, ABSOLUTE, values=top)])
    step = encoder.encode([frame(1, values=top)])
    decoder.decode(first)
    with pytest.raises(LimitError):
        decoder.decode(step[:-13] + b"\x02" * 13)  # one more
    with pytest.raises(SequenceError):
        decoder.decode(step)


@pytest.mark.parametrize("coder", [0, 1, 2])
@settings(max_examples=150)
@given(st.binary(max_size=60), st.booleans())
def test_garbage_ends_in_a_named_error_or_frames(coder: int, data: bytes, follow: bool) -> None:
    encoder, decoder = pair(thv.header(coder=coder))
    if follow:
        decoder.decode(encoder.encode([frame(0, SOURCE)]))
    try:
        frames = decoder.decode(data, 70)
    except ThvError as error:
        assert error.offset is not None and error.offset >= 70
        return
    assert all(np.abs(got.values).max() <= MAX_VALUE for got in frames)


def talk(count: int = 500) -> np.ndarray:
    """A track like a talking head's after hysteresis: bursts of slow moves, many values still."""
    rng = np.random.default_rng(7)
    reach = np.r_[[6.0] * 3, [2.0] * 4, np.tile([1.5, 2.5, 0.5], 17)]
    pace = np.repeat(rng.choice([0.2, 1.0, 2.0], count // 25), 25)[:, None]
    moves = rng.normal(0, 0.17, (count, 58)) * reach * pace
    smooth = np.cumsum(np.apply_along_axis(np.convolve, 0, moves, np.ones(4) / 4, "same"), 0)
    track = [np.round(smooth[0])]
    for row in smooth[1:] + rng.normal(0, 0.15, (count - 1, 58)):
        track.append(np.where(np.abs(row - track[-1]) <= 0.75, track[-1], np.round(row)))
    return np.array(track, np.int32)


@pytest.mark.parametrize(("live", "group", "limit"), [(False, 25, 10.0), (True, 100, 14.0)])
def test_rate(live: bool, group: int, limit: float) -> None:
    from thcodec.bitstream import PacketNumbering, RecordType

    track = talk()
    header = thv.header(live=live, keypoint_model=KeypointModel(17))
    source = thv.source(canonical=(0,) * 51, motion=track[0])
    encoder, numbering = MotionEncoder(header), PacketNumbering()
    encoder.add_source(source)
    frames = [
        MotionFrame(at, 0, row, mode=PREVIOUS if at % group else SOURCE)
        for at, row in enumerate(track)
    ]
    size = 1 if live else 25
    packets = [frames[at : at + size] for at in range(0, len(frames), size)]
    total = sum(
        len(numbering.packet(RecordType.MOTION, encoder.encode(packet))) for packet in packets
    )
    moving = (np.diff(track, axis=0) != 0).sum(1).mean()
    assert moving > 5  # or the track proves nothing
    assert total / len(track) < limit

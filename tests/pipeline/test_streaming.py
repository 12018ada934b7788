"""Encoder and Decoder packet by packet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest

from tests import clips
from tests.doubles import MomentAnimator
from thcodec import Decoder, Encoder, EncoderConfig, Frame, Packet, ThvError
from thcodec.bitstream import (
    AudioParameters,
    AudioRecord,
    Feedback,
    KeypointModel,
    RecordType,
    SourceRecord,
    StreamHeader,
)
from thcodec.bitstream.header import StillCodec
from thcodec.bitstream.limits import MAX_TICKS
from thcodec.bitstream.motion_head import MotionHead
from thcodec.errors import MalformedError, TimingError, UnknownRecordError
from thcodec.media.audio import AudioPacket
from thcodec.models import registry
from thcodec.models.animator import Extraction
from thcodec.motion import Motion
from thcodec.pipeline.prepared import PreparedSources
from thcodec.pipeline.quality import psnr, ssim

# Stills that stand alone, whatever is lost before them.
PLAIN = EncoderConfig(
    crop="none", interval=10, source_size=256, source_quality=90, still_codec=StillCodec.WEBP
)


def _encoder(live: bool = True, **options: object) -> Encoder:
    return Encoder(PLAIN, live=live, animator=MomentAnimator(), **options)


def _packets(encoder: Encoder, frames: int = 25) -> list[Packet]:
    packets = []
    for index in range(frames):
        packets += encoder.push(clips.disc(index), index)
    return packets + encoder.flush()


def _decode(packets: list[Packet]) -> tuple[list[Frame], Decoder]:
    decoder = Decoder(animator=MomentAnimator())
    frames = [frame for packet in packets for frame in decoder.push(packet)]
    return frames + decoder.flush(), decoder


def test_live_packets_leave_at_once_and_decode_on_arrival() -> None:
    encoder, decoder = _encoder(), Decoder(animator=MomentAnimator())
    for index in range(25):
        frames = []
        for packet in encoder.push(clips.disc(index), index):
            frames += decoder.push(Packet.from_bytes(packet.to_bytes()))
        assert [frame.pts for frame in frames] == [index]
        assert frames[0].rgb.shape == (256, 256, 3)
        assert frames[0].time_base == Fraction(1, 25)
    assert encoder.flush() == []
    assert decoder.notes == []


def test_pictures_follow_the_motion() -> None:
    frames, _ = _decode(_packets(_encoder()))
    still = frames[10].rgb
    cut = slice(40, 280)  # the central square of 320x240
    original = cv2.resize(clips.disc(19)[:, cut], (256, 256), interpolation=cv2.INTER_CUBIC)
    assert psnr(original, frames[19].rgb) > psnr(original, still) + 3
    assert ssim(original, frames[19].rgb) > ssim(original, still)


def test_file_mode_groups_motion() -> None:
    packets = _packets(_encoder(live=False), 50)
    kinds = [packet.type for packet in packets]
    assert kinds == [RecordType.HEADER] + [RecordType.SOURCE, RecordType.MOTION] * 5
    frames, _ = _decode(packets)
    assert [frame.pts for frame in frames] == list(range(50))
    assert [frame.source_id for frame in frames] == [index // 10 for index in range(50)]


def test_both_modes_carry_the_same_motion() -> None:
    live, _ = _decode(_packets(_encoder(live=True)))
    grouped, _ = _decode(_packets(_encoder(live=False)))
    for one, other in zip(live, grouped, strict=True):
        assert np.array_equal(one.rgb, other.rgb)


def test_encoder_knows_what_the_decoder_has() -> None:
    packets = _packets(_encoder(), 1)
    assert [packet.type for packet in packets] == [1, 2, 3]
    header = StreamHeader.parse(packets[0].payload)
    source = SourceRecord.parse(packets[1].payload)
    decoder = Decoder(animator=MomentAnimator())
    for packet in packets[:2]:
        decoder.push(packet)
    (frame,) = decoder._motion.decode(packets[2].payload)
    # The source frame itself is coded as "like its source": not one residual.
    assert list(frame.values) == list(source.motion)
    assert header.live and header.coded_size == 256


def test_a_source_is_prepared_once() -> None:
    animator = MomentAnimator()
    decoder = Decoder(animator=animator)
    for packet in _packets(_encoder(), 25):
        decoder.push(packet)
    assert animator.prepared == 3


def test_lost_source_repeats_the_picture_before() -> None:
    packets = _packets(_encoder(live=False), 30)
    sources = [at for at, packet in enumerate(packets) if packet.type == RecordType.SOURCE]
    del packets[sources[1]]
    frames, decoder = _decode(packets)
    assert [frame.pts for frame in frames] == list(range(30))
    assert [frame.concealed for frame in frames] == [False] * 10 + [True] * 10 + [False] * 10
    assert np.array_equal(frames[15].rgb, frames[9].rgb)
    assert decoder.frames_concealed == 10
    assert len(decoder.notes) == 2


def test_lost_first_source_shows_nothing_until_the_next() -> None:
    packets = _packets(_encoder(live=False), 20)
    del packets[1]
    frames, decoder = _decode(packets)
    assert [frame.pts for frame in frames] == list(range(10, 20))
    assert decoder.frames_lost == 10


def test_lost_live_packet_costs_frames_until_the_next_group() -> None:
    packets = _packets(_encoder(), 30)
    motion = [at for at, packet in enumerate(packets) if packet.type == RecordType.MOTION]
    del packets[motion[5]]
    frames, decoder = _decode(packets)
    assert [frame.pts for frame in frames] == list(range(30))
    assert [frame.concealed for frame in frames] == [5 <= at < 10 for at in range(30)]
    assert decoder.packets_lost == 5


def test_long_live_streams_can_be_joined() -> None:
    config = EncoderConfig(crop="none", interval=0)
    encoder = Encoder(config, animator=MomentAnimator())
    picture = clips.disc(0)
    packets = [p for index in range(300) for p in encoder.push(picture, index)]
    late = packets[:2] + packets[100:]  # header, source, and what comes after a long absence
    frames, _ = _decode(late)
    assert frames[0].pts == 250


@pytest.mark.parametrize("live", [True, False])
def test_a_pause_longer_than_any_time_step_starts_a_group(live: bool) -> None:
    times = [0, 1, MAX_TICKS + 1, 2 * MAX_TICKS + 2, 2 * MAX_TICKS + 3]
    encoder = _encoder(live)
    packets = [p for index, at in enumerate(times) for p in encoder.push(clips.disc(index), at)]
    packets += encoder.flush()
    frames, _ = _decode(packets)
    assert [frame.pts for frame in frames] == times
    heads = [MotionHead.parse(p.payload) for p in packets if p.type == RecordType.MOTION]
    assert [head.pts for head in heads if head.starts_group] == [0, times[3]]


def test_frames_without_a_face_hold_the_motion() -> None:
    encoder = _encoder()
    packets = []
    for index in range(9):
        picture = clips.disc(index) if index % 4 else np.full((240, 320, 3), 90, np.uint8)
        packets += encoder.push(picture)
    frames, _ = _decode(packets)
    assert [frame.low_confidence for frame in frames] == [i % 4 == 0 for i in range(9)]
    assert encoder.low_confidence_frames == 3
    assert "3 of 9 frames" in encoder.notes[-1]
    # The blank first picture was a stopgap: the first face became a source at once.
    assert frames[1].source_id > frames[0].source_id


def test_new_shot_makes_a_new_source() -> None:
    encoder = Encoder(EncoderConfig(crop="none", interval=0), animator=MomentAnimator())
    packets = []
    for index in range(20):
        picture = clips.disc(index)
        packets += encoder.push(picture if index < 12 else 255 - picture[::-1])
    frames, _ = _decode(packets)
    assert [frame.source_id for frame in frames] == [0] * 12 + [1] * 8


@pytest.mark.parametrize("live", [True, False])
def test_sound_is_interleaved_by_time(live: bool) -> None:
    parameters = AudioParameters(channels=1, pre_skip=312, extradata=b"OpusHead" + bytes(11))
    encoder = _encoder(live, audio=parameters)
    packets = []
    for index in range(100):
        packets += encoder.push(clips.disc(index), index)
        for part in range(2):
            at = (2 * index + part) * 960 - 312
            packets += encoder.push_audio(AudioPacket(at, 960, bytes([part, index])))
    packets += encoder.flush()
    frames, _ = _decode(packets)
    assert len(frames) == 100
    sound = [AudioRecord.parse(p.payload) for p in packets if p.type == RecordType.AUDIO]
    assert sum(len(record.packets) for record in sound) == 200
    assert len(sound) == (200 if live else 4)
    shown = 0
    for packet in packets:
        if packet.type == RecordType.MOTION:
            shown += 1 if live else 10
        elif packet.type == RecordType.AUDIO:
            second = AudioRecord.parse(packet.payload).pts / 48000
            assert abs(second - shown / 25) < (0.1 if live else 2.1)


def test_unknown_records() -> None:
    packets = _packets(_encoder(), 2)
    frames, _ = _decode([*packets[:2], Packet(99, b"later"), *packets[2:]])
    assert len(frames) == 2
    with pytest.raises(UnknownRecordError, match="99"):
        _decode([packets[0], Packet(99, b"later", critical=True)])


def test_wrong_calls_are_refused() -> None:
    decoder = Decoder()
    assert decoder.push(Packet(RecordType.MOTION, b"")) == []
    assert Feedback.parse(decoder.feedback().payload).no_header
    encoder = _encoder()
    encoder.push(clips.disc(0), 5)
    with pytest.raises(TimingError):
        encoder.push(clips.disc(1), 5)
    with pytest.raises(ValueError, match="uint8"):
        encoder.push(np.zeros((240, 320, 3)), 6)
    with pytest.raises(ValueError, match="those before"):
        encoder.push(clips.disc(1, 100, 100), 6)
    with pytest.raises(ThvError, match="audio"):
        encoder.push_audio(AudioPacket(0, 960, b"x"))


def test_another_keypoint_model_is_refused() -> None:
    packets = _packets(_encoder(), 1)
    animator = MomentAnimator()
    animator.keypoint_model = KeypointModel(keypoints=17)
    with pytest.raises(ThvError, match=r"5 keypoints without .* 17 keypoints without Jacobians"):
        Decoder(animator=animator).push(packets[0])
    animator.keypoint_model = KeypointModel(keypoints=5, jacobians=True)
    with pytest.raises(ThvError, match=r"5 keypoints without .* 5 keypoints with Jacobians"):
        Decoder(animator=animator).push(packets[0])


def test_a_source_of_another_keypoint_model_takes_no_slot() -> None:
    """One keypoint with Jacobians has as long a motion vector as four without."""
    animator = MomentAnimator()
    animator.keypoint_model = KeypointModel(keypoints=4)
    encoder = Encoder(PLAIN, animator=MomentAnimator())
    header, source, _ = _packets(encoder, 1)
    own = replace(StreamHeader.parse(header.payload), keypoint_model=animator.keypoint_model)
    record = SourceRecord.parse(source.payload)
    good = replace(record, canonical=(0,) * 12, motion=(0,) * 19)
    sources = PreparedSources(own, animator, registry.load_upscaler("bicubic"))
    sources.add(good, 0)
    for keypoints, values in ((1, 19), (5, 22)):
        wrong = replace(record, canonical=(0,) * 3 * keypoints, motion=(0,) * values)
        with pytest.raises(MalformedError, match="keypoint model"):
            sources.add(wrong, 1)
    held = sources.find(record.source_id)
    assert held is not None and sources.prepared(held) is not None


def test_nothing_pushed() -> None:
    assert _encoder().flush() == []


class Comparing(MomentAnimator):
    """Sources are as unlike a frame as the head is away from where it is in them."""

    compares = True

    def unlikeness(self, motion: Motion, *rest: Any) -> float:
        own = rest[2]
        return 400 * float(np.abs(motion.translation - own.translation).sum())


@pytest.mark.parametrize(
    ("frames", "options"),
    [
        *((frames, {"look_ahead": 2}) for frames in (1, 8, 9, 60)),
        (90, {"look_ahead": 20}),
        (90, {"look_ahead": 20, "bitrate": 20}),
        (90, {"look_ahead": 20, "policy": "quality", "limit": 5.0}),
        (90, {"policy": "best-frame", "interval": 30}),
        (90, {"policy": "first"}),
        (90, {"interval": 20}),
    ],
    ids=str,
)
def test_a_thread_that_looks_ahead_changes_no_byte(frames: int, options: dict[str, Any]) -> None:
    """Frames are coded while it looks, and where it may it chooses their sources. A light that
    fades is seen by the policy that looks at what is decoded."""
    streams = []
    for threads in (1, 2):
        config = EncoderConfig(crop="none", source_size=64, threads=threads, **options)
        encoder = Encoder(config, live=False, animator=Comparing())
        packets = []
        for at in range(frames):
            picture = clips.disc(3 * at % 70, 256, 256) * (1 - at / 150)
            packets += encoder.push(picture.astype(np.uint8))
        packets += encoder.flush()
        assert encoder.frames == frames
        assert encoder.sources == sum(packet.type == RecordType.SOURCE for packet in packets)
        assert encoder.sources > 1 or frames < 90 or options.get("policy") == "first"
        assert RecordType.MOTION not in {packet.type for packet in encoder.flush()}
        streams.append(b"".join(packet.to_bytes() for packet in packets))
    assert streams[0] == streams[1]


def test_what_fails_in_the_thread_that_looks_ahead_comes_out_of_the_encoder() -> None:
    class Failing(MomentAnimator):
        def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
            if pictures[0].sum() == 0:
                raise ThvError("cannot see in the dark")
            return super().extract(pictures)

    pictures = [clips.disc(index, 256, 256) for index in range(64)]
    pictures[24] = np.zeros((256, 256, 3), np.uint8)
    config = EncoderConfig(crop="none", interval=20, threads=2)
    encoder = Encoder(config, live=False, animator=Failing())
    with pytest.raises(ThvError, match="in the dark"):
        for picture in pictures:
            encoder.push(picture)
    assert 0 < encoder.frames <= 24


class Begins(MomentAnimator):
    """Tells what is begun and what is waited for, in which order."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []

    def extracting(self, pictures: list[np.ndarray]) -> Callable[[], list[Extraction]]:
        return self._begun(super().extracting(pictures), len(pictures))

    def animating(self, source: Any, motions: list[Motion]) -> Callable[[], list[np.ndarray]]:
        return self._begun(super().animating(source, motions), len(motions))

    def _begun(self, task: Callable[[], list[Any]], count: int) -> Callable[[], list[Any]]:
        self.events.append(f"{count} begun")

        def wait() -> list[Any]:
            self.events.append(f"{count} made")
            return task()

        return wait


def test_pictures_are_made_while_those_before_them_are_shown() -> None:
    encoder = Encoder(replace(PLAIN, interval=100, group=20), live=False, animator=MomentAnimator())
    packets = _packets(encoder, 20)
    decoder = Decoder(animator=(animator := Begins()))
    shown = [frame for packet in packets for frame in decoder.frames(packet)]
    begun, made = ([f"{count} {what}" for count in (8, 8, 4)] for what in ("begun", "made"))
    assert animator.events == [begun[0], begun[1], made[0], begun[2], made[1], made[2]]
    assert len(shown) == 20


def test_frames_are_looked_at_while_those_before_them_are_judged() -> None:
    config = replace(PLAIN, interval=100, threads=2)
    encoder = Encoder(config, live=False, animator=(animator := Begins()))
    _packets(encoder, 20)
    begun, made = ([f"{count} {what}" for count in (8, 8, 4)] for what in ("begun", "made"))
    assert animator.events == [begun[0], begun[1], made[0], begun[2], made[1], made[2]]

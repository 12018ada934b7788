"""Which frames become sources, and which source each frame is made from."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest

from tests import clips
from tests.doubles import MomentAnimator
from thcodec import Decoder, Encoder, EncoderConfig, Frame, Packet, Writer
from thcodec.bitstream import Metadata, RecordType, SourceRecord, StreamHeader
from thcodec.bitstream.header import StillCodec
from thcodec.bitstream.inspect import info, verify
from thcodec.media.crop import CroppedFrame
from thcodec.models import registry
from thcodec.models.animator import Extraction, Eyes
from thcodec.motion import Motion, Quantiser
from thcodec.pipeline.coded_source import SourceMaker
from thcodec.pipeline.seen import SeenFrame
from thcodec.pipeline.source_choice import SourceChoice

SLOW = [clips.disc(at / 4, 256, 256) for at in range(100)]  # half a turn
STILL = [clips.disc(0, 256, 256)] * 60


class Blinking(MomentAnimator):
    """Takes a red pixel in the last corner for shut eyes."""

    eyes = Eyes(lids=((3, 4),), corners=(1, 2))

    def _extract(self, picture: np.ndarray) -> Extraction:
        seen = super()._extract(picture)
        if tuple(picture[-1, -1]) == (255, 0, 0):
            seen.keypoints[4] = seen.keypoints[3]
        return seen


def shut(picture: np.ndarray) -> np.ndarray:
    picture = picture.copy()
    picture[-1, -1] = 255, 0, 0
    return picture


def face(index: int, hand: bool = False) -> np.ndarray:
    """A disc with a mouth, or a hand before it."""
    picture = clips.disc(index, 256, 256)
    angle = index * 2 * np.pi / 50
    x, y = int(128 + 40 * np.sin(angle)), int(128 + 20 * np.cos(angle))
    cv2.ellipse(picture, (x, y + 22), (9, 5), 0, 0, 360, (200, 60, 80), -1, cv2.LINE_AA)
    if hand:
        for finger in range(4):
            cv2.line(picture, (x - 22 + 9 * finger, y + 8), (x - 16 + 9 * finger, y + 44),
                     (180 - 9 * finger, 140, 120), 8, cv2.LINE_AA)  # fmt: skip
    return picture


def encoded(pictures: list[np.ndarray], live: bool = False, **options: object) -> list[Packet]:
    config = EncoderConfig(crop="none", source_size=64, **options)
    encoder = Encoder(config, live=live, animator=Blinking())
    packets = [p for at, picture in enumerate(pictures) for p in encoder.push(picture, at)]
    return packets + encoder.flush()


def shown(packets: list[Packet]) -> list[Frame]:
    decoder = Decoder(animator=MomentAnimator())
    frames = [frame for packet in packets for frame in decoder.push(packet)] + decoder.flush()
    assert not any(frame.concealed for frame in frames)
    assert [frame.pts for frame in frames] == list(range(len(frames)))
    return frames


def stills(packets: list[Packet]) -> list[int]:
    """Times of the frames that became sources."""
    return [SourceRecord.parse(p.payload).pts for p in packets if p.type == RecordType.SOURCE]


def written(packets: list[Packet]) -> io.BytesIO:
    file = io.BytesIO()
    with Writer(file) as writer:
        for packet in packets:
            writer.write(packet)
        writer.finish()
    file.seek(0)
    return file


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {"policy": "first"},
        {"policy": "threshold", "limit": 10},
        {"policy": "quality", "limit": 5},
        {"policy": "budget", "bitrate": 10},
        {"interval": 20, "bank": 3},
        {"policy": "best-frame", "interval": 20},
    ],
    ids=str,
)
def test_every_policy_makes_whole_streams(options: dict[str, object], live: bool) -> None:
    if live and options["policy" if "policy" in options else "bank"] == "best-frame":
        with pytest.raises(ValueError, match="looks ahead"):
            encoded(SLOW[:1], live=True, **options)
        return
    packets = encoded(SLOW, live, **options)
    frames = shown(packets)
    assert len(frames) == 100
    # The double follows the disc so well that the closed loop finds nothing amiss.
    assert (len(stills(packets)) == 1) == (options.get("policy") in ("first", "quality"))
    assert verify(written(packets)) == []


def test_threshold_sends_nothing_for_a_still_face() -> None:
    assert len(stills(encoded(STILL, policy="threshold", limit=5))) == 1
    assert len(stills(encoded(STILL, policy="quality", limit=5))) == 1
    assert len(stills(encoded(STILL, policy="budget", bitrate=50))) == 1
    assert len(stills(encoded(STILL, interval=20))) == 3


def test_a_lower_limit_sends_more() -> None:
    counts = [len(stills(encoded(SLOW, policy="threshold", limit=n))) for n in (5, 15, 200)]
    assert counts[0] > counts[1] > counts[2] == 1


def test_quality_sees_what_keypoints_do_not() -> None:
    dark = [picture // 2 for picture in STILL]
    fading = [*STILL[:20], *(cv2.addWeighted(STILL[0], 1 - n / 20, dark[0], n / 20, 0)
                             for n in range(20)), *dark[:40]]  # fmt: skip
    assert len(stills(encoded(fading, policy="threshold", limit=5))) == 1
    assert len(stills(encoded(fading, policy="quality", limit=5))) > 1


def test_budget_keeps_its_rate() -> None:
    for bitrate in (6, 12):
        dear = {"still_codec": StillCodec.WEBP}  # in a chain all that help cost less than that
        packets = encoded([*SLOW, *SLOW[::-1]], policy="budget", bitrate=bitrate, **dear)
        rate = sum(map(len, packets)) * 8 / 8 / 1000
        assert 0.5 * bitrate < rate < 1.1 * bitrate


def test_best_frame_may_lie_ahead_of_the_motion_that_uses_it() -> None:
    packets = encoded(SLOW, policy="best-frame", interval=25, bank=1)
    times = stills(packets)
    assert len(times) == 4
    for number, time in enumerate(times):
        assert 25 * number < time < 25 * number + 24  # the middle serves best
    assert [frame.source_id for frame in shown(packets)] == [at // 25 for at in range(100)]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"policy": "first"}, True),
        ({"policy": "threshold", "limit": 50}, True),
        ({"policy": "best-frame", "interval": 30}, True),
        ({"interval": 100}, False),
    ],
    ids=str,
)
def test_shut_eyes_are_avoided_in_files(options: dict[str, object], sent: bool) -> None:
    times = stills(encoded([*map(shut, STILL[:10]), *STILL[:20]], **options))
    assert (times[0] >= 10) == sent and len(times) == 1


def test_shut_eyes_are_replaced_once_in_live_streams() -> None:
    blinks = [*map(shut, STILL[:10]), *STILL[:20], *map(shut, STILL[:10]), *STILL[:20]]
    assert stills(encoded(blinks, live=True, policy="first")) == [0, 10]
    assert stills(encoded(blinks, live=True, interval=50)) == [0, 50]
    # What is wanted while the eyes are shut waits a little for them to open.
    moving = [*SLOW[:8], *map(shut, SLOW[8:20]), *SLOW[20:30]]
    assert stills(encoded(SLOW[:30], live=True, policy="threshold", limit=20))[1] < 20
    assert stills(encoded(moving, live=True, policy="threshold", limit=20))[1] == 20


def test_live_streams_show_a_source_from_the_next_frame_on() -> None:
    """By then the receiver has made it ready; it comes after the frame that asked for it."""
    decoder, ids, arrived = Decoder(animator=(animator := MomentAnimator())), [], {}
    for packet in encoded(SLOW[:40], live=True, policy="threshold", limit=20):
        ids += [frame.source_id for frame in decoder.push(packet)]
        if packet.type == RecordType.SOURCE:
            record = SourceRecord.parse(packet.payload)
            arrived[record.source_id] = len(ids)
            assert animator.prepared == len(arrived)
            assert len(ids) == record.pts + (record.source_id > 0)
    assert len(arrived) > 1
    assert all(ids.index(source) == before for source, before in arrived.items())


def test_live_streams_show_a_source_at_once_where_nothing_else_will_do() -> None:
    """After a cut, also one that comes with the frame for which a source was sent."""
    other = [255 - picture for picture in STILL[:10]]
    begun = stills(encoded(SLOW[:40], live=True, policy="threshold", limit=20))[1]
    packets = encoded([*SLOW[: begun + 1], *other], live=True, policy="threshold", limit=20)
    assert stills(packets)[1:3] == [begun, begun + 1]
    ids = [frame.source_id for frame in shown(packets)]
    assert ids == [0] * (begun + 1) + [2] * len(other)
    ids = [frame.source_id for frame in shown(encoded(SLOW[:30], live=True, interval=20))]
    assert ids == [0] * 20 + [1] * 10


def test_a_hand_before_the_face_makes_no_source_where_another_will_do() -> None:
    way = [*[0] * 30, *range(6), *[5] * 60, *range(5, -1, -1), *[0] * 30, *range(6), *[5] * 60]
    hands = [36 <= at < 96 for at in range(len(way))]
    pictures = [face(*each) for each in zip(way, hands, strict=True)]
    times = stills(encoded(pictures, policy="threshold", limit=10, look_ahead=25))
    assert len(times) > 1 and not any(hands[time] for time in times)


LOOK, HAND = np.random.default_rng(3).normal(size=(2, 2, 100))


@pytest.mark.parametrize(
    ("score", "look", "fit", "returns"),
    [(1, LOOK, 1, True), (1, HAND, 1, False), (0.2, LOOK, 1, False), (0.2, LOOK, 0.1, True),
     (0.2, HAND, 0.1, False)],
    ids=["good", "a hand", "poor", "poor for a poor frame", "a hand for a poor frame"],
)  # fmt: skip
def test_which_source_returns(score: float, look: np.ndarray, fit: float, returns: bool) -> None:
    """A source 22 nearer than the present one, whose score and look differ."""
    header = StreamHeader.parse(encoded(STILL[:1])[0].payload)
    animator = MomentAnimator()
    upscaler = registry.load_upscaler("lanczos")
    config = EncoderConfig()
    maker = SourceMaker(config, animator, Quantiser(header.keypoint_model), live=False)
    choice = SourceChoice(config, header, animator, upscaler, maker, None, compares=False)

    def seen(x: float, score: float, look: np.ndarray) -> SeenFrame:
        pose = Motion(np.zeros(3), np.array([x, 0, 0]), 0.0, np.zeros((5, 3)))
        (extraction,) = animator.extract(STILL[:1])
        frame = CroppedFrame(STILL[0], 0, header.crop, False, True)
        return SeenFrame(0, frame, extraction, True, pose, score, look)

    now, old = maker.make(0, seen(25 / 190, fit, LOOK)), maker.make(1, seen(3 / 190, score, look))
    for source in (old, now):
        choice._bank.enter(source)
    choice._source = now
    choice._show_nearest(seen(0, fit, LOOK), now)
    assert (choice._source is old) == returns


def test_the_last_frames_get_no_source_of_their_own() -> None:
    moves = [clips.disc(at, 256, 256) for at in range(8)]
    options = {"policy": "threshold", "limit": 15}
    assert len(stills(encoded([*STILL, *moves, *[moves[-1]] * 40], **options))) == 2
    assert len(stills(encoded([*STILL, *moves], **options))) == 1
    # Nor do those before a cut, which has its own.
    other = [255 - picture[::-1] for picture in STILL[:20]]
    assert len(stills(encoded([*STILL, *moves, *other], **options))) == 2


def test_no_still_is_sent_twice() -> None:
    times = stills(encoded([*SLOW, *SLOW[::-1]] * 2, policy="threshold", limit=4))
    assert len(times) == len(set(times)) > 2


def test_a_poor_still_is_not_sent_twice_either() -> None:
    there = [*STILL[:20], *SLOW[:60]]
    moving = [*there, *map(shut, there[::-1])] * 2
    times = stills(encoded(moving, policy="threshold", limit=8, look_ahead=5))
    assert len(times) == len(set(times)) > 2


def test_with_one_source_an_old_one_does_not_spare_a_new_one() -> None:
    there = [*STILL[:20], *SLOW[:60]]
    moving = [*there, *map(shut, there[::-1]), *map(shut, STILL)]
    times = stills(encoded(moving, policy="threshold", limit=15, look_ahead=15, bank=1))
    assert times[-1] > 80, times


def test_a_shot_that_begins_with_a_hand_has_a_source_without() -> None:
    (time,) = stills(encoded([face(0, hand=True)] * 8 + [face(0)] * 80, policy="threshold"))
    assert time >= 8


def test_poor_frames_make_no_source_where_another_will_do() -> None:
    moving = [*STILL[:20], *SLOW[:11], *[SLOW[11]] * 80]
    options = {"policy": "threshold", "limit": 15, "look_ahead": 15}
    open_ = stills(encoded(moving, **options))
    shut_ = stills(encoded([*moving[:20], *map(shut, moving[20:])], **options))
    assert len(open_) > len(shut_) == 1


def test_a_cut_makes_a_source_and_forgets_the_others() -> None:
    other = [255 - picture[::-1] for picture in STILL[:20]]
    packets = encoded([*STILL[:20], *other, *STILL[:20]], policy="threshold", look_ahead=5)
    assert [frame.source_id for frame in shown(packets)] == [0] * 20 + [1] * 20 + [2] * 20


def test_scores_are_told_at_the_end_of_files() -> None:
    packets = encoded(SLOW, policy="threshold", limit=10)
    assert packets[-1].type == RecordType.METADATA
    facts = info(written(packets))
    scores = [source["score"] for source in facts["sources"]]
    assert scores == Metadata.parse(packets[-1].payload).values["source_scores"]
    assert all(50 < score <= 100 for score in scores) and len(scores) > 2
    assert sum(source["frames"] for source in facts["sources"]) == 100
    for options in ({"live": True, "policy": "threshold"}, {"interval": 20}):
        packets = encoded(SLOW[:30], **options)
        assert all(packet.type != RecordType.METADATA for packet in packets)
        assert info(written(packets))["sources"][0]["score"] is None


def test_header_names_the_bank() -> None:
    for options, size in (({}, 8), ({"interval": 5}, 2), ({"bank": 1}, 2), ({"bank": 40}, 40)):
        header = StreamHeader.parse(encoded(STILL[:1], **options)[0].payload)
        assert header.bank_size == size

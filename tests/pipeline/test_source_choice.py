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
from thcodec.bitstream.inspect import info, verify
from thcodec.models.animator import Extraction, Eyes

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
        packets = encoded([*SLOW, *SLOW[::-1]], policy="budget", bitrate=bitrate)
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

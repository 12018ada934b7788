"""encode() and decode() on files, with the animator that needs no weights."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import thcodec
from tests import clips
from tests.doubles import MomentAnimator
from thcodec.bitstream import Packet, RecordType
from thcodec.bitstream.header import StillCodec
from thcodec.bitstream.signature import PREAMBLE
from thcodec.errors import MalformedError, MediaError, NoFaceError, OutputExistsError
from thcodec.media.video_input import InputFrame
from thcodec.pipeline import Progress, Summary
from thcodec.pipeline.encode_file import resample

PLAIN = thcodec.EncoderConfig(crop="none", interval=20)


def _there_and_back(
    clip: Path, folder: Path, config: thcodec.EncoderConfig = PLAIN, suffix: str = ".mp4"
) -> Path:
    stream, out = folder / "a.thv", folder / f"a{suffix}"
    thcodec.encode(clip, stream, config, animator=MomentAnimator())
    thcodec.decode(stream, out, animator=MomentAnimator())
    return out


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_frames_times_and_sound_come_back(clip: Path, tmp_path: Path, suffix: str) -> None:
    times, sound, width = clips.probe(_there_and_back(clip, tmp_path, suffix=suffix))
    before, sound_before, _ = clips.probe(clip)
    assert width == 256
    assert len(times) == len(before) == 50
    assert times == pytest.approx(before, abs=0.001)
    assert float(sound) == pytest.approx(float(sound_before), abs=0.04)


def test_variable_frame_rate_survives(tmp_path: Path) -> None:
    times = [0, 40, 80, 200, 240, 500, 540, 580, 900, 1000]
    clip = clips.write_clip(tmp_path / "v.mp4", frames=10, sound=False, times=times)
    got, _, _ = clips.probe(_there_and_back(clip, tmp_path))
    assert got == [Fraction(time, 1000) for time in times]


def test_summary_counts_every_byte(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.thv"
    seen: list[Progress] = []
    summary = thcodec.encode(clip, target, PLAIN, animator=MomentAnimator(), progress=seen.append)
    assert summary.bytes.total == target.stat().st_size
    assert (summary.frames, summary.sources, summary.duration) == (50, 3, 2.0)
    assert min(summary.bytes.sources, summary.bytes.motion, summary.bytes.audio) > 0
    assert seen[-1].share == pytest.approx(1.0, abs=0.05)
    assert "50 frames, 3 sources" in summary.line()
    again = thcodec.decode(target, tmp_path / "a.mp4", animator=MomentAnimator())
    assert (again.frames, again.sources, again.duration) == (50, 3, 2.0)
    assert again.bytes == summary.bytes
    assert not again.damage


def test_equal_input_makes_equal_bytes(clip: Path, tmp_path: Path) -> None:
    streams = [io.BytesIO(), io.BytesIO()]
    for stream in streams:
        thcodec.encode(clip, stream, PLAIN, animator=MomentAnimator())
    assert streams[0].getvalue() == streams[1].getvalue()


@pytest.mark.parametrize("codec", list(StillCodec))
@pytest.mark.parametrize("coder", [0, 1, 2])
def test_every_codec_and_coder(clip: Path, codec: int, coder: int, tmp_path: Path) -> None:
    config = thcodec.EncoderConfig(crop="none", still_codec=codec, coder=coder, audio=False)
    stream = io.BytesIO()
    thcodec.encode(clip, stream, config, animator=MomentAnimator())
    stream.seek(0)
    summary = thcodec.decode(stream, raw=tmp_path / "a.y4m", animator=MomentAnimator())
    assert summary.frames == 50
    size = (tmp_path / "a.y4m").stat().st_size
    assert size == pytest.approx(50 * 256 * 256 * 3, rel=0.01)


def test_rate_can_be_changed(clip: Path, tmp_path: Path) -> None:
    config = thcodec.EncoderConfig(crop="none", fps=Fraction(10))
    times, sound, _ = clips.probe(_there_and_back(clip, tmp_path, config))
    assert times == [Fraction(index, 10) for index in range(20)]
    assert float(sound) == pytest.approx(2.0, abs=0.05)


def test_resample_repeats_and_drops() -> None:
    pictures = [np.full((1, 1, 3), index, np.uint8) for index in range(4)]
    times = [2, 3, 4, 8]
    frames = [InputFrame(rgb, pts, 2) for rgb, pts in zip(pictures, times, strict=True)]
    slots = resample(iter(frames), Fraction(1, 10), Fraction(5))
    shown = [(frame.pts, int(frame.rgb[0, 0, 0])) for frame in slots]
    assert shown == [(1, 0), (2, 2), (3, 2), (4, 3)]


def test_no_sound_when_not_wanted(clip: Path, tmp_path: Path) -> None:
    config = thcodec.EncoderConfig(crop="none", audio=False)
    assert clips.probe(_there_and_back(clip, tmp_path, config))[1] == 0


def test_a_face_is_needed_unless_told(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(NoFaceError, match=r"50 frames.*--crop none"):
        thcodec.encode(clip, tmp_path / "a.thv", animator=MomentAnimator())
    assert not list(tmp_path.iterdir())


def test_an_existing_file_stays(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.thv"
    target.write_text("mine")
    with pytest.raises(OutputExistsError):
        thcodec.encode(clip, target, PLAIN, animator=MomentAnimator())
    assert target.read_text() == "mine"


def test_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("hello")
    with pytest.raises(MediaError):
        thcodec.encode(path, tmp_path / "a.thv", PLAIN, animator=MomentAnimator())


def _pushed(times: range) -> list[Packet]:
    """A stream of a source, whose still stands alone, and a motion packet for every 20 frames."""
    config = replace(PLAIN, still_codec=StillCodec.WEBP)
    encoder = thcodec.Encoder(config, live=False, animator=MomentAnimator())
    packets = [packet for at in times for packet in encoder.push(clips.disc(at), at)]
    return packets + encoder.flush()


def _decoded(packets: list[Packet], folder: Path) -> Summary:
    """Decode a stream that no Writer would write; it has no end record."""
    stream = io.BytesIO(PREAMBLE + b"".join(packet.to_bytes() for packet in packets))
    return thcodec.decode(stream, raw=folder / "a.y4m", animator=MomentAnimator())


def test_a_flood_of_faults_is_noted_in_part(tmp_path: Path) -> None:
    flood = [Packet(RecordType.AUDIO, b"", sequence=number % 256) for number in range(1500)]
    summary = _decoded(_pushed(range(20)) + flood, tmp_path)
    assert summary.frames == 20
    assert len(summary.damage) == 1000


def test_the_first_fault_says_why_there_is_no_frame(tmp_path: Path) -> None:
    packets = [*_pushed(range(1))[:2], Packet(RecordType.MOTION, b"")]
    with pytest.raises(MalformedError, match="ends in its head"):
        _decoded(packets, tmp_path)


def test_frames_left_out_are_told(tmp_path: Path) -> None:
    before, after = _pushed(range(40)), _pushed(range(-10, 50))[-2:]
    assert [packet.type for packet in after] == [RecordType.SOURCE, RecordType.MOTION]
    lost = before.index(next(p for p in before[2:] if p.type == RecordType.SOURCE))
    # Times 20..39 repeat a picture, as their source is lost; 30..49 follow.
    summary = _decoded(before[:lost] + before[lost + 1 :] + after, tmp_path)
    assert summary.frames == 50
    assert "10 frames were left out: their times had been filled" in summary.damage


def test_a_real_clip_is_cropped_to_the_face(shared_original: Path, tmp_path: Path) -> None:
    config = thcodec.EncoderConfig(interval=50)
    out = _there_and_back(shared_original, tmp_path, config)
    times, _, width = clips.probe(out)
    assert (len(times), width) == (125, 256)

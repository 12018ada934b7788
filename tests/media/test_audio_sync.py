"""Sound stays with the picture: a flash and a tone burst at the same moment, all the way round."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.media.clips import flash_picture, tone_burst, write_clip
from thcodec.bitstream.header import AudioParameters
from thcodec.errors import MediaError
from thcodec.media.audio import AudioPacket, OpusEncoder
from thcodec.media.opus_stream import open_template
from thcodec.media.video_input import VideoInput
from thcodec.media.video_output import VideoOutput

FRAME = 1 / 25
FLASH = 25  # number of the frame


def flashing(number: int, width: int, height: int) -> np.ndarray:
    return flash_picture(number == FLASH, width, height)


def copy(path: Path, target: Path) -> list[AudioPacket]:
    """What encoding and decoding do to times, without the codec between."""
    packets: list[AudioPacket] = []
    with (
        VideoInput(path, audio_bitrate=48000) as video,
        VideoOutput(
            target, (video.width, video.height), video.time_base, audio=video.audio_parameters
        ) as output,
    ):
        for frame in video.frames():
            output.add_frame(frame.rgb, frame.pts, frame.duration)
            packets += video.take_audio()
        packets += video.take_audio()
        for packet in packets:
            output.add_audio(packet.pts, packet.duration, packet.data)
    return packets


def moments(path: Path) -> tuple[float, float]:
    """When the flash and the burst begin, in seconds, as a player would show them."""
    flash = burst = -1.0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if flash < 0 and frame.to_ndarray(format="gray").mean() > 128:
                flash = frame.time
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono", 48000)
        for frame in container.decode(audio=0):
            start = frame.time
            for part in resampler.resample(frame):
                loud = np.flatnonzero(np.abs(part.to_ndarray()[0]) > 0.2)
                if burst < 0 and len(loud):
                    burst = start + loud[0] / 48000
    return flash, burst


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize(
    ("codec", "rate", "channels"),
    [("aac", 44100, 1), ("aac", 48000, 2), ("flac", 22050, 2), ("libmp3lame", 32000, 1)],
)
def test_flash_and_burst_stay_together(tmp_path, suffix, codec, rate, channels):
    sound = tone_burst(2.0, 1.0, rate, channels)
    path = write_clip(
        tmp_path / "in.mkv",
        times=range(50),
        picture=flashing,
        sound=sound,
        rate=rate,
        audio_codec=codec,
    )
    copy(path, tmp_path / f"out{suffix}")
    before, after = moments(path), moments(tmp_path / f"out{suffix}")
    assert after[0] == pytest.approx(1.0, abs=0.001)
    assert abs((after[1] - after[0]) - (before[1] - before[0])) < FRAME / 4


@pytest.mark.parametrize("start", [-0.3, 0.5])
def test_sound_that_starts_elsewhere(tmp_path, start):
    sound = tone_burst(2.5, 1.0 - start, 48000, 1)
    ticks = [max(0, -round(start * 1000)) + 40 * number for number in range(50)]
    path = write_clip(
        tmp_path / "in.mkv",
        times=ticks,
        time_base=Fraction(1, 1000),
        picture=flashing,
        sound=sound,
        audio_codec="flac",
        audio_start=max(0, round(start * 48000)),
    )
    copy(path, tmp_path / "out.mp4")
    flash, burst = moments(tmp_path / "out.mp4")
    assert abs(flash - burst) < FRAME / 4


def test_packets_are_copied_unchanged(tmp_path):
    sound = tone_burst(1.0, 0.2, 48000, 2)
    path = write_clip(tmp_path / "in.mp4", times=range(25), sound=sound)
    given = copy(path, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        found = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    assert found == [packet.data for packet in given]


def test_first_packet_holds_the_priming():
    encoder = OpusEncoder(2)
    parameters = encoder.parameters
    packets = encoder.encode(audio_frame(np.zeros((4800, 2), np.float32), 0), Fraction(0))
    assert parameters.extradata.startswith(b"OpusHead")
    assert (parameters.sample_rate, parameters.channels) == (48000, 2)
    assert packets[0].pts == -parameters.pre_skip < 0
    assert all(later.pts - packet.pts == 960 for packet, later in pairwise(packets))


def audio_frame(samples: np.ndarray, start: int, rate: int = 48000) -> Any:
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), "fltp", layout)
    frame.sample_rate = rate
    frame.pts, frame.time_base = start, Fraction(1, rate)
    return frame


def length(packets: list[AudioPacket]) -> int:
    return packets[-1].pts + packets[-1].duration


def test_gap_becomes_silence_and_overlap_is_dropped():
    second = np.zeros((48000, 1), np.float32)
    for starts, end in [((0, 144000), 4.0), ((0, 24000), 1.5), ((-24000,), 0.5), ((0, 48480), 2.0)]:
        encoder = OpusEncoder(1)
        packets: list[AudioPacket] = []
        for start in starts:
            packets += encoder.encode(audio_frame(second, start), Fraction(0))
        packets += encoder.flush()
        assert length(packets) == pytest.approx(end * 48000, abs=1), starts


def test_broken_time_stamp_does_not_make_hours_of_silence():
    encoder = OpusEncoder(1)
    second = np.zeros((48000, 1), np.float32)
    packets = encoder.encode(audio_frame(second, 0), Fraction(0))
    packets += encoder.encode(audio_frame(second, 48000 * 100_000), Fraction(0))
    packets += encoder.flush()
    assert length(packets) == pytest.approx(2 * 48000, abs=1)


def test_format_may_change_and_many_channels_are_mixed_down():
    encoder = OpusEncoder(6)
    packets = encoder.encode(audio_frame(np.zeros((48000, 6), np.float32), 0), Fraction(0))
    quieter = np.zeros((22050, 1), np.float32)
    packets += encoder.encode(audio_frame(quieter, 22050, rate=22050), Fraction(0))
    packets += encoder.flush()
    assert encoder.parameters.channels == 2
    assert length(packets) == pytest.approx(2 * 48000, abs=2)


def test_template_carries_the_priming_and_refuses_nonsense():
    parameters = OpusEncoder(1).parameters
    with open_template(parameters) as template:
        assert template.streams.audio[0].codec_context.extradata == parameters.extradata
    with pytest.raises(MediaError, match="OpusHead"):
        open_template(AudioParameters(1, 48000, 1, 312, b"nonsense"))

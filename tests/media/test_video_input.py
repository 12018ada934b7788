"""Reading videos: times, orientation, and every way a file can be wrong."""

from __future__ import annotations

import os
import struct
import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.media.clips import moving_picture, noise_picture, tone_burst, write_clip
from thcodec.errors import MediaError
from thcodec.media.video_input import VideoInput


def read(path: Path) -> tuple[list[Fraction], list[np.ndarray], VideoInput]:
    with VideoInput(path) as video:
        frames = list(video.frames())
    return [f.pts * video.time_base for f in frames], [f.rgb for f in frames], video


def test_constant_rate(tmp_path):
    times, pictures, video = read(write_clip(tmp_path / "a.mp4"))
    assert times == [Fraction(n, 25) for n in range(10)]
    assert video.frame_rate == 25
    assert video.duration * video.time_base == Fraction(10, 25)
    assert not video.has_audio and video.audio_parameters is None
    assert video.damaged is None
    assert pictures[0].shape == (48, 64, 3) == (video.height, video.width, 3)


def test_variable_rate_and_late_start_survive(tmp_path):
    ticks = [0, 3, 4, 11, 40, 41, 90]
    path = write_clip(tmp_path / "a.mp4", times=ticks, time_base=Fraction(1, 90))
    assert read(path)[0] == [Fraction(tick, 90) for tick in ticks]
    path = write_clip(tmp_path / "b.mkv", times=ticks, time_base=Fraction(1, 1000))
    assert read(path)[0] == [Fraction(tick, 1000) for tick in ticks]


def test_offset_between_sound_and_picture_is_kept(tmp_path):
    sound = tone_burst(1.0, 0.0, 48000, 1)
    ticks = [200 + 40 * n for n in range(10)]
    path = write_clip(
        tmp_path / "a.mkv",
        times=ticks,
        time_base=Fraction(1, 1000),
        sound=sound,
        audio_codec="flac",
    )
    assert read(path)[0][0] == Fraction(1, 5)
    path = write_clip(
        tmp_path / "b.mkv",
        time_base=Fraction(1, 25),
        sound=sound,
        audio_codec="flac",
        audio_start=24000,
    )
    with VideoInput(path) as video:
        times = [frame.pts for frame in video.frames()]
        packets = video.take_audio()
    assert times[0] == 0
    end = packets[-1].pts + packets[-1].duration
    assert end == pytest.approx(1.5 * 48000, abs=48)


def test_transport_stream_starts_at_zero(tmp_path):
    times, _, _ = read(write_clip(tmp_path / "a.ts"))
    assert times == [Fraction(n, 25) for n in range(10)]


def test_frames_without_times(tmp_path):
    times, _, _ = read(write_clip(tmp_path / "a.h264", options={}))
    assert len(times) == 10
    assert all(later > earlier for earlier, later in pairwise(times))


def test_odd_size(tmp_path):
    path = write_clip(tmp_path / "a.mkv", size=(61, 47), codec="ffv1", pixels="yuv444p")
    _, pictures, video = read(path)
    assert (video.width, video.height) == (61, 47)
    assert np.abs(pictures[3].astype(int) - moving_picture(3, 61, 47)).mean() < 3


def test_pixels_become_square(tmp_path):
    path = write_clip(tmp_path / "a.mp4", aspect=Fraction(3, 2))
    _, pictures, video = read(path)
    assert (video.width, video.height) == (96, 48)
    assert pictures[0].shape == (48, 96, 3)


def turn(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write a display matrix into the track header of an MP4 file (ISO 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in matrix)
    begin = data.index(b"tkhd") + 4 + 40
    struct.pack_into(">9i", data, begin, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("matrix", "size", "corner"),
    [
        ((1, 0, 0, 1), (64, 48), (0, 0)),
        ((0, 1, -1, 0), (48, 64), (0, -1)),  # 90 degrees clockwise
        ((-1, 0, 0, -1), (64, 48), (-1, -1)),
        ((0, -1, 1, 0), (48, 64), (-1, 0)),
        ((-1, 0, 0, 1), (64, 48), (0, -1)),  # mirrored
        ((0, 1, 1, 0), (48, 64), (0, 0)),  # transposed
    ],
)
def test_orientation(tmp_path, matrix, size, corner):
    path = write_clip(tmp_path / "a.mp4")
    turn(path, matrix)
    _, pictures, video = read(path)
    assert (video.width, video.height) == size
    row, column = corner
    assert pictures[0][row, column, 0] > 150, "the red corner is elsewhere"
    assert pictures[0][-1 - row, -1 - column, 0] < 100


def test_no_such_file(tmp_path):
    with pytest.raises(MediaError, match="No such file"):
        VideoInput(tmp_path / "absent.mp4")
    with pytest.raises(MediaError, match="Is a directory"):
        VideoInput(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"not a video at all\n" * 300])
def test_not_a_video(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"not a video|no video stream") as caught:
        VideoInput(path)
    assert "\n" not in str(caught.value)


def test_sound_only(tmp_path):
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), "s16", "mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
    with pytest.raises(MediaError, match="no video stream"):
        VideoInput(path)


def test_no_frames(tmp_path):
    whole = write_clip(tmp_path / "a.mkv").read_bytes()
    path = tmp_path / "b.mkv"
    path.write_bytes(whole[: whole.index(b"\x1f\x43\xb6\x75")])  # up to the first cluster
    with pytest.raises(MediaError, match=r"no readable frame|damaged beyond reading"):
        VideoInput(path)


def test_cut_file_yields_its_beginning(tmp_path):
    whole = write_clip(
        tmp_path / "a.mp4", times=range(100), options={"movflags": "faststart"}
    ).read_bytes()
    path = tmp_path / "b.mp4"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    times, _, video = read(path)
    assert 20 < len(times) < 100
    assert times == [Fraction(n, 25) for n in range(len(times))]
    assert video.damaged is not None and "b.mp4" in video.damaged


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_that_outlasts_the_pictures_is_no_damage(tmp_path, suffix):
    path = write_clip(tmp_path / f"a{suffix}", sound=tone_burst(3.0, 0.0, 48000, 1))
    for audio in (True, False):
        with VideoInput(path, audio=audio) as video:
            assert len(list(video.frames())) == 10
            assert video.damaged is None


def test_cut_matroska(tmp_path):
    whole = write_clip(tmp_path / "a.mkv", times=range(100), picture=noise_picture).read_bytes()
    path = tmp_path / "b.mkv"
    path.write_bytes(whole[: len(whole) // 2])
    times, _, video = read(path)
    assert 30 < len(times) < 70
    assert video.damaged is not None and "of 4.00 seconds" in video.damaged


def test_cut_without_index_is_refused(tmp_path):
    whole = write_clip(tmp_path / "a.mp4", picture=noise_picture).read_bytes()
    path = tmp_path / "b.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match="damaged beyond reading"):
        VideoInput(path)


def test_damaged_middle_is_passed_over(tmp_path):
    path = write_clip(tmp_path / "a.mp4", times=range(60), picture=noise_picture)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = np.random.default_rng(1).bytes(4000)
    path.write_bytes(data)
    times, _, video = read(path)
    assert 30 < len(times) <= 60
    assert video.damaged is not None


def test_standard_input(tmp_path, monkeypatch):
    data = write_clip(tmp_path / "a.mkv", times=range(50)).read_bytes()
    out, into = os.pipe()

    def feed() -> None:
        with os.fdopen(into, "wb") as file:
            file.write(data)

    writer = threading.Thread(target=feed)
    writer.start()
    with os.fdopen(out, "rb") as file:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": file}))
        times, _, video = read(Path("-"))
    writer.join()
    assert len(times) == 50
    assert video.name == "standard input"

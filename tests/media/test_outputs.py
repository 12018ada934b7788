"""Writing videos: exact times, and no file under the final name before it is whole."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.media.clips import moving_picture, noise_picture
from thcodec.bitstream.header import AudioParameters
from thcodec.errors import MediaError, OutputExistsError, TimingError
from thcodec.media.files import PendingFile
from thcodec.media.video_input import VideoInput
from thcodec.media.video_output import VideoOutput
from thcodec.media.y4m import Y4mOutput

try:
    import resource
except ImportError:  # Windows
    resource = None

SIZE = (64, 48)
TICKS = [0, 1001, 2002, 4004, 9009, 10010]
LAST = 5005
BASE = Fraction(1, 24000)


def write(path: Path, **options) -> None:
    with VideoOutput(path, SIZE, BASE, **options) as output:
        for number, tick in enumerate(TICKS):
            output.add_frame(moving_picture(number, *SIZE), tick, LAST)


def test_a_named_pipe_is_written_to_and_stays(tmp_path):
    """As root, a file renamed to /dev/null would replace the device."""
    pipe = tmp_path / "p.y4m"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with Y4mOutput(pipe, SIZE, Fraction(25), overwrite=True):
        pass
    assert os.read(reader, 9) == b"YUV4MPEG2"
    os.close(reader)
    assert pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]


def test_a_link_keeps_pointing_at_the_file(tmp_path):
    (tmp_path / "real.mkv").write_bytes(b"old")
    (tmp_path / "link.mkv").symlink_to("real.mkv")
    write(tmp_path / "link.mkv", overwrite=True)
    assert (tmp_path / "link.mkv").is_symlink()
    assert (tmp_path / "real.mkv").stat().st_size > 100


@pytest.mark.parametrize("rate", [Fraction(1, 1 << 40), Fraction((1 << 31) + 1, 7)])
def test_a_frame_rate_that_no_container_can_say(tmp_path, rate):
    write(tmp_path / "a.mkv", frame_rate=rate)
    assert (tmp_path / "a.mkv").exists()


def test_opus_on_another_clock_is_refused(tmp_path):
    audio = AudioParameters(sample_rate=16000, extradata=b"OpusHead" + bytes(11))
    with pytest.raises(MediaError, match="1/48000 s, not 1/16000"):
        VideoOutput(tmp_path / "a.mkv", SIZE, BASE, audio=audio)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("suffix", "codec", "error"),
    [
        (".mp4", "h264", 0),
        (".mkv", "h264", Fraction(1, 2000)),
        (".webm", "vp9", Fraction(1, 2000)),
    ],
)
def test_times_count_and_length(tmp_path, suffix, codec, error):
    path = tmp_path / f"a{suffix}"
    write(path, frame_rate=Fraction(24000, 1001))
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec.canonical_name == codec
        length = Fraction(container.duration, av.time_base)
    assert abs(length - (TICKS[-1] + LAST) * BASE) <= error + Fraction(1, 1_000_000)
    with VideoInput(path) as video:
        times = [frame.pts * video.time_base for frame in video.frames()]
    assert len(times) == len(TICKS)
    assert all(abs(time - tick * BASE) <= error for time, tick in zip(times, TICKS, strict=True))


def test_last_frame_lasts_as_long_as_the_one_before(tmp_path):
    path = tmp_path / "a.mp4"
    with VideoOutput(path, SIZE, Fraction(1, 100)) as output:
        for tick in (0, 4, 14):
            output.add_frame(moving_picture(tick, *SIZE), tick)
    with av.open(str(path)) as container:
        assert container.duration == 240_000


def test_time_bases_without_unit_numerator(tmp_path):
    path = tmp_path / "a.mp4"
    base = Fraction(1001, 30000)
    with VideoOutput(path, SIZE, base) as output:
        for number in range(5):
            output.add_frame(moving_picture(number, *SIZE), number)
    with VideoInput(path) as video:
        assert [f.pts * video.time_base for f in video.frames()] == [n * base for n in range(5)]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_colours(tmp_path, suffix):
    colours = np.array(
        [[200, 30, 30], [30, 200, 30], [30, 30, 200], [250, 250, 250], [5, 5, 5]], np.uint8
    )
    picture = np.repeat(np.repeat(colours[None], 16, axis=1), 48, axis=0)
    path = tmp_path / f"a{suffix}"
    with VideoOutput(path, (80, 48), Fraction(1, 25), crf=5) as output:
        for number in range(3):
            output.add_frame(picture, number)
    with VideoInput(path) as video:
        seen = next(video.frames()).rgb
    for number, colour in enumerate(colours):
        middle = seen[24, 16 * number + 8].astype(int)
        assert np.abs(middle - colour).max() <= 5, colour


def test_file_appears_only_when_closed(tmp_path):
    path = tmp_path / "a.mp4"
    output = VideoOutput(path, SIZE, BASE)
    output.add_frame(moving_picture(0, *SIZE), 0)
    assert not path.exists()
    assert len(list(tmp_path.iterdir())) == 1
    output.close()
    assert list(tmp_path.iterdir()) == [path]


def test_killed_process_leaves_no_file_of_that_name(tmp_path):
    program = f"""
import os
import numpy as np
from fractions import Fraction
from thcodec.media.video_output import VideoOutput
output = VideoOutput({str(tmp_path / "a.mp4")!r}, 64, Fraction(1, 25))
for number in range(30):
    output.add_frame(np.zeros((64, 64, 3), np.uint8), number)
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode != 0
    assert not (tmp_path / "a.mp4").exists()


def test_failure_leaves_nothing(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        VideoOutput(tmp_path / "a.mkv", SIZE, BASE) as output,
    ):
        output.add_frame(moving_picture(0, *SIZE), 0)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_file_that_was_there(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(TimingError), VideoOutput(path, SIZE, BASE, overwrite=True) as output:
        output.add_frame(moving_picture(0, *SIZE), 5)
        output.add_frame(moving_picture(1, *SIZE), 5)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_existing_output(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match="--overwrite"):
        VideoOutput(path, SIZE, BASE)
    assert path.read_bytes() == b"precious"
    write(path, overwrite=True)
    assert path.read_bytes() != b"precious"


def test_output_that_appears_meanwhile_is_kept(tmp_path):
    pending = PendingFile(tmp_path / "a.mp4")
    pending.path.write_bytes(b"new")
    pending.target.write_bytes(b"precious")
    with pytest.raises(OutputExistsError):
        pending.commit()
    assert pending.target.read_bytes() == b"precious" and not pending.path.exists()


@pytest.mark.skipif(resource is None, reason="needs POSIX limits to fill a disk")
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.y4m"])
def test_full_disk(tmp_path, name):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(MediaError, match=f"{name}: cannot be written"):
            output = (
                Y4mOutput(tmp_path / name, SIZE, Fraction(25))
                if name.endswith("y4m")
                else VideoOutput(tmp_path / name, SIZE, BASE, crf=1)
            )
            with output:
                for number in range(60):
                    output.add_frame(noise_picture(number, *SIZE), number)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("a.avi", SIZE, "must end with one of .mp4"),
        ("a", SIZE, "must end with one of .mp4"),
        ("absent/a.mp4", SIZE, "folder does not exist"),
        ("a.mp4", (63, 48), "not an even picture size"),
    ],
)
def test_refusals(tmp_path, name, size, message):
    with pytest.raises(MediaError, match=message):
        VideoOutput(tmp_path / name, size, BASE)
    assert list(tmp_path.iterdir()) == []


def test_wrong_frame(tmp_path):
    with VideoOutput(tmp_path / "a.mp4", SIZE, BASE) as output:
        output.add_frame(moving_picture(0, *SIZE), 0)
        with pytest.raises(MediaError, match="a frame is"):
            output.add_frame(moving_picture(0, 32, 32), 1)
        with pytest.raises(MediaError, match="a frame is"):
            output.add_frame(moving_picture(0, *SIZE).astype(np.float32), 1)
        with pytest.raises(MediaError, match="without sound"):
            output.add_audio(0, 960, b"\xf8\xff\xfe")


def test_y4m(tmp_path):
    path = tmp_path / "a.y4m"
    with Y4mOutput(path, SIZE, Fraction(30000, 1001)) as output:
        for number in range(3):
            output.add_frame(moving_picture(number, *SIZE), number)
        assert not path.exists()
    head, _, rest = path.read_bytes().partition(b"\n")
    assert head.startswith(b"YUV4MPEG2 W64 H48 F30000:1001 Ip A1:1 C444")
    assert len(rest) == 3 * (len(b"FRAME\n") + 64 * 48 * 3)
    with VideoInput(path) as video:
        frames = list(video.frames())
    assert len(frames) == 3 and video.frame_rate == Fraction(30000, 1001)


def test_y4m_to_standard_output(monkeypatch):
    pipe = io.BytesIO()
    monkeypatch.setattr("sys.stdout", type("Stdout", (), {"buffer": pipe}))
    with Y4mOutput("-", SIZE, Fraction(25)) as output:
        output.add_frame(moving_picture(0, *SIZE))
    assert not pipe.closed
    assert pipe.getvalue().count(b"FRAME\n") == 1


def test_y4m_failure_leaves_nothing(tmp_path):
    with pytest.raises(MediaError), Y4mOutput(tmp_path / "a.y4m", SIZE, Fraction(25)) as output:
        output.add_frame(moving_picture(0, 32, 32))
    assert list(tmp_path.iterdir()) == []

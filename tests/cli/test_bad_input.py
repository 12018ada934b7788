"""Bad input: one clear line, an exit code, and nothing lost. A test per line of the promise."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import wave
from collections.abc import Callable
from pathlib import Path

import av
import pytest
import torch

import thcodec
from tests import clips
from tests.cli.conftest import Result, Run
from tests.doubles import MomentAnimator
from thcodec.bitstream import ModelIdentity, Packet, Reader, RecordType

Spawn = Callable[..., "subprocess.Popen[bytes]"]
PLAIN = ("--crop", "none")


def _refused(result: Result, *words: str, code: int = 1) -> None:
    assert result.code == code
    assert result.out == ""
    assert result.err.count("\n") == 1
    for word in words:
        assert word in result.err


def _only(folder: Path, *names: str) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["encode", "a", "b", "--size", "300"], "256 or 512"),
        (["encode", "a", "b", "--fps", "fast"], "fps"),
        (["encode", "a", "b", "--source-quality", "0"], "1..100"),
        (["encode", "a", "b", "--coder", "magic"], "range"),
        (["encode", "a", "b", "--policy", "often"], "best-frame"),
        (["encode", "a", "b", "--policy", "best-frame", "--live"], "looks ahead"),
        (["encode", "a", "b", "--policy", "budget"], "bitrate"),
        (["encode", "a", "b", "--policy", "threshold", "--interval", "9"], "no interval"),
        (["encode", "a"], "target"),
        (["encode", "a", "b", "--nonsense"], "--nonsense"),
        (["decode", "a"], "--raw"),
        (["decode", "a", "b.mp4", "--crf", "99"], "0..51"),
        (["shrink"], "shrink"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], word: str) -> None:
    _refused(run(*arguments), word, code=2)


def test_no_such_file(moving: Run, tmp_path: Path) -> None:
    _refused(moving("encode", tmp_path / "a.mp4", tmp_path / "a.thv"), "a.mp4")
    _refused(moving("decode", tmp_path / "a.thv", tmp_path / "a.mp4"), "a.thv")
    _refused(moving("info", tmp_path / "a.thv"), "a.thv")
    _only(tmp_path)


def test_no_video_stream(moving: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    _refused(moving("encode", path, tmp_path / "a.thv", *PLAIN), "a.wav", "video")
    _only(tmp_path, "a.wav")


def test_no_frames(moving: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        container.start_encoding()
    _refused(moving("encode", path, tmp_path / "a.thv", *PLAIN), "a.mkv", "frame")
    _only(tmp_path, "a.mkv")


def test_not_a_video(moving: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("This is a letter, not a video.\n" * 100)
    _refused(moving("encode", path, tmp_path / "a.thv", *PLAIN), "a.mp4")
    _only(tmp_path, "a.mp4")


def test_no_face_in_the_clip(moving: Run, clip: Path, tmp_path: Path) -> None:
    _refused(moving("encode", clip, tmp_path / "a.thv"), "50 frames", "--crop none")
    _only(tmp_path)


def test_face_lost_for_a_while(moving: Run, tmp_path: Path) -> None:
    pictures = [clips.disc(index, 128, 128) for index in range(40)]
    for picture in pictures[10:20]:
        picture[:] = picture[0, 0]  # the test animator sees nothing in a picture of one colour
    path = clips.write_pictures(tmp_path / "a.mkv", pictures)
    stream = tmp_path / "a.thv"
    result = moving("encode", path, stream, *PLAIN)
    assert result.code == 0
    assert "10 of 40 frames" in result.err
    assert "10 of low confidence" in moving("info", stream).out
    result = moving("decode", stream, tmp_path / "a.mp4")
    assert result.code == 0
    assert "10 frames" in result.err


def test_several_faces(moving: Run, two_people: Path, tmp_path: Path) -> None:
    result = moving("encode", two_people, tmp_path / "a.thv")
    assert result.code == 0
    assert result.err.count("several faces") == 1


def test_damaged_video(moving: Run, tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv", sound=False)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    result = moving("encode", path, tmp_path / "a.thv", *PLAIN)
    assert result.code == 3
    assert "damaged" in result.err
    frames = int(result.out.split()[1])
    assert 10 < frames < 50
    assert moving("decode", tmp_path / "a.thv", tmp_path / "a.mp4").code == 0
    assert len(clips.probe(tmp_path / "a.mp4")[0]) == frames


def test_truncated_stream(moving: Run, stream: Path, tmp_path: Path) -> None:
    stream.write_bytes(stream.read_bytes()[: stream.stat().st_size * 7 // 10])
    result = moving("decode", stream, tmp_path / "a.mp4")
    assert result.code == 3
    assert "damaged" in result.err
    frames = int(result.out.split()[1])
    assert 0 < frames < 50
    assert len(clips.probe(tmp_path / "a.mp4")[0]) == frames


def test_stream_without_one_frame(moving: Run, stream: Path, tmp_path: Path) -> None:
    whole = stream.read_bytes()
    for length in (0, 5, 12, 40, 400):
        stream.write_bytes(whole[:length])
        _refused(moving("decode", stream, tmp_path / "a.mp4"))
        _only(tmp_path, stream.name)


def test_flipped_bits(moving: Run, stream: Path, tmp_path: Path) -> None:
    whole = stream.read_bytes()
    for at in range(600, len(whole), len(whole) // 12):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        stream.write_bytes(damaged)
        result = moving("decode", stream, tmp_path / "a.mp4", "--overwrite")
        assert result.code == 3, at
        assert "damaged" in result.err
        assert int(result.out.split()[1]) > 0


def test_a_flood_of_faults(run: Run, stream: Path) -> None:
    with Reader(stream) as reader:
        at = next(iter(reader)).offset
    data = stream.read_bytes()
    flood = (Packet(RecordType.MOTION, b"", sequence=number).to_bytes() for number in range(20))
    stream.write_bytes(data[:at] + b"".join(flood) + data[at:])
    result = run("info", stream)
    assert result.code == 3
    assert result.err.count("\n") == 6
    assert "more faults" in result.err.splitlines()[-1]


def test_texts_do_not_reach_the_terminal_raw(moving: Run, clip: Path, tmp_path: Path) -> None:
    steering = "a\x1b[2J\x9b2J\x7f\u202e\nb"
    animator = MomentAnimator()
    animator.identity = ModelIdentity(f"moments{steering}", "1")
    path, metadata = tmp_path / "a.thv", {"title": steering, steering: "é"}
    config = thcodec.EncoderConfig(crop="none")
    thcodec.encode(clip, path, config, animator=animator, metadata=metadata)
    for options in [], ["--json"]:
        out = moving("info", path, *options).out
        assert all(line.isprintable() for line in out.split("\n"))
    assert json.loads(out)["metadata"] == metadata


def test_another_version(moving: Run, stream: Path, tmp_path: Path) -> None:
    data = bytearray(stream.read_bytes())
    data[9] = 99  # minimum reader version
    stream.write_bytes(data)
    _refused(moving("decode", stream, tmp_path / "a.mp4"), "version 99")
    _refused(moving("info", stream), "version 99")


def test_text_mode_transfer(moving: Run, stream: Path, tmp_path: Path) -> None:
    stream.write_bytes(stream.read_bytes().replace(b"\r\n", b"\n"))
    _refused(moving("decode", stream, tmp_path / "a.mp4"), "transfer")


def test_unknown_model(run: Run, stream: Path, tmp_path: Path) -> None:
    _refused(run("decode", stream, tmp_path / "a.mp4"), "moments", "compact")
    _only(tmp_path, stream.name)
    _refused(run("encode", stream, tmp_path / "b.thv", "--animator", "oracle"))


def test_unknown_names(run: Run, clip: Path, tmp_path: Path) -> None:
    _refused(run("encode", clip, tmp_path / "a.thv", "--animator", "oracle"), "oracle", "compact")
    _only(tmp_path)


def test_missing_weights(run: Run, clip: Path, tmp_path: Path) -> None:
    result = run("encode", clip, tmp_path / "a.thv", "--weights", tmp_path / "w.safetensors")
    _refused(result, "w.safetensors")
    _only(tmp_path)


def test_wrong_weights(run: Run, clip: Path, tmp_path: Path) -> None:
    animator = MomentAnimator()
    animator.identity = ModelIdentity("compact", "7", bytes(range(32)))
    stream, weights = tmp_path / "a.thv", tmp_path / "w.safetensors"
    thcodec.encode(clip, stream, thcodec.EncoderConfig(crop="none"), animator=animator)
    weights.write_bytes(b"other weights")
    result = run("decode", stream, tmp_path / "a.mp4", "--weights", weights)
    _refused(result, "SHA-256", "--weights")


def test_output_exists(moving: Run, clip: Path, stream: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.mp4"
    mine.write_text("mine")
    _refused(moving("decode", stream, mine), "mine.mp4", "--overwrite")
    _refused(moving("encode", clip, mine, *PLAIN), "mine.mp4", "--overwrite")
    assert mine.read_text() == "mine"
    assert moving("decode", stream, mine, "--overwrite").code == 0
    assert len(clips.probe(mine)[0]) == 50


def test_failure_keeps_what_was_there(moving: Run, tmp_path: Path) -> None:
    mine, letter = tmp_path / "mine.thv", tmp_path / "a.mp4"
    mine.write_text("mine")
    letter.write_text("no video")
    _refused(moving("encode", letter, mine, *PLAIN, "--overwrite"))
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_disk_full(
    spawn: Spawn,
    clip: Path,
    stream: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    monkeypatch.setenv("THCODEC_TEST_FILE_LIMIT", "1500")
    folder = tmp_path / "full"
    folder.mkdir()
    if command == "encode":
        process = spawn("encode", clip, folder / "a.thv", *PLAIN)
    else:
        process = spawn("decode", stream, folder / "a.mp4")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, b"")
    assert err.count(b"\n") == 1
    _only(folder)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["encode", "decode"])
def test_killed_half_way(
    spawn: Spawn,
    clip: Path,
    stream: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    how: signal.Signals,
) -> None:
    monkeypatch.setenv("THCODEC_TEST_PAUSE", "0.1")
    folder = tmp_path / "work"
    folder.mkdir()
    source, target = (clip, "a.thv") if command == "encode" else (stream, "a.mp4")
    process = spawn(command, source, folder / target, *(PLAIN if command == "encode" else ()))
    deadline = time.monotonic() + 30
    while not any(folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(how)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert not (folder / target).exists()
    if how is not signal.SIGKILL:
        assert process.returncode == 130
        _only(folder)


def test_training_without_a_config(run: Run, tmp_path: Path) -> None:
    result = run("train", tmp_path, tmp_path / "work", "--config", tmp_path / "no.toml")
    _refused(result, "no.toml")
    _only(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("config", ["compact", "face"])
def test_training_on_a_gpu_without_one(run: Run, tmp_path: Path, config: str) -> None:
    work = tmp_path / "work"
    result = run("train", tmp_path, work, "--config", config, "--device", "cuda")
    _refused(result, "device 'cuda' cannot be used")
    _only(tmp_path)

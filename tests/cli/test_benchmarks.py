"""The benchmarks run, in small, on a made-up clip; their figures are not the point here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import quality, rate, report
from tests import clips
from tests.cli.conftest import COMMAND, ROOT
from tests.doubles import load_moments
from thcodec.models import registry


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one square clip; the animator needs no weights."""
    monkeypatch.setattr(registry, "load_animator", load_moments)
    folder = tmp_path / "data"
    folder.mkdir()
    clips.write_clip(folder / "disc.mp4", frames=40, sound=False, size=(256, 256))
    return folder


def _run(benchmark: object, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", *map(str, arguments)])
    benchmark.main()


def test_rate(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(rate, monkeypatch, "--data", data, "--results", tmp_path)
    means = json.loads((tmp_path / "rate.json").read_text())["mean"]
    assert 0 < means["file_bytes_per_frame"] < means["live_bytes_per_frame"]
    assert means["quantisation_cost_db"] < 1


def test_quality(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(quality, monkeypatch, "--data", data, "--results", tmp_path, "--distance", 20)
    mean = json.loads((tmp_path / "quality.json").read_text())["mean"]
    for setting in ("full", "coded"):
        assert mean[setting]["animator"]["psnr"] > mean[setting]["repeat"]["psnr"] + 1


def test_too_short_a_clip(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="long enough"):
        _run(quality, monkeypatch, "--data", data, "--results", tmp_path)


def test_memory_does_not_grow(data: Path, tmp_path: Path) -> None:
    options = ["--clip", data / "disc.mp4", "--short", 2, "--long", 12, "--results", tmp_path]
    options += ["--encode-options=--crop none", "--command", " ".join(COMMAND)]
    command = [sys.executable, "-m", "benchmarks.memory", *map(str, options)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=120, stdout=subprocess.DEVNULL)
    record = json.loads((tmp_path / "memory.json").read_text())
    assert max(record["ratio"].values()) < 1.2


def test_report(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(rate, monkeypatch, "--data", data, "--results", tmp_path)
    readme, card = tmp_path / "README.md", tmp_path / "card.md"
    readme.write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
    card.write_text("<!-- quality --><!-- /quality --><!-- evaluate --><!-- /evaluate -->")
    upscaler_card = tmp_path / "upscaler.md"
    upscaler_card.write_text("<!-- upscale --><!-- /upscale -->")
    options = ["--results", tmp_path, "--readme", readme, "--card", card]
    options += ["--upscaler-card", upscaler_card]
    with pytest.raises(SystemExit, match="make report"):
        _run(report, monkeypatch, *options, "--check")
    _run(report, monkeypatch, *options)
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| motion, file mode, bytes a frame |" in text
    assert "python -m benchmarks.memory" in text
    assert "python -m benchmarks.quality" in card.read_text()
    assert "python -m benchmarks.upscale" in upscaler_card.read_text()
    _run(report, monkeypatch, *options, "--check")


def test_readme_and_model_card_show_the_committed_results(monkeypatch: pytest.MonkeyPatch) -> None:
    _run(report, monkeypatch, "--check")

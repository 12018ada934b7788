"""The benchmarks of upscalers run, in small, on made-up pictures and a small network."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import upscale, upscale_rate
from tests import clips
from thcodec.models.esrgan.compact import CompactConfig, CompactNet
from thcodec.models.weights_file import write_weights

SMALL = CompactConfig(channels=8, inner_channels=8, outer_blocks=1, inner_blocks=1)


@pytest.fixture
def options(tmp_path: Path) -> list[object]:
    """Data with one portrait of each split and one clip, weights, and where results go."""
    (tmp_path / "portraits").mkdir()
    (tmp_path / "test512").mkdir()
    clips.write_clip(tmp_path / "test512" / "a.mp4", frames=60, sound=False, size=(512, 512))
    with (tmp_path / "portraits" / "portraits.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "split", "native_crop"])
        for index, split in enumerate(("train", "val", "test")):
            Image.fromarray(clips.disc(index, 512, 512)).save(
                tmp_path / "portraits" / f"{split}.png"
            )
            table.writerow([f"{split}.png", split, 600])
    write_weights(CompactNet(SMALL).state_dict(), tmp_path / "w.safetensors", {})
    return ["--data", tmp_path, "--weights", tmp_path / "w.safetensors", "--results", tmp_path]


def _run(benchmark: object, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", *map(str, arguments)])
    benchmark.main()


def test_upscale(options: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["--upscalers", "bicubic", "face", "--qualities", 30, 90, "--threads", 1, "--limit", 1]
    figure = tmp_path / "five.png"
    _run(upscale, monkeypatch, *options, *names, "--figure", figure)
    record = json.loads((tmp_path / "upscale.json").read_text())
    assert record["pictures"] == 1 and set(record["weights"]) == {"bicubic", "face"}
    coarse, fine = (record["settings"][f"64 -> 256, JPEG q{q}"]["face"] for q in (30, 90))
    assert fine["psnr"] > coarse["psnr"] + 1 and fine["ms"] > 0
    assert set(record["settings"]["32 -> 256, WebP q90"]) == {"bicubic", "face"}
    assert record["steadiness"]["face"]["sharpness"] >= 0
    table = (tmp_path / "upscale.md").read_text()
    assert f"| 64 -> 256, JPEG q90 | face | {fine['psnr']:.2f} |" in table
    assert np.asarray(Image.open(figure)).shape == (5 * 512, 4 * 512, 3)


def test_upscale_rate(
    options: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    sizes = ["--stills", 64, 256, "--qualities", 20, 80, "--split", "val"]
    _run(upscale_rate, monkeypatch, *options, *sizes)
    record = json.loads((tmp_path / "upscale_rate.json").read_text())
    assert record["pictures"] == 1
    names = {
        f"{codec} {curve}"
        for codec in ("JPEG", "WebP")
        for curve in ("64 lanczos", "64 face", "256 lanczos")
    }
    assert set(record["curves"]) == names
    for points in record["curves"].values():
        assert points[1]["bytes"] > points[0]["bytes"]
        assert points[1]["psnr"] > points[0]["psnr"]
    drawn = (tmp_path / "upscale_rate.svg").read_text()
    _run(upscale_rate, monkeypatch, *options, *sizes)
    assert (tmp_path / "upscale_rate.svg").read_text() == drawn  # no noise in a commit


def test_a_folder_without_portraits_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="no portraits in"):
        _run(upscale, monkeypatch, "--data", tmp_path, "--upscalers", "bicubic")

"""The benchmarks of upscalers run, in small, on made-up pictures and a small network."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks import fusion, upscale, upscale_rate
from tests import clips
from thcodec.models.esrgan.compact import CompactConfig, CompactNet
from thcodec.models.weights_file import write_weights
from thcodec.pipeline.quality import psnr

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
    assert coarse["texture"] > 0 and coarse["colour"] < 5
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


def test_fusion_registers_and_averages_what_agrees() -> None:
    random = np.random.default_rng(0)
    clean = cv2.GaussianBlur(random.integers(0, 256, (256, 256, 3), np.uint8), (0, 0), 6)
    clean = cv2.normalize(clean, None, 0, 255, cv2.NORM_MINMAX)
    noisy = [np.clip(clean + random.normal(0, 8, clean.shape), 0, 255) for _ in range(2)]
    newest, older = (picture.astype(np.uint8) for picture in noisy)
    moved = np.roll(older, (3, -4), (0, 1))
    registered = fusion.register(moved, newest)
    inner = slice(16, -16)
    assert psnr(clean[inner, inner], registered[inner, inner]) > (
        psnr(clean[inner, inner], moved[inner, inner]) + 5
    )
    fused = fusion.fuse(newest, [registered], 1.0)
    assert psnr(clean[inner, inner], fused[inner, inner]) > (
        psnr(clean[inner, inner], newest[inner, inner]) + 1
    )


def test_fusion_leaves_out_what_disagrees() -> None:
    newest = np.full((64, 64, 3), 50, np.uint8)
    fused = fusion.fuse(newest, [np.full_like(newest, 250)], 1.0)
    assert np.abs(fused.astype(int) - newest).max() <= 1


def test_fusion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips.write_clip(tmp_path / "a.mp4", frames=20, sound=False, size=(256, 256))
    clips.write_clip(tmp_path / "short.mp4", frames=8, sound=False, size=(256, 256))
    options = ["--data", tmp_path, "--results", tmp_path, "--gaps", 4]
    _run(fusion, monkeypatch, *options)
    (rows,) = json.loads((tmp_path / "fusion.json").read_text())["gaps"].values()
    assert len(rows) == 7 and rows["newest alone"]["psnr"] > 20
    assert "| 4 frames apart, 1 clips | newest alone |" in (tmp_path / "fusion.md").read_text()

"""The benchmarks run, in small, on a made-up clip; their figures are not the point here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import (
    anchors,
    paper_outputs,
    policies,
    quality,
    rate,
    rate_distortion,
    report,
    seed_figures,
    speed,
    transitions,
)
from benchmarks.__main__ import ALONE, BESIDE, run
from benchmarks.bd_rate import bd_rate, envelope
from tests import clips
from tests.cli.conftest import COMMAND, ROOT
from tests.doubles import load_moments
from thcodec.evaluate.clips import read_frames
from thcodec.media.video_output import VideoOutput
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


def test_transitions(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips.write_clip(data / "disc.mp4", frames=50, sound=False, size=(256, 256))
    options = ["--data", data, "--results", tmp_path, "--interval", 20, "--lengths", 4]
    options += ["--transitions", "fade", "flow", "--pictures", tmp_path, "--videos", tmp_path]
    _run(transitions, monkeypatch, *options)
    record = json.loads((tmp_path / "transitions.json").read_text())
    medians = record["median"]
    assert list(medians) == [
        f"interval, {name}" for name in ("cut", "fade, 4 frames", "flow, 4 frames")
    ]
    assert len(record["clips"]["interval, cut"]["disc"]["pixels"]) == 2
    for name, found in medians.items():
        assert found["pixels"] <= medians["interval, cut"]["pixels"] + 0.1, name
    with Image.open(tmp_path / "disc-interval.png") as strip:
        assert strip.size == (8 * 256, 4 * 256)
    assert (tmp_path / "disc-interval.mp4").stat().st_size > 10_000


def test_paper_outputs(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper's videos: one as good as the original, one that stands still."""
    clip = (data / "disc.mp4").rename(data / "driving.mp4")
    (data / "no_esrgan_10frame.mp4").write_bytes(clip.read_bytes())
    with VideoOutput(data / "esrgan_10frame.mp4", 256, Fraction(1, 25)) as output:
        for pts in range(40):
            output.add_frame(clips.disc(0, 256, 256), pts, 1)
    options = ["--data", data, "--results", tmp_path, "--intervals", 10]
    _run(paper_outputs, monkeypatch, *options)
    rows = json.loads((tmp_path / "paper_outputs.json").read_text())["rows"]
    assert rows["no_esrgan, 10, the paper"]["index"] == 0
    assert rows["no_esrgan, 10, the paper"]["psnr"] > rows["esrgan, 10, the paper"]["psnr"] + 5
    assert rows["no_esrgan, 10, thcodec"]["kbps"] > rows["esrgan, 10, thcodec"]["kbps"] > 0
    assert "| 64x64, super resolution | 10 | thcodec |" in report.section(tmp_path, "paper_outputs")


def test_policies(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only = ["--only", "interval 10", "interval 20", "threshold 20", "--no-eyes"]
    _run(policies, monkeypatch, "--data", data, "--results", tmp_path, *only)
    record = json.loads((tmp_path / "policies.json").read_text())
    mean = record["mean"]
    assert mean["interval 10"]["sources"] == 4 and mean["interval 20"]["sources"] == 2
    assert mean["interval 10"]["source"] > mean["interval 20"]["source"] > 0
    table = report.section(tmp_path, "policies")
    assert "| threshold 20 |" in table and "Mean over 1 clips" in table


def test_saving_is_measured_along_the_curve() -> None:
    curve = [{"stlpips": far, "source": rate} for far, rate in ((0.04, 16.0), (0.06, 4.0))]

    def saved(far: float, rate: float) -> float | None:
        return policies.saving(curve, {"stlpips": far, "source": rate}, "source")

    assert saved(0.05, 8.0) == pytest.approx(0)
    assert saved(0.05, 4.0) == pytest.approx(0.5)
    assert saved(0.04, 20.0) == pytest.approx(-0.25)
    assert saved(0.03, 4.0) == pytest.approx(0.75)  # at least
    assert saved(0.07, 4.0) is None


def test_a_part_that_begins_with_shut_eyes() -> None:
    opening = np.full(130, 0.3)
    opening[5] = np.nan
    assert policies.shut_first(opening) is None
    opening[50] = 0.1
    assert policies.shut_first(opening) == list(range(50, 130))
    opening[120] = 0.05
    assert policies.shut_first(opening) == list(range(120, 20, -1))


def test_too_short_a_clip(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="long enough"):
        _run(quality, monkeypatch, "--data", data, "--results", tmp_path)


def test_memory_does_not_grow(data: Path, tmp_path: Path) -> None:
    options = ["--clip", data / "disc.mp4", "--short", 6, "--long", 18, "--results", tmp_path]
    options += ["--encode-options=--crop none", "--command", " ".join(COMMAND)]
    command = [sys.executable, "-m", "benchmarks.memory", *map(str, options)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=120, stdout=subprocess.DEVNULL)
    record = json.loads((tmp_path / "memory.json").read_text())
    assert max(record["ratio"].values()) < 1.1  # after 2 s the queues are not full yet


def test_report(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(rate, monkeypatch, "--data", data, "--results", tmp_path)
    readme, card = tmp_path / "README.md", tmp_path / "card.md"
    readme.write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
    card.write_text("".join(f"<!-- {name} --><!-- /{name} -->" for name in report.CARD))
    upscaler_card = tmp_path / "upscaler.md"
    upscaler_card.write_text("<!-- upscale --><!-- /upscale -->")
    page = tmp_path / "page.md"
    names = ("rate_distortion", "seed_figures", "speed", "upscale_rate")
    page.write_text("".join(f"<!-- {name} --><!-- /{name} -->" for name in names))
    options = ["--results", tmp_path, "--readme", readme, "--card", card, "--page", page]
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
    assert all(f"python -m benchmarks.{name}" in page.read_text() for name in names)
    _run(report, monkeypatch, *options, "--check")


def test_bd_rate_of_known_curves() -> None:
    rates = np.array([2.0, 4.0, 8.0, 16.0])
    anchor = envelope(rates, [20, 24, 28, 32])
    half = bd_rate(anchor, envelope(rates / 2, [20, 24, 28, 32]))
    assert half is not None and half.rate == pytest.approx(-0.5)
    assert half.overlap == (1, 1) and (half.low, half.high) == (20, 32)
    part = bd_rate(anchor, envelope([1.0, 2.0], [28, 36]))
    assert part is not None and part.overlap == pytest.approx((0.5, 1 / 3))
    assert part.rate == pytest.approx(2**-3.25 - 1)  # 1..sqrt 2 in place of 8..16
    assert bd_rate(anchor, envelope([1.0, 2.0], [33, 36])) is None
    assert bd_rate(anchor, envelope([1.0], [25])) is None
    best = envelope([1, 2, 2, 3, 4], [5, 4, 6, 6, 7])
    assert best.rates.tolist() == [1, 2, 4] and best.qualities.tolist() == [5, 6, 7]


def test_rate_distortion(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_distortion, "load_stlpips", lambda: None)
    monkeypatch.setattr(anchors, "KEEP", tmp_path / "kept")
    options = ["--data", data, "--results", tmp_path, "--limit", 20, "--quick"]
    _run(rate_distortion, monkeypatch, *options)
    record = json.loads((tmp_path / "rate_distortion.json").read_text())
    for name, points in record["mean"].items():
        largest, smallest = (f(points, key=lambda p: p["bytes"]) for f in (max, min))
        assert largest["psnr"] > smallest["psnr"], name
    assert len(record["mean"]) == 5 and not record["targets"][0]["met"]
    assert {row["metric"] for row in record["bd_rate"]} == {"psnr", "ssim", "stlpips"}
    drawn = (tmp_path / "rate_distortion.svg").read_text()

    def no_encoding(*_: object) -> None:
        raise AssertionError("points are kept")

    monkeypatch.setattr(anchors, "encode", no_encoding)
    _run(rate_distortion, monkeypatch, *options)
    assert json.loads((tmp_path / "rate_distortion.json").read_text())["mean"] == record["mean"]
    assert (tmp_path / "rate_distortion.svg").read_text() == drawn
    page = report.section(tmp_path, "rate_distortion")
    assert "| at most 5 kbit/s |" in page and "| psnr | libx265 |" in page


def test_h264_is_the_same_on_any_number_of_cores(data: Path) -> None:
    frames = read_frames(data / "disc.mp4", 10)
    of_both = anchors.ANCHORS[0], anchors.TWO_SLICES
    one, two = (dict(anchor.options) | {"preset": "fast"} for anchor in of_both)
    alone = {**one, "x264-params": "scenecut=0"}

    def packets(options: dict[str, str], cores: int) -> list[bytes]:
        return anchors.encode(frames, "libx264", {**options, "threads": str(cores)})

    assert packets(alone, 1) != packets(alone, 2)  # else this test could not fail
    assert packets(one, 1) == packets(one, 2)
    assert packets(two, 1) == packets(two, 2) != packets(one, 2)


def test_bytes_are_checked_against_others(tmp_path: Path) -> None:
    point = anchors.Point("1/2 crf 36", 8.0, 1000, 30.0, 0.9, None)
    found = {"a": {"libx265 slow": [point]}}
    row = {"codec": "x265/2", "crf": 36, "bytes": 1040, "frames_ref": 250}
    (tmp_path / "a.json").write_text(json.dumps([row]))
    checked = rate_distortion.check(found, tmp_path, 250)
    assert checked == {"points": 1, "largest_difference": pytest.approx(40 / 1040)}
    assert rate_distortion.check(found, tmp_path, 100) is None  # fewer frames than theirs
    (tmp_path / "a.json").write_text(json.dumps([{**row, "bytes": 1100}]))
    with pytest.raises(SystemExit, match="differs by"):
        rate_distortion.check(found, tmp_path, 250)


def test_seed_figures(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed_figures, "VIDEO_INTERVALS", (4,))
    monkeypatch.setattr(seed_figures, "best_upscaler", lambda: "bicubic")
    options = ["--data", data, "--clips", "disc", "--results", tmp_path, "--limit", 12]
    options += ["--intervals", 6, 1, 3, "--videos", tmp_path / "videos"]
    _run(seed_figures, monkeypatch, *options)
    record = json.loads((tmp_path / "seed_figures.json").read_text())
    for curve in record["curves"].values():
        assert curve["1"] > curve["3"] > curve["6"]
    small, large = (record["curves"][name] for name in (seed_figures.WITH, seed_figures.WITHOUT))
    assert small["6"] < record["one_source"] < large["6"]
    assert record["crossovers"]["without below one source"] is None
    times, _, width = clips.probe(tmp_path / "videos" / "every-4.mp4")
    assert (len(times), width) == (12, 4 * 256)
    assert "| without below one source | never up to 100 |" in report.section(
        tmp_path, "seed_figures"
    )


def test_the_crossover_is_the_last_one() -> None:
    curve = {"1": 90, "2": 40, "3": 60, "4": 30, "5": 20}
    below = [seed_figures.stays_below(curve, range(1, 6), size) for size in (10, 30, 50, 100)]
    assert below == [None, 5, 4, 1]


def test_speed(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["--data", data, "--results", tmp_path, "--limit", 8, "--published-frames", 0]
    options += ["--sizes", 256, "--lengths", 1, 2, "--command", " ".join(COMMAND)]
    _run(speed, monkeypatch, *options)
    record = json.loads((tmp_path / "speed.json").read_text())
    assert set(record["by_length"]) == {"8", "16"}
    assert all(value > 0 for row in record["by_threads"].values() for value in row.values())
    assert 0 < record["call"]["median_ms"] <= record["call"]["p99_ms"]
    text = report.section(tmp_path, "speed")
    assert "| threads 1 |" in text and "| file decode, frames/s |" in text


def test_readme_and_model_card_show_the_committed_results(monkeypatch: pytest.MonkeyPatch) -> None:
    _run(report, monkeypatch, "--check")


def test_all_that_has_a_table_is_run_by_make_bench() -> None:
    names = {benchmark.split()[0] for benchmark in (*ALONE, *BESIDE)}
    elsewhere = {"evaluate", *report.ABLATIONS}  # make evaluate, hours
    assert names | elsewhere >= set(report.SECTIONS)


def test_a_benchmark_that_fails_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not run(
        ["memory --nonsense", "report --check"], [min(os.sched_getaffinity(0))], tmp_path
    )
    assert "--nonsense" in (tmp_path / "memory.log").read_text()
    failed, went_well = capsys.readouterr().out.splitlines()
    assert "FAILED" in failed and "memory.log" in failed
    assert went_well.startswith("report: ") and "FAILED" not in went_well
    assert run(["report --check"], [None], tmp_path)

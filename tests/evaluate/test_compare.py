"""Comparing files whose differences are known: times, parts, sizes, bytes, figures."""

from __future__ import annotations

import json
import subprocess
import sys
import weakref
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

import thcodec
from tests import clips
from tests.doubles import MomentAnimator, load_moments
from thcodec.bitstream.header import Crop
from thcodec.errors import MediaError
from thcodec.evaluate import perceptual
from thcodec.evaluate.compare import metrics, views
from thcodec.evaluate.compare.metrics import METRICS, Metric
from thcodec.evaluate.compare.moments import Keeper, Moment
from thcodec.evaluate.compare.run import Comparison, compare
from thcodec.models import registry
from thcodec.pipeline.config import DecoderConfig
from thcodec.pipeline.quality import psnr, ssim

SHARED = Path(__file__).resolve().parents[3] / "shared"
SSIM = next(metric for metric in METRICS if metric.key == "ssim")
PSNR = next(metric for metric in METRICS if metric.key == "psnr")


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measuring without the extra networks, and streams of the animator without weights."""
    monkeypatch.setattr(metrics, "load_stlpips", lambda: None)
    monkeypatch.setattr(metrics.Meters, "_load_identity", lambda self: None)
    monkeypatch.setattr(metrics, "find_spec", lambda name: None)
    monkeypatch.setattr(registry, "load_animator", load_moments)


def discs(count: int, width: int = 320, height: int = 240) -> list[np.ndarray]:
    return [clips.disc(index, width, height) for index in range(count)]


def darker(pictures: list[np.ndarray], by: int = 10) -> list[np.ndarray]:
    return [picture - np.uint8(by) for picture in pictures]


def timed(path: Path, pictures: list[np.ndarray], times: list[int]) -> Path:
    """Pictures without loss at times of 1/1000 s."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=25)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "bgr0"
        video.codec_context.time_base = Fraction(1, 1000)
        for picture, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def mean(comparison: Comparison, metric: Metric = PSNR, index: int = 0) -> float:
    value = comparison.candidates[index].curves.mean(metric)
    assert value is not None
    return value


def test_figures_are_those_of_each_pair(plain: None, tmp_path: Path) -> None:
    pictures = discs(9)
    noise = np.random.default_rng(0).integers(-20, 21, (9, 240, 320, 3))
    worse = [np.clip(p + n, 0, 255).astype(np.uint8) for p, n in zip(pictures, noise, strict=True)]
    one = clips.write_pictures(tmp_path / "a.mkv", pictures)
    other = clips.write_pictures(tmp_path / "b.mkv", worse)
    found = compare(one, [one, other])
    same, noisy = found.candidates
    assert same.curves.mean(PSNR) > 78 and same.curves.values["flicker"][1:].tolist() == [0] * 8
    assert noisy.curves.values["psnr"].tolist() == pytest.approx(
        [psnr(*pair) for pair in zip(pictures, worse, strict=True)]
    )
    assert noisy.curves.values["ssim"].tolist() == pytest.approx(
        [ssim(*pair) for pair in zip(pictures, worse, strict=True)]
    )
    added = [worse[i].astype(int) - pictures[i] for i in range(9)]
    changes = [np.abs(added[i] - added[i - 1]).mean() for i in range(1, 9)]
    assert np.isnan(noisy.curves.values["flicker"][0])
    assert noisy.curves.values["flicker"][1:].tolist() == pytest.approx(changes)
    assert (found.frames, found.side, noisy.matched, noisy.missing) == (9, (320, 240), 9, 0)
    assert found.seconds == pytest.approx(9 / 25)
    third = compare(one, [other], step=3).candidates[0].curves
    assert third.frames.tolist() == [0, 3, 6]
    assert third.values["flicker"][1:].tolist() == pytest.approx([changes[2], changes[5]])
    assert len(found.notes) == 2  # ST-LPIPS and the face mesh


def test_frames_are_matched_by_time(plain: None, tmp_path: Path) -> None:
    pictures = discs(10)
    one = clips.write_pictures(tmp_path / "a.mkv", pictures)
    jittery = [40 * index + (-1) ** index * 9 for index in range(1, 10)]
    same = timed(tmp_path / "jitter.mkv", pictures, [0, *jittery])
    assert mean(compare(one, [same])) > 78
    halved = timed(tmp_path / "half.mkv", pictures[::2], [80 * index for index in range(5)])
    found = compare(one, [halved]).candidates[0]
    exact = [value > 78 for value in found.curves.values["psnr"]]
    assert exact == [True, False] * 5 and found.missing == 0
    offset = timed(tmp_path / "late.mkv", pictures, [2000 + 40 * index for index in range(10)])
    assert mean(compare(one, [offset])) > 78  # times count from the first picture
    short = timed(tmp_path / "short.mkv", pictures[:6], [40 * index for index in range(6)])
    found = compare(one, [short]).candidates[0]
    assert (found.matched, found.missing, found.curves.frames[-1]) == (6, 4, 5)


def test_a_stream_is_compared_over_its_crop(plain: None, tmp_path: Path) -> None:
    original = clips.write_clip(tmp_path / "disc.mp4", frames=30)
    stream, decoded = tmp_path / "disc.thv", tmp_path / "disc-decoded.mp4"
    config = thcodec.EncoderConfig(crop="40,20,200,200", interval=12, transition="cut")
    thcodec.encode(original, stream, config, animator=MomentAnimator())
    thcodec.decode(stream, decoded, DecoderConfig(crf=0), animator=MomentAnimator())
    found = compare(original, [stream, decoded, original], step=5)
    assert found.side == (256, 256)
    assert mean(found) > 30 and abs(mean(found, index=1) - mean(found)) < 1.5
    assert mean(found, index=2) > 78  # the whole picture is cut like the original
    one, _, video = found.candidates
    assert one.switches == pytest.approx([12 / 25, 24 / 25]) and not video.switches
    assert one.size.file == stream.stat().st_size == sum(one.size.kinds.values())
    assert one.size.pictures == one.size.file - one.size.kinds["sound"] and one.size.kinds["sound"]
    assert one.kbits == pytest.approx(one.size.pictures * 8 / 1000 / (30 / 25))
    with av.open(str(original)) as container:
        coded = sum(packet.size for packet in container.demux(video=0))
    assert video.size.pictures == coded
    with pytest.raises(MediaError, match="says itself"):
        compare(original, [stream], crop=Crop(0, 0, 10, 10))


def test_parts_and_sizes(plain: None, tmp_path: Path) -> None:
    pictures = discs(4)
    one = clips.write_pictures(tmp_path / "a.mkv", pictures)
    small = clips.write_pictures(tmp_path / "small.mkv", [p[::2, ::2] for p in pictures])
    assert mean(compare(one, [small])) > 20  # the same scene, by Lanczos
    cut = clips.write_pictures(tmp_path / "cut.mkv", [p[20:220, 60:260] for p in pictures])
    with pytest.raises(MediaError, match="is 200x200, of another shape"):
        compare(one, [cut])
    found = compare(one, [cut, small], crop=Crop(60, 20, 200, 200))
    assert found.side == (200, 200) and mean(found) > 78 and mean(found, index=1) > 20
    with pytest.raises(MediaError, match="leaves the 320x240 picture"):
        compare(one, [cut], crop=Crop(200, 20, 200, 200))
    streams = []
    for x in (0, 50):
        streams.append(tmp_path / f"{x}.thv")
        config = thcodec.EncoderConfig(crop=f"{x},0,240,240")
        thcodec.encode(one, streams[-1], config, animator=MomentAnimator())
    with pytest.raises(MediaError, match="different parts"):
        compare(one, streams)
    with pytest.raises(MediaError, match="not made from this original"):
        compare(small, streams[:1])


def test_moments_are_the_worst_and_apart() -> None:
    keeper, blank = Keeper(1), np.zeros((2, 2, 3), np.uint8)
    bad = {3: 0.5, 4: 0.6, 30: 0.4, 60: 0.3, 90: 0.2, 91: 0.9}
    for frame in range(100):
        far = bad.get(frame, 0.01)
        figures: dict[str, float | None] = {"stlpips": far}
        keeper.offer(Moment(frame, frame / 25, blank, (blank,), (figures,)))
    kept = keeper.kept(["a"])
    assert [k.moment.frame for k in kept[1:]] == [91, 4, 30]
    assert kept[1].reason == "worst of a" and kept[0].reason == "typical"
    assert kept[0].moment.figures[0] == {"stlpips": 0.01}


def test_memory_holds_few_pictures(plain: None, tmp_path: Path, monkeypatch) -> None:
    """However long a clip is, few of its pictures are alive at a time."""
    alive: list[weakref.ref] = []
    most = 0
    real = views.VideoView.pictures

    def counted(self: views.VideoView):
        nonlocal most
        for shown in real(self):
            alive.append(weakref.ref(shown))
            most = max(most, sum(ref() is not None for ref in alive))
            yield shown

    monkeypatch.setattr(views.VideoView, "pictures", counted)
    one = clips.write_pictures(tmp_path / "a.mkv", discs(40))
    compare(one, [one], step=10)
    assert len(alive) == 40 and most <= 4


def test_definitions_are_those_of_the_independent_scorer(tmp_path: Path) -> None:
    """``../shared/eval/quality.py`` on the same two files."""
    scorer = SHARED / "eval" / "quality.py"
    clip = SHARED / "data" / "test256" / "mtrack_justin_s0.mp4"
    if not (scorer.is_file() and clip.is_file()):
        pytest.skip("../shared is not here")
    if perceptual.find_spec("stlpips_pytorch") is None:
        pytest.skip("ST-LPIPS is not installed")
    original, worse = tmp_path / "a.mkv", tmp_path / "b.mkv"
    with av.open(str(clip)) as container:
        decoded = islice(container.decode(video=0), 8)
        frames = [frame.to_ndarray(format="rgb24") for frame in decoded]
    clips.write_pictures(original, frames)
    clips.write_pictures(worse, [frame[::2, ::2] for frame in frames])
    command = [sys.executable, str(scorer), str(original), str(worse)]
    theirs = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    ours = compare(original, [worse], step=7).candidates[0].curves
    assert len(ours.frames) == 2
    for metric in METRICS:
        if metric.key in theirs:
            assert ours.mean(metric) == pytest.approx(theirs[metric.key], rel=1e-4), metric.key

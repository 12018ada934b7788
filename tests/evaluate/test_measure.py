"""Whole clips through the evaluator; networks that need extra packages are stood in for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests import clips
from tests.doubles import MomentAnimator
from tests.evaluate.conftest import FrozenAnimator, PerfectAnimator, face
from thcodec.cli import main
from thcodec.errors import MediaError, WeightsError
from thcodec.evaluate import measure, pictures
from thcodec.evaluate.cost import cost, flops
from thcodec.evaluate.face import FaceTrack
from thcodec.evaluate.measure import Evaluator
from thcodec.evaluate.reconstruction import Reconstruction
from thcodec.evaluate.run import evaluate
from thcodec.models import registry


class Tracker:
    """Sees the face that the frame's mean brightness stands for: a blink at 20, a yawn at 40."""

    def __init__(self) -> None:
        self.known: dict[bytes, np.ndarray] = {}

    def learn(self, frames: list[np.ndarray]) -> None:
        for index, frame in enumerate(frames):
            eyes = 0.05 if abs(index - 20) < 3 else 0.35
            mouth = 0.4 if abs(index - 40) < 5 else 0.05
            self.known[frame.tobytes()] = face(eyes=eyes, mouth=mouth)

    def track(self, frames: list[np.ndarray]) -> FaceTrack:
        return FaceTrack(np.stack([self.known.get(f.tobytes(), face()) for f in frames]))


class Identity:
    """The same picture is the same person."""

    def similarity(self, originals: list[np.ndarray], decoded: list[np.ndarray]) -> float:
        same = [np.array_equal(*pair) for pair in zip(originals, decoded, strict=True)]
        return float(np.mean(same))


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Tracker:
    """Measuring without the extra packages."""
    tracker = Tracker()
    monkeypatch.setattr(measure, "PACKAGES", {})
    monkeypatch.setattr(measure, "FaceTracker", lambda: tracker)
    monkeypatch.setattr(measure, "IdentityScorer", Identity)
    monkeypatch.setattr(
        measure,
        "load_stlpips",
        lambda: (
            lambda one, other: [
                float(np.abs(a.astype(float) - b).mean() / 255)
                for a, b in zip(one, other, strict=True)
            ]
        ),
    )
    return tracker


def test_a_perfect_animator_gets_perfect_figures(
    moving: list[np.ndarray], tracker: Tracker
) -> None:
    tracker.learn(moving)
    figures, _ = Evaluator(PerfectAnimator(moving)).clip("moving", moving)
    for scores in (figures.one, figures.several):
        assert scores.animated.psnr > 78 and scores.moved.psnr > 78
        assert scores.animated.ssim == pytest.approx(1) and scores.animated.stlpips == 0
        assert scores.repeated.psnr < 30
    assert figures.identity == 1 and figures.identity_repeated == pytest.approx(1 / 9)
    assert figures.landmarks.both == 0 < figures.landmarks_repeated.both
    assert (figures.blinks.events, figures.blinks.seen) == (1, 1)
    assert (figures.mouth_openings.events, figures.mouth_openings.seen) == (1, 1)
    assert figures.shimmer.face is not None and figures.shimmer.face.ratio == 1


def test_a_frozen_animator_repeats_the_source_and_sees_no_blinks(
    moving: list[np.ndarray], tracker: Tracker
) -> None:
    tracker.learn(moving)
    figures, _ = Evaluator(FrozenAnimator(moving)).clip("moving", moving)
    for scores in (figures.one, figures.several):
        assert scores.animated == scores.repeated
        assert scores.moved.psnr < scores.animated.psnr
    assert figures.several.animated.psnr > figures.one.animated.psnr - 1
    assert figures.landmarks == figures.landmarks_repeated
    assert figures.identity == figures.identity_repeated
    assert (figures.blinks.events, figures.blinks.seen) == (1, 0)
    assert (figures.mouth_openings.events, figures.mouth_openings.seen) == (1, 0)
    assert figures.shimmer.face is not None and figures.shimmer.face.ratio == 0


def test_each_frame_is_made_from_the_last_source_before_it(moving: list[np.ndarray]) -> None:
    animator = FrozenAnimator(moving)
    made = Reconstruction(moving, animator).decode([0, 9, 10, 35], 10)
    assert [next(i for i, f in enumerate(moving) if f is m) for m in made] == [0, 0, 10, 30]
    assert animator.prepared == 3
    with pytest.raises(MediaError, match="wants frames of"):
        Reconstruction(moving, MomentAnimator(128))


def test_pictures_show_the_extremes(
    moving: list[np.ndarray], tracker: Tracker, tmp_path: Path
) -> None:
    tracker.learn(moving)
    _, decoded = Evaluator(FrozenAnimator(moving)).clip("moving", moving)
    chosen = pictures.moments(decoded)
    assert 18 <= chosen["eyes most shut"] <= 22 and 36 <= chosen["widest mouth"] <= 44
    assert chosen["worst ST-LPIPS"] != 0
    pictures.save_strip(tmp_path / "new" / "strip.png", decoded)
    assert (tmp_path / "new" / "strip.png").stat().st_size > 1000


def test_the_command(
    tracker: Tracker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        registry, "load_animator", lambda name, weights, device: MomentAnimator(256)
    )
    for split in ("val256", "test256"):
        (tmp_path / split).mkdir()
    for name in ("one", "two"):
        clips.write_clip(
            tmp_path / "val256" / f"{name}.mp4", frames=16, sound=False, size=(256, 256)
        )
    output = tmp_path / "results.json"
    options = ["evaluate", "--data", str(tmp_path), "--split", "val"]
    assert main([*options, "--output", str(output), "--pictures", str(tmp_path / "strips")]) == 0
    assert "mean of 2" in capsys.readouterr().out
    record = json.loads(output.read_text())
    assert [clip["name"] for clip in record["clips"]] == ["one", "two"]
    one = record["mean"]["one"]
    assert one["animated"]["psnr"] > one["repeated"]["psnr"] + 1
    assert str(output) not in record["made_by"]
    assert record["seed"] is None and record["animator"]["name"] == "moments"
    assert len(list((tmp_path / "strips").glob("*.png"))) == 2
    assert main([*options, "--clips", "three"]) == 1
    assert "no three in" in capsys.readouterr().err
    assert main(["evaluate", "--data", str(tmp_path), "--split", "train"]) == 2


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "PACKAGES", {"no_such_package": "pip install it"})
    with pytest.raises(WeightsError, match="needs: pip install it"):
        Evaluator(MomentAnimator())


def test_the_paper_s_clip_is_left_to_the_whole_test_split(tracker: Tracker, tmp_path: Path) -> None:
    for folder in ("test256", "val256", "seed"):
        (tmp_path / folder).mkdir()
    for name in ("test256/one", "val256/one", "seed/driving", "seed/no_esrgan_10frame"):
        clips.write_clip(tmp_path / f"{name}.mp4", frames=16, sound=False, size=(256, 256))
    animator = MomentAnimator(256)
    whole = evaluate(animator, tmp_path, "test")
    assert whole.seed is not None
    assert (whole.seed.frames, whole.seed.paper.psnr > 78) == (16, True)
    assert evaluate(animator, tmp_path, "test", ["one"]).seed is None
    assert evaluate(animator, tmp_path, "val").seed is None


def test_cost_counts_what_torch_does() -> None:
    import torch

    layer = torch.nn.Conv2d(3, 4, 1, bias=False)

    class Paid(MomentAnimator):
        def __init__(self) -> None:
            super().__init__(32)
            self.net = layer

        def animate(self, source, motions):
            with torch.inference_mode():
                self.net(torch.zeros(len(motions), 3, 32, 32))
            return super().animate(source, motions)

    picture = np.zeros((32, 32, 3), np.uint8)
    found = cost(Paid(), picture)
    assert found.parameters == 12
    assert found.decoder == pytest.approx(2 * 12 * 32 * 32 / 1e9)
    assert (found.encoder, found.source) == (0, 0)
    assert flops(lambda: layer(torch.zeros(1, 3, 8, 8))) == 2 * 12 * 64

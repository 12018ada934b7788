"""The upscaler's training on a few made-up stills: its data, its losses; it learns and resumes."""

import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from tests import clips
from tests.train.fresh import in_fresh_process
from thcodec.bitstream.header import StillCodec
from thcodec.errors import ThvError
from thcodec.models.esrgan.compact import CompactConfig, CompactNet
from thcodec.models.esrgan.layouts import load_network
from thcodec.sources.stills import resize_still
from thcodec.train import upscaler
from thcodec.train.discriminator import Discriminator, judge_loss, maker_loss
from thcodec.train.run import find_config, read_config, train
from thcodec.train.stills import Job, StillSampler, StillStream, coded, load_stills, prepare_stills
from thcodec.train.upscaler import Stage, UpscalerTraining

SMALL = CompactConfig(channels=16, inner_channels=16, outer_blocks=1, inner_blocks=1)
SPLITS = {"train": (200, 60, 60), "val": (60, 200, 60), "test": (60, 60, 200)}


def portrait(colour: tuple[int, int, int], seed: int) -> np.ndarray:
    """Sharp circles, (512, 512, 3), on a ground that tells the split."""
    random = np.random.default_rng(seed)
    picture = np.full((512, 512, 3), colour, np.uint8)
    for _ in range(20):
        centre = tuple(map(int, random.integers(0, 512, 2)))
        shade = tuple(map(int, random.integers(0, 256, 3)))
        cv2.circle(picture, centre, int(random.integers(20, 70)), shade, -1)
    picture[:8] = colour  # seen by the test whatever lies below
    return picture


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    (root / "train512").mkdir()
    (root / "portraits").mkdir()
    clips.write_clip(root / "train512" / "a_s0.mp4", frames=20, sound=False, size=(512, 512))
    with (root / "portraits" / "portraits.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "split", "licence", "native_crop", "face_ratio", "source"])
        for number in range(9):
            split = list(SPLITS)[number % 3]
            name = f"p{number}.png"
            Image.fromarray(portrait(SPLITS[split], number)).save(root / "portraits" / name)
            table.writerow([name, split, "MIT", 449 if number == 6 else 512, 0.5, "made up"])
    return root


@pytest.fixture(scope="module")
def cache(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("work") / "cache"
    prepare_stills(data, folder, frames=5)
    return folder


def test_only_sharp_stills_of_their_own_split_are_prepared(cache):
    portraits, frames = load_stills(cache, "train")
    assert portraits.shape == (2, 512, 512, 3)  # the third is too small
    assert [clip.shape for clip in frames] == [(5, 512, 512, 3)]
    assert {tuple(picture[0, 0]) for picture in portraits} == {SPLITS["train"]}
    held_out, none = load_stills(cache, "val")
    assert {tuple(picture[0, 0]) for picture in held_out} == {SPLITS["val"]} and not none
    assert {path.name for path in cache.iterdir()} == {"train", "val"}


def test_frames_are_spread_over_the_clip(cache):
    (frames,) = load_stills(cache, "train")[1]
    for frame, index in zip(frames, (0, 5, 10, 14, 19), strict=True):
        assert np.abs(frame.astype(int) - clips.disc(index, 512, 512)).mean() < 4


def test_what_is_prepared_stays(data, cache):
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.npy")}
    prepare_stills(data, cache, frames=5)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.npy")} == before


def test_a_folder_without_stills_is_named(tmp_path):
    with pytest.raises(ThvError, match="wants folders train512 and portraits"):
        prepare_stills(tmp_path, tmp_path / "cache", 5)


@pytest.mark.parametrize("job", [Job(64, 256), Job(128, 512), Job(128, 256)])
def test_stills_show_what_their_targets_show(cache, job):
    """Reduced again, a target differs from its still by the coding only."""
    batch = StillSampler(*load_stills(cache, "train"), 0.5, 1).batch(8, 32, job).on("cpu")
    assert batch.still.shape == (8, 3, 32, 32)
    assert batch.target.shape == (8, 3, 32 * job.scale, 32 * job.scale)
    reduced = torch.nn.functional.avg_pool2d(batch.target, job.scale)
    aligned = (reduced - batch.still).abs().mean()
    moved = (reduced.roll((2, 2), (2, 3)) - batch.still).abs().mean()
    assert aligned < 0.05 and aligned < 0.6 * moved


def test_batches_are_the_same_for_the_same_seed(cache):
    one, two = (
        StillSampler(*load_stills(cache, "train"), 0.5, 3).batch(4, 32, Job(64, 256))
        for _ in range(2)
    )
    torch.testing.assert_close(one.still, two.still)
    torch.testing.assert_close(one.target, two.target)


def test_each_worker_makes_batches_of_its_own(cache):
    in_fresh_process(see_workers_of_stills, cache)


def see_workers_of_stills(cache):
    stills = load_stills(cache, "train")
    stream = StillStream(stills, (Job(64, 256), Job(128, 256)), 0.5, 3, (4, 32))
    batches = stream.start(1)
    alone = [next(batches) for _ in range(2)]
    batches = stream.start(2)
    first, second = next(batches), next(batches)  # each of another worker
    assert first.still.dtype == torch.uint8 and first.still.shape == (4, 3, 32, 32)
    assert torch.equal(first.still, alone[0].still), "the same seed"
    assert not any(torch.equal(second.still, batch.still) for batch in alone)
    ready = first.on("cpu")
    assert ready.target.dtype == torch.float32 and ready.target.max() <= 1


@pytest.mark.parametrize("codec", [StillCodec.JPEG, StillCodec.WEBP])
def test_a_lower_quality_costs_more(cache, codec):
    still = resize_still(np.array(load_stills(cache, "train")[0][0]), 64)
    errors = [
        np.abs(coded(still, codec, quality).astype(int) - still).mean() for quality in (20, 90)
    ]
    assert errors[0] > 1.3 * errors[1] > 0


def test_judge_and_maker_pull_against_each_other():
    torch.manual_seed(0)
    judge = Discriminator()
    still, original = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    made = torch.full_like(original, 0.5).requires_grad_()
    optimiser = torch.optim.Adam(judge.parameters(), 1e-3)
    first = judge_loss(judge, made, original, still)
    for _ in range(30):
        optimiser.zero_grad()
        judge_loss(judge, made, original, still).backward()
        optimiser.step()
    assert made.grad is None
    assert judge_loss(judge, made, original, still) < 0.7 * first
    judge.requires_grad_(False)
    loss = maker_loss(judge, made, original, still)
    loss.backward()
    assert maker_loss(judge, made - 0.05 * made.grad.sign(), original, still) < loss


def test_it_keeps_up_with_bicubic_writes_weights_and_goes_on(data, cache, monkeypatch):
    monkeypatch.setattr(upscaler, "CompactNet", lambda: CompactNet(SMALL))
    stage = Stage(
        batch=4, patch=32, minutes=0.2, rate=2e-4, crop=32, perceptual=0.0, adversarial=0.0
    )
    settings = UpscalerTraining((Job(64, 256),), (stage,), frames=5, portraits=0.9, average=0.98)
    work = cache.parent
    weights = train(data, work, settings)
    log = [json.loads(line) for line in (work / "upscaler.log").read_text().splitlines()]
    assert log[-1]["psnr"] > log[-1]["psnr_bicubic"] - 0.1, "begins as bicubic, must not get worse"
    assert (work / "preview.png").stat().st_size > 1000
    assert load_network(weights).scales == (2, 4)
    light = replace(stage, minutes=0.02, adversarial=0.01)
    train(data, work, replace(settings, stages=(stage, light)))
    again = [json.loads(line) for line in (work / "upscaler.log").read_text().splitlines()]
    assert again[: len(log)] == log
    assert again[-1]["step"] > log[-1]["step"] and again[-1]["judge"] > 0


def test_the_shipped_config_is_readable_and_a_wrong_one_says_why(tmp_path):
    path = find_config("face")
    settings = read_config(path)
    assert isinstance(settings, UpscalerTraining)
    assert {job.scale for job in settings.jobs} == {2, 4}
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(path.read_text().replace("minutes =", "hours =", 1))
    with pytest.raises(ThvError, match="hours"):
        read_config(wrong)
    assert find_config(str(wrong)) == wrong

"""Both trainers on a few synthetic frames: they learn, log, resume; their data is consistent."""

import json
import multiprocessing
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from benchmarks import ablations
from tests.train.fresh import in_fresh_process
from thcodec.errors import ThvError
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.extractor import CloseUp, FaceExtractor
from thcodec.models.face_vid2vid.network import FaceVid2Vid
from thcodec.models.face_vid2vid.tracking import flow_both_ways, grey
from thcodec.models.weights_file import read_weights
from thcodec.train import animator, landmarks
from thcodec.train.animator import AnimatorTrainer, AnimatorTraining, Stage, place
from thcodec.train.checkpoint import Average, load_checkpoint, save_checkpoint
from thcodec.train.close_ups import (
    EYES,
    MOUTH,
    CloseUpData,
    CloseUpTraining,
    _update,
    evaluate,
    train_close_ups,
)
from thcodec.train.device import half_convolutions
from thcodec.train.extractor import ExtractorTraining, MeshData, mirror, train_face
from thcodec.train.losses import close_up_loss
from thcodec.train.pairs import PairSampler, PairStream, Track, degrade, field_of, keypoint_motion
from thcodec.train.prepare import load, prepare
from thcodec.train.run import DEFAULT_CONFIG, read_config
from thcodec.train.schedule import scheduled

SMALL = replace(
    COMPACT,
    motion_widths=(4, 4),
    volume_channels=2,
    picture_channels=8,
    bottleneck_channels=8,
    bottleneck_blocks=1,
    extractor_widths=(4, 4, 8, 8, 8),
    close_up_widths=(4, 8, 8),
)


PARTS = ("motion", "appearance", "generator")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def tracks(cache, split):
    chosen = list(landmarks.KEYPOINTS)
    clips = load(cache, split)
    return [
        Track(c, c.mesh[:, chosen], np.repeat(c.mesh[:1, chosen], len(c.mesh), 0)) for c in clips
    ]


def test_mirroring_twice_changes_nothing_and_swaps_sides():
    points = np.random.default_rng(0).normal(size=(COMPACT.seen, 3))
    assert mirror(mirror(points)) == pytest.approx(points)
    assert mirror(points)[0] == pytest.approx(points[2] * [-1, 1, 1])


def test_the_mean_shape_faces_the_viewer(cache):
    shape = MeshData(load(cache, "train"), 0).shape
    sides = shape[[454, 263, 356]].mean(0) - shape[[234, 33, 127]].mean(0)
    assert sides[0] > 0 and np.abs(sides[1:]).max() < 1e-6
    assert np.sqrt((shape**2).sum(1).mean()) == pytest.approx(1.0)


def test_distorted_keypoints_stay_on_the_picture_s_points(cache):
    pictures, keypoints, _ = MeshData(load(cache, "train"), 0).batch(8)
    assert pictures.shape == (8, 3, 128, 128) and keypoints.shape == (8, 17, 3)
    assert pictures.min() >= 0 and pictures.max() <= 1


def test_a_still_frame_needs_no_motion():
    points = np.random.default_rng(0).normal(size=(COMPACT.keypoints, 3))
    source, driving, jacobian = keypoint_motion(points, points, points)
    assert source == pytest.approx(driving) and jacobian == pytest.approx(np.eye(3))


def test_degrading_keeps_the_size_and_loses_detail():
    picture = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    small = degrade(picture, 64, 60)
    assert small.shape == picture.shape and small.std() < picture.std()


def test_batches_are_the_same_for_the_same_seed(cache):
    first, second = (PairSampler(tracks(cache, "train"), 4, 0.5).batch(2, 64) for _ in range(2))
    torch.testing.assert_close(first.source, second.source)
    torch.testing.assert_close(first.jacobian, second.jacobian)


def test_two_sources_lead_to_the_same_driving_frame(cache):
    batch = PairSampler(tracks(cache, "train"), 4, 0.0).batch(3, 64, two=True).on("cpu")
    torch.testing.assert_close(batch.driving, batch.second.driving)
    face = slice(0, COMPACT.seen)
    placed = batch.driving_keypoints[:, face], batch.second.driving_keypoints[:, face]
    torch.testing.assert_close(*placed, atol=0.05, rtol=0)  # noise of the quantiser
    assert (batch.source - batch.second.source).abs().mean() > 1e-3


def test_shut_eyes_are_drawn_more_often_than_they_are_filmed(cache):
    track = tracks(cache, "train")[0]
    keypoints = track.keypoints.copy()
    upper, lower = COMPACT.openings[0]
    keypoints[:, lower] = keypoints[:, upper] + 0.1
    keypoints[:5, lower] = keypoints[:5, upper]  # 5 blinks in 110 frames
    sampler = PairSampler([replace(track, keypoints=keypoints)], 0, 0.0)
    drawn = [sampler._driving_frame(sampler._tracks[0], 60) for _ in range(4000)]
    assert np.mean(np.array(drawn) < 5) > 1.5 * 5 / 110


def test_the_extractor_learns_and_goes_on_where_it_stopped(cache, tmp_path):
    settings = ExtractorTraining(minutes=0.1, batch=4)
    first = torch.load(train_face(cache, tmp_path, settings), weights_only=True)
    again = train_face(cache, tmp_path, replace(settings, minutes=0.15))
    state = torch.load(again, weights_only=True)
    assert state["step"] > first["step"] > 0
    FaceExtractor(COMPACT).load_state_dict(state["average"])


def test_large_turns_are_drawn_more_often_than_they_are_filmed(cache):
    track = tracks(cache, "train")[0]
    keypoints = np.repeat(track.keypoints[:1], len(track.keypoints), 0)
    nose = landmarks.FACE.index(1)
    keypoints[:5, nose, 0] += 0.1  # 5 of 110 frames look aside
    sampler = PairSampler([replace(track, keypoints=keypoints)], 0, 0.0)
    drawn = [sampler._driving_frame(sampler._tracks[0], 60) for _ in range(4000)]
    assert np.mean(np.array(drawn) < 5) > 1.5 * 5 / 110


def face_tracks(cache, split):
    face = list(landmarks.FACE)
    return [
        Track(clip, clip.mesh[:, face], np.repeat(clip.mesh[:1, face], len(clip.mesh), 0))
        for clip in load(cache, split)
    ]


def test_close_ups_learn_where_lids_are(cache):
    torch.manual_seed(0)
    data = CloseUpData(face_tracks(cache, "train"), EYES[:1], 0)
    held_out = CloseUpData(face_tracks(cache, "val"), EYES[:1], 1).batch(64, distort=False)
    net = CloseUp(COMPACT, 3)
    untrained = evaluate(net, held_out)["error"]
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(60):
        _update(net, data.batch(16), optimiser)
    assert evaluate(net, held_out)["error"] < 0.7 * untrained


def test_both_close_ups_are_trained_and_go_on_where_they_stopped(cache, tmp_path):
    train, val = face_tracks(cache, "train"), face_tracks(cache, "val")
    settings = CloseUpTraining(minutes=0.02, batch=2)
    states = train_close_ups(train, val, tmp_path, settings)
    CloseUp(COMPACT, 3).load_state_dict(states["eye"])
    CloseUp(COMPACT, 4).load_state_dict(states["mouth"])
    first = lines(tmp_path / "eye.log")[-1]["step"]
    train_close_ups(train, val, tmp_path, replace(settings, minutes=0.05))
    assert lines(tmp_path / "eye.log")[-1]["step"] > first > 0


def test_a_distorted_close_up_carries_its_points_along(cache):
    """The discs' meshes hold still in the head: a close-up without distortion shows every frame's
    points at the same places, one with it elsewhere, and both within the picture's reach."""
    track = face_tracks(cache, "train")[0]
    _, still = CloseUpData([track], (MOUTH,), 0).batch(16, distort=False)
    _, moved = CloseUpData([track], (MOUTH,), 0).batch(16)
    assert still.std(0).max() < 0.2 < moved.std(0).max() + 0.2
    assert moved.std(0).mean() > still.std(0).mean()


def test_a_field_of_flow_says_where_the_driving_frame_comes_from():
    """A picture of coloured blobs that moves to the right comes from the left."""
    random = np.random.default_rng(2)
    wide = cv2.GaussianBlur(random.integers(0, 255, (128, 160, 3), np.uint8), (0, 0), 3)
    source, driving = wide[:, 16:144], wide[:, 10:138]
    _, back = flow_both_ways(grey(source), grey(driving))
    field, trusted = field_of(back)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 64)] * 2), -1)
    shift = (field - grid)[..., 0][trusted > 0]
    assert trusted.mean() > 0.5 and np.median(shift) == pytest.approx(-6 / 63.5, abs=0.01)


def test_each_worker_makes_batches_of_its_own_and_ends_with_the_iterator(cache):
    in_fresh_process(see_workers_of_pairs, cache)


def see_workers_of_pairs(cache):
    stream = PairStream(tracks(cache, "train"), 5, 2, 64, 0.5, 1.0)
    before = multiprocessing.active_children()
    batches = stream.start(1)
    alone = [next(batches) for _ in range(2)]
    worker = [child for child in multiprocessing.active_children() if child not in before]
    batches = stream.start(2)
    first, second = next(batches), next(batches)  # each of another worker
    del batches
    assert len(worker) == 1 and multiprocessing.active_children() == before
    assert first.source.dtype == torch.uint8 and first.source.shape == (2, 3, 64, 64)
    assert torch.equal(first.source, alone[0].source), "the same seed"
    assert torch.equal(first.second.source, alone[0].second.source)
    assert not any(torch.equal(second.source, batch.source) for batch in alone)


def test_the_animator_learns_and_goes_on_where_it_stopped(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(animator, "SETTLING", 4)
    torch.manual_seed(0)
    train, val = tracks(cache, "train"), tracks(cache, "val")
    stages = (
        Stage(size=64, batch=4, minutes=0.1, rate=2e-3, parts=("motion",), degraded=0.0),
        Stage(
            size=128,
            batch=2,
            minutes=0.05,
            rate=2e-3,
            parts=PARTS,
            crop=32,
            adversarial=0.1,
            two=0.5,
        ),
    )
    settings = AnimatorTraining(stages=stages)
    trained = AnimatorTrainer(FaceVid2Vid(SMALL), train, val, tmp_path, settings).run()
    log = lines(tmp_path / "animator.log")
    assert [report["size"] for report in log] == [64, 128]
    assert log[-1]["psnr"] > log[-1]["repeated"]
    assert (tmp_path / "preview.png").stat().st_size > 1000
    again = AnimatorTrainer(FaceVid2Vid(SMALL), train, val, tmp_path, settings).run()
    assert same_weights(again, trained), "norms settled"
    for name in ("stage-0", "stage-1", "average"):
        written = FaceVid2Vid(SMALL)
        written.load_state_dict(read_weights(tmp_path / f"{name}.safetensors"))
        assert same_weights(written, trained.half().float()) == (name != "stage-0")
    longer = replace(settings, stages=(stages[0], replace(stages[1], minutes=0.1)))
    AnimatorTrainer(FaceVid2Vid(SMALL), train, val, tmp_path, longer).run()
    assert lines(tmp_path / "animator.log")[-1]["step"] > log[-1]["step"]


def same_weights(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


def test_a_settled_stage_begins_with_the_averaged_weights(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(animator, "SETTLING", 2)
    begun = []

    class Noting(AnimatorTrainer):
        def choose(self, stage):
            begun.append(same_weights(self._net, self._average.net))
            super().choose(stage)

        def settle(self, stage):
            begun.append(same_weights(self._net, self._average.net))
            super().settle(stage)

    stage = Stage(size=64, batch=2, minutes=0.02, rate=1e-3, parts=PARTS)
    settings = AnimatorTraining((stage, replace(stage, parts=PARTS[1:], settled=True)))
    net = FaceVid2Vid(SMALL)
    Noting(net, tracks(cache, "train"), tracks(cache, "val"), tmp_path, settings).run()
    assert begun == [True, False, True]


def test_a_settled_stage_leaves_norms_and_other_parts_as_they_are(cache, tmp_path):
    torch.manual_seed(0)
    parts = ("appearance", "generator")
    stage = Stage(
        size=64, batch=2, minutes=0.03, rate=1e-3, parts=parts, close_ups=1.0, settled=True
    )
    net = FaceVid2Vid(SMALL)
    torch.nn.init.normal_(net.generator.head.weight)  # what is left out has no gradient
    old = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    AnimatorTrainer(
        net, tracks(cache, "train"), tracks(cache, "val"), tmp_path, AnimatorTraining((stage,))
    )._train_stage(stage, 0.0)
    state = net.state_dict()
    trained = dict(net.named_parameters())
    changed = {name for name in state if not torch.equal(state[name], old[name])}
    assert any(name.startswith("generator") for name in changed)
    assert {name.split(".")[0] for name in changed if name in trained} <= {*parts}
    assert not any(int(state[name]) for name in state if name.endswith("batches_tracked"))


def test_a_generator_that_paints_nothing_yet_learns_to_while_it_is_trained(cache):
    batch = PairSampler(tracks(cache, "train"), 0, 0.0).batch(2, 64).on("cpu")
    net = FaceVid2Vid(SMALL).train()
    picture = net.synthesise(place(net, batch)).picture
    (picture - batch.driving).abs().mean().backward()
    assert net.generator.head.weight.grad.abs().max() > 0
    net.eval()
    made = net.synthesise(place(net, batch))
    torch.testing.assert_close(made.picture, made.moved)


def test_convolutions_in_bfloat16_leave_coordinates_and_pictures_in_float32(cache, monkeypatch):
    """What happens on CUDA, on the CPU."""
    torch.manual_seed(0)
    net, weight = FaceVid2Vid(SMALL), torch.tensor([0.2, 0.7])
    batch = PairSampler(tracks(cache, "train"), 0, 0.0).batch(2, 64, two=True).on("cpu")
    exact = net.blend(place(net, batch), place(net, batch.second), weight)
    autocast = torch.autocast
    monkeypatch.setattr(torch, "autocast", lambda _, dtype: autocast("cpu", dtype))
    half_convolutions("cuda", net)
    assert net.appearance(batch.source).features.dtype == torch.bfloat16
    made = net.blend(place(net, batch), place(net, batch.second), weight)
    for field in made.fields:
        assert {part.dtype for part in vars(field).values()} == {torch.float32}
    assert made.picture.dtype == made.moved.dtype == torch.float32
    torch.testing.assert_close(made.picture, exact.picture, atol=0.02, rtol=0)


def test_close_ups_are_of_eyes_and_mouth(cache):
    batch = PairSampler(tracks(cache, "train"), 0, 0.0).batch(2, 64).on("cpu")
    steps = [torch.lerp(batch.source, batch.driving, share) for share in (0.0, 0.5, 1.0)]
    losses = [close_up_loss(picture, batch).item() for picture in steps]
    assert losses[0] > losses[1] > losses[2] == 0
    elsewhere = batch.driving.clone()
    elsewhere[..., :4] += 0.3  # the border
    assert close_up_loss(elsewhere, batch) == 0


def test_the_shipped_config_is_readable_and_a_wrong_one_says_why(tmp_path):
    config = read_config(DEFAULT_CONFIG)
    assert (config.animator.stages[0].size, config.slim.stages[0].taught) == (128, 1.0)
    wrong = tmp_path / "wrong.toml"
    stages = "[[animator.stages]]\n"
    wrong.write_text(DEFAULT_CONFIG.read_text().replace(stages, f"{stages}taught = 1.0\n"))
    with pytest.raises(ThvError, match="teacher"):
        read_config(wrong)
    wrong.write_text(DEFAULT_CONFIG.read_text().replace("minutes =", "hours =", 1))
    with pytest.raises(ThvError, match="hours"):
        read_config(wrong)


def test_the_average_goes_on_where_it_stopped(tmp_path):
    """Its decay grows with the updates: one that began anew would forget all before the stop."""
    net = torch.nn.Linear(1, 1, bias=False)
    optimiser = torch.optim.AdamW(net.parameters())
    average = Average(net, 0.99)
    for _ in range(1000):
        average.update(net)
    before = average.net.weight.item()
    save_checkpoint(tmp_path / "c.pt", net, optimiser, average, 1000, 1.0, {})
    resumed = Average(net, 0.99)
    assert load_checkpoint(tmp_path / "c.pt", net, optimiser, resumed) == (1000, 1.0)
    torch.nn.init.constant_(net.weight, before + 1)
    resumed.update(net)
    assert resumed.net.weight.item() == pytest.approx(before + 0.01, abs=1e-4)


def test_a_folder_without_clips_is_named(tmp_path):
    with pytest.raises(ThvError, match="wants a folder with train256"):
        prepare(tmp_path, tmp_path / "cache", ("train", "val"))


def test_equal_variants_trained_side_by_side_end_equal(cache, tmp_path):
    """So that what differs in the end is what was made to differ."""
    stage = Stage(size=64, batch=2, minutes=0.03, rate=1e-3, parts=PARTS)
    trainers = {}
    for name in ("one", "other", "critic"):
        torch.manual_seed(0)
        settings = AnimatorTraining((stage,))
        trainers[name] = AnimatorTrainer(
            FaceVid2Vid(SMALL), tracks(cache, "train"), [], tmp_path / name, settings
        )
    stages = dict.fromkeys(trainers, stage) | {"critic": replace(stage, adversarial=0.5)}
    assert ablations.side_by_side(trainers, stages, tracks(cache, "train")) > 0
    one, other, critic = (trainer.averaged for trainer in trainers.values())
    assert same_weights(one, other) and not same_weights(one, critic)
    figures, sheet = ablations.measure(one, tracks(cache, "val"))
    assert figures.keys() == {"painted", "moved"} and sheet.shape == (256, 4 * 256, 3)


def test_the_rate_of_learning_rises_and_then_falls_to_its_least():
    assert scheduled(2.0, 0, 0.0, 0.1) == pytest.approx(0.02)
    assert scheduled(2.0, 99, 0.0, 0.1) == scheduled(2.0, 5000, 0.0, 0.1) == 2.0
    assert scheduled(2.0, 5000, 0.5, 0.1) == pytest.approx(1.1)
    assert scheduled(2.0, 5000, 1.0, 0.1) == pytest.approx(0.2)

"""A slim network does what the wide one does, as far as its channels go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.train.test_training import SMALL, tracks
from thcodec.models.face_vid2vid.network import FaceVid2Vid
from thcodec.train.animator import (
    PARTS,
    TAUGHT_FIELD,
    AnimatorTrainer,
    AnimatorTraining,
    Stage,
    place,
)
from thcodec.train.pairs import PairBatch, PairSampler
from thcodec.train.slim import chosen, slim

WIDE = replace(SMALL, volume_channels=4, motion_widths=(8, 6, 8))
NARROW = replace(
    WIDE, volume_channels=3, motion_widths=(7, 5, 6), picture_channels=7, bottleneck_channels=6
)


@pytest.fixture
def batches(cache):
    sampler = PairSampler(tracks(cache, "train"), 0, 0.0)
    return [sampler.batch(2, 64).on("cpu") for _ in range(3)]


def painting() -> FaceVid2Vid:
    """A network whose heads do something, as if it had been trained."""
    torch.manual_seed(0)
    net = FaceVid2Vid(WIDE)
    for head in (net.generator.head, net.motion.head):
        torch.nn.init.normal_(head.weight, std=0.2)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
    return net.eval()


def painted(net, batch):
    with torch.no_grad():
        made = net.synthesise(place(net, batch))
    return made.picture, made.moved


def test_as_many_channels_do_the_same(batches):
    net = painting()
    picture, moved = painted(net, batches[0])
    assert (picture - moved).abs().mean() > 0.02
    torch.testing.assert_close(
        painted(slim(net, WIDE, batches), batches[0])[0], picture, atol=1e-3, rtol=0
    )


def test_fewer_channels_do_nearly_the_same(batches):
    net = painting()
    picture, moved = painted(net, batches[0])
    made, nearly = painted(slim(net, NARROW, batches), batches[0])
    assert (made - picture).abs().mean() < 0.5 * (moved - picture).abs().mean()
    torch.nn.init.zeros_(net.motion.head.weight)
    _, prior = painted(net, batches[0])
    assert (nearly - moved).abs().mean() < 0.5 * (prior - moved).abs().mean()


def test_channels_that_others_explain_go():
    signals = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)).double()
    channels = torch.stack([signals[:, 0], 2 * signals[:, 0], signals[:, 1], 0.1 * signals[:, 2]])
    assert chosen(torch.cov(channels), 2) == [1, 2]
    assert chosen(torch.cov(channels), 3) == [1, 2, 3]
    assert chosen(torch.cov(channels), 2, together=2) == [0, 1]
    assert chosen(torch.cov(channels), 4) == [0, 1, 2, 3]


def test_the_wide_one_teaches(batches, cache, tmp_path):
    """Where it is wrong, too: pictures and fields; but not how two sources are mixed."""
    net, batch = painting(), batches[0]
    stage = Stage(size=64, batch=2, minutes=1, rate=1e-3, parts=PARTS, settled=True)
    settings, train = AnimatorTraining((stage,)), tracks(cache, "train")
    trainer = AnimatorTrainer(FaceVid2Vid(WIDE), train, [], tmp_path, settings, teacher=net)
    trainer.choose(stage)

    def loss(taught: float, batch: PairBatch) -> float:
        return trainer.update(batch, replace(stage, taught=taught), 0.0).item()

    with torch.no_grad():
        mine, its = (each.synthesise(place(each, batch)) for each in (trainer._net, net))
    apart = (mine.picture - its.picture).abs().mean()
    apart += TAUGHT_FIELD * (mine.fields[0].picture - its.fields[0].picture).abs().mean()
    assert loss(3.0, batch) - loss(0.0, batch) == pytest.approx(3 * apart.item(), rel=1e-3)
    two = replace(batch, second=batch)
    trainer._random = np.random.default_rng(0)
    plain = loss(0.0, two)
    trainer._random = np.random.default_rng(0)
    assert loss(3.0, two) == pytest.approx(plain, rel=1e-5)

"""The whole training, of networks that are tiny and never good."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch

from tests.train.test_training import SMALL
from thcodec.models.face_vid2vid.network import FaceVid2Vid
from thcodec.models.weights_file import read_weights
from thcodec.train import animator, run
from thcodec.train.animator import PARTS, AnimatorTraining, Stage
from thcodec.train.run import DEFAULT_CONFIG, TrainingConfig, read_config, train

WIDE = replace(SMALL, volume_channels=3)
NARROW = replace(
    WIDE, volume_channels=2, motion_widths=(3, 3), picture_channels=6, bottleneck_channels=6
)
WIDE_STAGE = Stage(size=64, batch=2, minutes=0.01, rate=1e-3, parts=("motion", "generator"))
SLIM_STAGE = replace(WIDE_STAGE, parts=PARTS, taught=2.0, settled=True)


@pytest.fixture
def config(cache, tmp_path, monkeypatch) -> TrainingConfig:
    """Clips are prepared, and the extractor, which has tests of its own, is as it begins."""
    shutil.copytree(cache, tmp_path / "cache")
    extractor = FaceVid2Vid(WIDE).extractor
    torch.save({"average": extractor.face.state_dict()}, tmp_path / "face.pt")
    close_ups = {"eye": extractor.eye.state_dict(), "mouth": extractor.mouth.state_dict()}
    monkeypatch.setattr(run, "prepare", lambda *_: None)
    monkeypatch.setattr(run, "train_face", lambda *_: tmp_path / "face.pt")
    monkeypatch.setattr(run, "train_close_ups", lambda *_: close_ups)
    monkeypatch.setattr(run, "WIDE", WIDE)
    monkeypatch.setattr(run, "COMPACT", NARROW)
    monkeypatch.setattr(run, "CUT_ON", 1)
    monkeypatch.setattr(animator, "SETTLING", 1)
    shipped = read_config(DEFAULT_CONFIG)
    assert isinstance(shipped, TrainingConfig)
    stages = AnimatorTraining((WIDE_STAGE,)), AnimatorTraining((SLIM_STAGE,))
    return replace(shipped, animator=stages[0], slim=stages[1])


def test_a_wide_network_is_trained_and_a_slim_one_cut_out_of_it(config, tmp_path):
    made = read_weights(train(tmp_path, tmp_path, config))
    slim = FaceVid2Vid(NARROW)
    slim.load_state_dict(made)
    wide = read_weights(tmp_path / "stage-0.safetensors")
    for name, tensor in slim.extractor.named_parameters():
        torch.testing.assert_close(tensor.data, wide[f"extractor.{name}"])
    again = read_weights(train(tmp_path, tmp_path, config))
    assert all(torch.equal(again[name], made[name]) for name in made), "all was done already"
    longer = AnimatorTraining((replace(WIDE_STAGE, minutes=0.02),))
    train(tmp_path, tmp_path, replace(config, animator=longer))
    assert len([*tmp_path.glob("slim-*")]) == 2, "another wide one was cut"

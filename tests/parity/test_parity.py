"""The published networks at full size against figures of the reference: ``make parity``.

Weights come from a recipe, since the published ones may not be passed on; they go through a torch
file and the loader as a user's would.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.parity import recipe
from thcodec.models.face_vid2vid.published.config import VOX_256, VOX_256_BETA
from thcodec.models.face_vid2vid.published.network import PublishedNet
from thcodec.models.face_vid2vid.published.weights import load_net
from thcodec.models.folding import make_fast
from thcodec.motion.keypoints import Motion, transform

pytestmark = pytest.mark.parity
TOLERANCE, HALF = 1e-3, 2e-3
NETWORKS = {"vox-256": VOX_256, "vox-256-beta": VOX_256_BETA}


@pytest.fixture(scope="module")
def net(name: str, weights: Path) -> PublishedNet:
    net = load_net(weights, NETWORKS[name])
    make_fast(net)
    return net


@pytest.fixture(scope="module")
def wanted(name: str):
    return np.load(recipe.PARITY / f"{name}.npz")


@pytest.fixture(scope="module")
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    pair = np.asarray(Image.open(recipe.PARITY / "pair.png").convert("RGB"), np.float32) / 255
    both = torch.from_numpy(pair).permute(2, 0, 1)[None]
    return both[..., :256], both[..., 256:]


def near(found, wanted, tolerance=TOLERANCE):
    np.testing.assert_allclose(np.asarray(found, np.float64), wanted, atol=tolerance, rtol=0)


@torch.inference_mode()
def test_keypoints_and_pose(net, wanted, pictures):
    source, driving = pictures
    canonical = net.detector(source)[0].numpy()
    near(canonical, wanted["canonical_keypoints"])
    for picture, which in ((source, "source"), (driving, "driving")):
        pose = net.pose(picture)
        motion = Motion(
            pose.true_degrees()[0].numpy(),
            pose.translation[0].numpy(),
            0.0,
            pose.expression[0].numpy(),
        )
        near(transform(canonical, motion), wanted[f"{which}_keypoints"])
    for angle in ("yaw", "pitch", "roll"):
        near(getattr(pose, angle)[0], wanted[f"driving_{angle}_degrees"])
    near(pose.translation[0], wanted["driving_translation"])
    near(pose.expression[0], wanted["driving_expression"])


@pytest.mark.parametrize("distance", ["", "far_"], ids=["near", "far"])
@torch.inference_mode()
def test_pictures(net, wanted, pictures, distance):
    keypoints = (
        torch.from_numpy(wanted[f"{distance}{which}_keypoints"])[None]
        for which in ("source", "driving")
    )
    picture, field = net.generator(net.generator.prepare(pictures[0]), *keypoints)
    near(field.occlusion[0, 0], wanted[f"{distance}occlusion_map"], HALF)
    near(picture[0].permute(1, 2, 0), wanted[f"{distance}prediction"], HALF)

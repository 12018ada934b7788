"""The published classes, small, against a direct transcription of their description."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.models import published_small as small
from tests.models.published_reference import Reference
from tests.parity import recipe
from thcodec.models.face_vid2vid.blocks import UpBlock
from thcodec.models.face_vid2vid.published.config import VOX_256, VOX_256_BETA
from thcodec.models.face_vid2vid.published.network import PublishedNet
from thcodec.models.face_vid2vid.published.weights import load_net, published_shapes
from thcodec.models.folding import make_fast
from thcodec.motion.keypoints import Motion, rotation_matrix, transform


@pytest.fixture(scope="module", params=small.CONFIGS)
def config(request):
    return small.CONFIGS[request.param]


@pytest.fixture(scope="module", params=["as loaded", "made fast"])
def both(config, request, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "w.pth.tar"
    reference = Reference(small.flat(small.write(config, path)), config)
    net = load_net(path, config)
    if request.param == "made fast":
        make_fast(net)
        assert not any(isinstance(part, UpBlock) for part in net.detector.predictor.up)
    return net, reference


def picture(seed=0, size=64):
    coarse = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")


def keypoints(seed, spread):
    return spread * torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def test_canonical_keypoints(both):
    net, reference = both
    found, wanted = net.detector(picture()), reference.canonical(picture())
    assert wanted.std() > 1e-3  # else nothing was proved
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_head_pose_and_keypoints(both):
    net, reference = both
    found, wanted = net.pose(picture(1)), reference.pose(picture(1))
    assert [float(found.yaw), float(found.pitch), float(found.roll)] == pytest.approx(
        wanted[:3], abs=1e-3
    )
    assert len({round(angle, 2) for angle in wanted[:3]}) == 3  # heads are not mixed up
    canonical = net.detector(picture())
    motion = Motion(
        found.true_degrees()[0].numpy(),
        found.translation[0].numpy(),
        0.0,
        found.expression[0].numpy(),
    )
    moved = transform(canonical[0].numpy(), motion)
    np.testing.assert_allclose(moved, reference.moved(canonical, wanted)[0], atol=1e-5)


@pytest.mark.parametrize("spread", [0.1, 0.7], ids=["near", "far"])
@pytest.mark.parametrize("turn", [None, (20.0, -10.0, 30.0)], ids=["plain", "jacobian"])
@torch.inference_mode()
def test_pictures(both, spread, turn):
    net, reference = both
    jacobian = None
    if turn is not None:
        jacobian = torch.from_numpy(rotation_matrix(*turn)).float()[None]
    points = keypoints(1, spread), keypoints(2, spread)
    found, field = net.generator(net.generator.prepare(picture()), *points, jacobian)
    wanted, flow, occlusion = reference.picture(picture(), *points, jacobian)
    assert wanted.std() > 1e-3 and occlusion.std() > 1e-4
    torch.testing.assert_close(field.flow, flow, atol=1e-5, rtol=0)
    torch.testing.assert_close(field.occlusion, occlusion, atol=1e-5, rtol=0)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_the_jacobian_matters(both):
    net, _ = both
    volumes, points = net.generator.prepare(picture()), (keypoints(1, 0.3), keypoints(2, 0.3))
    turn = torch.from_numpy(rotation_matrix(30.0, 0.0, 0.0)).float()[None]
    plain, turned = (net.generator(volumes, *points, each)[1].flow for each in (None, turn))
    assert (plain - turned).abs().max() > 0.1


@pytest.mark.parametrize(("name", "full"), [("vox-256", VOX_256), ("vox-256-beta", VOX_256_BETA)])
def test_names_and_shapes_are_the_published_ones(name, full):
    if not recipe.PARITY.is_dir():
        pytest.skip("../shared/parity is not here")
    with torch.device("meta"):
        shapes = published_shapes(PublishedNet(full))
    assert shapes == recipe.published_keys(name)


@pytest.mark.parametrize(
    ("full", "share"), [(VOX_256, 0.87), (VOX_256_BETA, 0.75)], ids=["vox-256", "vox-256-beta"]
)
def test_work_per_frame(full, share):
    """Multiplications of a frame at full size against the direct transcription, without doing them;
    `make parity` measures the time.
    """
    with torch.device("meta"):
        net = PublishedNet(full).eval().requires_grad_(False)
        state = {name: torch.empty(shape) for name, shape in published_shapes(net).items()}
        points = torch.empty(1, full.keypoints, 3)
        source = torch.empty(1, 3, full.size, full.size)
        make_fast(net)
        with torch.inference_mode():
            volumes = net.generator.prepare(source)
            ours = flops(lambda: net.generator(volumes, points, points))
            direct = flops(lambda: Reference(state, full).picture(source, points, points))
    assert ours < share * direct


def flops(run) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def test_parameters_are_those_of_the_description():
    with torch.device("meta"):
        net = PublishedNet(VOX_256)
    assert round(sum(p.numel() for p in net.parameters()) / 1e6) == 173

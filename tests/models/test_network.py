"""The network's parts: shapes, the motion they start with, and what they cost."""

import pytest
import torch

from thcodec.evaluate.cost import flops
from thcodec.models.face_vid2vid.config import COMPACT, FaceVid2VidConfig
from thcodec.models.face_vid2vid.dense_motion import DenseMotion
from thcodec.models.face_vid2vid.network import FaceVid2Vid

TINY = FaceVid2VidConfig(
    keypoints=5,
    detail=(),
    openings=(),
    depth=2,
    volume_channels=4,
    motion_size=16,
    motion_widths=(8, 8, 8),
    picture_channels=8,
    bottleneck_channels=8,
    bottleneck_blocks=1,
    extractor_size=32,
    extractor_widths=(4, 4, 4, 4, 4),
)


def keypoints(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, TINY.keypoints, 3, generator=torch.Generator().manual_seed(seed)) - 0.5


def candidate_flows(grid, source, driving, jacobian):
    """Every w_k laid out, (N, K + 1, D, h, w, 3): the slow and obvious form of the paper."""
    still = grid[None, None].expand(len(source), 1, *grid.shape)
    away = grid[None, None] - driving[:, :, None, None, None]
    turned = torch.einsum("nkdhwc,nec->nkdhwe", away, jacobian)
    return torch.cat([still, turned + source[:, :, None, None, None]], 1)


def test_the_field_is_the_mixture_of_all_candidate_flows():
    torch.manual_seed(3)
    motion = DenseMotion(TINY)
    source, driving = keypoints(2, 1), keypoints(2, 2)
    jacobian = torch.eye(3) + 0.2 * torch.randn(2, 3, 3)
    masks = torch.rand(2, TINY.keypoints + 1, TINY.depth, 16, 16).softmax(1)
    shifts = source - driving @ jacobian.transpose(1, 2)
    flows = candidate_flows(motion.grid, source, driving, jacobian)
    expected = (masks[..., None] * flows).sum(1)
    torch.testing.assert_close(motion._mix(masks, shifts, jacobian), expected, atol=1e-5, rtol=1e-5)


def test_equal_keypoints_leave_the_picture_where_it_is():
    net = FaceVid2Vid(TINY).eval()
    picture, points = torch.rand(1, 3, 64, 64), keypoints(1)
    with torch.inference_mode():
        out = net.synthesise(net.appearance(picture), points, points, torch.eye(3)[None])
    torch.testing.assert_close(out.moved, picture, atol=1e-4, rtol=0)


def test_an_untrained_net_moves_the_face_with_its_keypoints_and_keeps_the_background():
    net = FaceVid2Vid(TINY).eval()
    points = torch.zeros(1, TINY.keypoints, 3)
    points[..., 0] = torch.linspace(-0.2, 0.2, TINY.keypoints)
    with torch.inference_mode():
        source = net.appearance(torch.rand(1, 3, 64, 64))
        field = net.synthesise(
            source, points, points + torch.tensor([0.125, 0, 0]), torch.eye(3)[None]
        ).field
    change = field.picture[0, ..., 0] - net.motion.grid[0, ..., 0]
    assert change[8, 8].item() == pytest.approx(-0.125, abs=0.02)
    assert change[0, 0].item() == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("size", [64, 128])
def test_one_net_serves_several_picture_sizes(size):
    net = FaceVid2Vid(TINY).eval()
    with torch.inference_mode():
        source = net.appearance(torch.rand(1, 3, size, size)).expand(3)
        out = net.synthesise(source, keypoints(3), keypoints(3, 1), torch.eye(3).expand(3, 3, 3))
        located, canonical = net.extractor(torch.rand(3, 3, size, size))
    assert out.picture.shape == (3, 3, size, size)
    assert located.shape == canonical.shape == (3, TINY.keypoints, 3)


def test_the_compact_net_keeps_its_budget():
    net = FaceVid2Vid(COMPACT).eval()
    picture, points = torch.rand(1, 3, 256, 256), torch.rand(1, 17, 3) - 0.5
    with torch.inference_mode():
        source = net.appearance(picture)
        assert flops(lambda: net.synthesise(source, points, points, torch.eye(3)[None])) < 7e9
        assert flops(lambda: net.extractor(picture)) < 1e9
    assert sum(parameter.numel() for parameter in net.parameters()) < 3e6

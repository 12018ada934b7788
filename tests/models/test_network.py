"""The network's parts: shapes, the motion they start with, and what they cost."""

import warnings
from dataclasses import replace

import pytest
import torch

from thcodec.evaluate.cost import flops
from thcodec.models.face_vid2vid.blocks import ConvBlock
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.dense_motion import DenseMotion
from thcodec.models.face_vid2vid.extractor import close_up_frame
from thcodec.models.face_vid2vid.generator import Generator, Moved, mix
from thcodec.models.face_vid2vid.geometry import reduced
from thcodec.models.face_vid2vid.network import FaceVid2Vid, Placed
from thcodec.models.face_vid2vid.tracking import LOST

TINY = replace(
    COMPACT,
    anchors=((0.0, 0.8), (0.6, -0.6)),
    depth=2,
    volume_channels=4,
    motion_size=16,
    motion_widths=(8, 8, 8),
    picture_channels=8,
    bottleneck_channels=8,
    bottleneck_blocks=1,
    extractor_size=32,
    extractor_widths=(4, 4, 4, 4, 4),
    close_up_size=16,
    close_up_widths=(4, 4),
)


def keypoints(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, TINY.keypoints, 3, generator=torch.Generator().manual_seed(seed)) - 0.5


def placed(net: FaceVid2Vid, picture: torch.Tensor, source, driving) -> Placed:
    turned = torch.eye(3).expand(len(picture), 3, 3)
    return Placed(net.appearance(picture), source, driving, turned)


def candidate_flows(grid, source, driving, jacobian):
    """Every w_k laid out, (N, K + 1, D, h, w, 3): the slow and obvious form of the paper."""
    still = grid[None, None].expand(len(source), 1, *grid.shape)
    away = grid[None, None] - driving[:, :, None, None, None]
    head, free = away[:, : TINY.seen], away[:, TINY.seen :]
    turned = torch.cat([torch.einsum("nkdhwc,nec->nkdhwe", head, jacobian), free], 1)
    return torch.cat([still, turned + source[:, :, None, None, None]], 1)


def test_the_field_is_the_mixture_of_all_candidate_flows():
    torch.manual_seed(3)
    motion = DenseMotion(TINY)
    source, driving = keypoints(2, 1), keypoints(2, 2)
    jacobian = torch.eye(3) + 0.2 * torch.randn(2, 3, 3)
    masks = torch.rand(2, 16, 16, TINY.depth, TINY.keypoints + 1)  # of any sum
    flows = candidate_flows(motion.grid.permute(1, 2, 3, 0), source, driving, jacobian)
    weights = (masks / masks.sum(-1, keepdim=True)).permute(0, 4, 3, 1, 2)
    expected = (weights[..., None] * flows).sum(1).permute(0, 4, 1, 2, 3)
    terms = motion._terms(source, driving, jacobian)
    mixed, total = motion._mix(masks, terms, jacobian, motion.grid)
    torch.testing.assert_close(mixed, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(total, masks.sum(-1).permute(0, 3, 1, 2))


def test_masks_of_any_log_weight_add_up():
    torch.manual_seed(4)
    net = FaceVid2Vid(TINY).eval()
    with torch.no_grad():
        net.motion.head.weight.normal_(0, 30)
        field = net.field(
            torch.rand(1, 3, 64, 64), keypoints(1), keypoints(1, 2), torch.eye(3)[None]
        )
    assert field.picture.isfinite().all() and field.volume.isfinite().all()
    assert field.shares.min() >= 0 and field.shares.sum(-1).max() <= 1 + 1e-5


def test_a_convolution_of_parts_is_that_of_what_they_are_side_by_side():
    """Also as it is traced for other runtimes."""
    torch.manual_seed(5)
    block = ConvBlock(7, 4, bias=True).eval()
    parts = tuple(torch.randn(1, channels, 9, 9) for channels in (2, 4, 1))
    with torch.no_grad():
        expected = block(torch.cat(parts, 1))
        torch.testing.assert_close(block(*parts), expected)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(block, parts)
        assert "aten::cat" not in str(traced.inlined_graph)
        torch.testing.assert_close(traced(*parts), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [64, 48, 40, 100])
def test_reduced_pictures_are_means_of_the_area(size):
    picture = torch.rand(1, 3, size, size)
    expected = torch.nn.functional.interpolate(picture, size=(16, 16), mode="area")
    torch.testing.assert_close(reduced(picture, 16), expected)


def test_equal_keypoints_leave_the_picture_where_it_is():
    net = FaceVid2Vid(TINY).eval()
    picture, points = torch.rand(1, 3, 64, 64), keypoints(1)
    with torch.inference_mode():
        out = net.synthesise(placed(net, picture, points, points))
    torch.testing.assert_close(out.moved, picture, atol=1e-4, rtol=0)


def test_an_untrained_net_moves_the_face_with_its_keypoints_and_keeps_the_background():
    net = FaceVid2Vid(TINY).eval()
    points = torch.zeros(1, TINY.keypoints, 3)
    points[0, : TINY.seen, 0] = torch.linspace(-0.2, 0.2, TINY.seen)
    points[0, TINY.seen :, :2] = torch.tensor(TINY.anchors)
    moved = points.clone()
    moved[:, : TINY.seen] += torch.tensor([0.125, 0, 0])
    with torch.inference_mode():
        field = net.field(torch.rand(1, 3, 64, 64), points, moved, torch.eye(3)[None])
    change = field.picture[0, ..., 0] - net.motion.grid[0, 0]
    assert change[8, 8].item() == pytest.approx(-0.125, abs=0.02)
    assert change[0, 0].item() == pytest.approx(0.0, abs=0.02)


def test_an_untrained_net_moves_shoulders_with_free_keypoints_and_leaves_the_face():
    net = FaceVid2Vid(TINY).eval()
    points = torch.zeros(1, TINY.keypoints, 3)
    points[0, : TINY.seen, 0] = torch.linspace(-0.2, 0.2, TINY.seen)
    points[0, TINY.seen :, :2] = torch.tensor(TINY.anchors)
    moved = points.clone()
    moved[:, TINY.seen] += torch.tensor([0.125, 0, 0])
    with torch.inference_mode():
        field = net.field(torch.rand(1, 3, 64, 64), points, moved, torch.eye(3)[None])
    change = field.picture[0, ..., 0] - net.motion.grid[0, 0]
    assert change[14, 8].item() < -0.08
    assert change[8, 8].item() == pytest.approx(0.0, abs=0.01)


def test_a_blend_goes_from_the_first_source_to_the_second():
    net = FaceVid2Vid(TINY).eval()
    pictures, points = torch.rand(2, 3, 64, 64), keypoints(1)
    with torch.inference_mode():
        first, second = (placed(net, picture[None], points, points) for picture in pictures)
        alone = [net.synthesise(one).picture for one in (first, second)]
        mixed = [net.blend(first, second, torch.tensor([w])).picture for w in (0.0, 0.3, 1.0)]
    torch.testing.assert_close(mixed[0], alone[0])
    torch.testing.assert_close(mixed[2], alone[1])
    expected = 0.7 * alone[0] + 0.3 * alone[1]  # both are trusted alike: they are at rest
    torch.testing.assert_close(mixed[1], expected, atol=1e-4, rtol=0)


def test_of_two_sources_the_one_counts_that_shows_the_place():
    first, second = (
        Moved(
            *(torch.full((1, 1, 4, 4), value) for _ in range(4)), trust=torch.full((1, 1, 2, 2), t)
        )
        for value, t in ((0.0, 0.0), (1.0, 9.0))
    )
    shares = [mix(first, second, torch.tensor([w])).picture.mean() for w in (0.0, 0.1, 0.5, 1.0)]
    assert shares[0] == 0 and shares[3] == 1
    assert 0.5 < shares[1] < shares[2] < 1


def test_the_generator_is_told_how_far_eyes_are_open():
    generator, points = Generator(COMPACT), torch.zeros(1, COMPACT.keypoints, 3)
    upper, lower = COMPACT.eyes[0]
    for opening in (0.0, 0.1):
        points[0, upper, 1], points[0, lower, 1] = -opening / 2, opening / 2
        _, gauges = generator._rims(points, 64)
        assert gauges[0, 0].max().item() == pytest.approx(
            10 * opening, rel=0.1
        )  # no sample is quite there
        assert gauges[0, 1:].max().item() == 0


def test_a_pupil_shows_between_the_lids_only():
    motion = DenseMotion(COMPACT)
    points = torch.full((1, COMPACT.keypoints, 3), 0.9)
    pupil, (upper, lower) = COMPACT.pupils[0], COMPACT.eyes[0]
    points[0, pupil] = torch.zeros(3)
    for opening, seen in ((0.1, True), (0.0, False)):
        points[0, upper], points[0, lower] = (torch.tensor([0, y, 0]) for y in (-opening, opening))
        weights = motion._prior(points, torch.eye(3)[None])[0, 32, 32]
        assert (weights.argmax().item() == pupil + 1) is seen


def test_a_lost_keypoint_has_no_say():
    motion = DenseMotion(COMPACT)
    points = torch.full((1, COMPACT.keypoints, 3), 0.9)
    points[0, -1] = torch.zeros(3)
    seen = motion._prior(points, torch.eye(3)[None])[0, 32, 32]
    points[0, -1, 2] = LOST
    lost = motion._prior(points, torch.eye(3)[None])[0, 32, 32]
    assert seen.argmax().item() == COMPACT.keypoints
    assert lost.softmax(0)[-1] < 1e-6


def test_close_ups_are_cut_where_they_say():
    """A picture whose red is x and green is y shows at every point of a cut where it came from."""
    axis = torch.linspace(-1, 1, 64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    picture = torch.stack([x, y, torch.zeros_like(x)])[None]
    face = torch.rand(1, COMPACT.face, 3, generator=torch.Generator().manual_seed(1)) * 0.4
    for mirrored in (False, True):
        frame = close_up_frame(COMPACT, face, COMPACT.eyes[0], 0.3, mirrored)
        cut = frame.cut(picture, 9)[0, :2]
        corner = frame.to_picture(torch.tensor([[[-1.0, 1.0]]]))[0, 0]
        torch.testing.assert_close(cut[:, 8, 0], corner, atol=1e-4, rtol=0)
        back = frame.from_picture(corner[None, None])
        torch.testing.assert_close(back, torch.tensor([[[-1.0, 1.0]]]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [64, 128])
def test_one_net_serves_several_picture_sizes(size):
    net = FaceVid2Vid(TINY).eval()
    with torch.inference_mode():
        source = net.appearance(torch.rand(1, 3, size, size).expand(3, -1, -1, -1))
        turned = torch.eye(3).expand(3, 3, 3)
        out = net.synthesise(Placed(source, keypoints(3), keypoints(3, 1), turned))
        located, canonical = net.extractor(torch.rand(3, 3, size, size))
    assert out.picture.shape == (3, 3, size, size)
    assert located.shape == canonical.shape == (3, TINY.seen, 3)


def test_the_compact_net_keeps_its_budget():
    net = FaceVid2Vid(COMPACT).eval()
    picture, points = torch.rand(1, 3, 256, 256), torch.rand(1, COMPACT.keypoints, 3) - 0.5
    half = torch.tensor([0.5])
    with torch.inference_mode():
        source = placed(net, picture, points, points)
        assert flops(lambda: net.synthesise(source)) < 2.1e9
        assert flops(lambda: net.blend(source, source, half)) < 2.5e9
        assert flops(lambda: net.extractor(picture)) < 1.1e9
    assert sum(parameter.numel() for parameter in net.parameters()) < 2.5e6

"""Rewrites of networks compute the same."""

import pytest
import torch
from torch import nn

from thcodec.models.enlarged import conv_enlarged
from thcodec.models.face_vid2vid.blocks import ConvBlock, Hourglass, ResBlock
from thcodec.models.folding import fold_batch_norms, make_fast


def taught(net: nn.Module) -> nn.Module:
    """With statistics as after a training."""
    torch.manual_seed(3)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.normal_(module.weight, 1.0, 0.3)
            nn.init.normal_(module.bias, 0.0, 0.3)
            module.running_mean.normal_(0.0, 0.5)
            module.running_var.uniform_(0.2, 3.0)
    return net.eval().requires_grad_(False)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_convolution_of_an_enlarged_picture(dim, scale, bias):
    torch.manual_seed(scale)
    x = torch.randn(2, 3, *[4] * (dim - 2), 5, 7)
    weight = torch.randn(6, 3, *[3] * dim)
    offset = torch.randn(6) if bias else None
    factor = (1.0,) * (dim - 2) + (float(scale),) * 2
    large = nn.functional.interpolate(x, scale_factor=factor)
    wanted = (nn.functional.conv2d, nn.functional.conv3d)[dim - 2](large, weight, offset, padding=1)
    torch.testing.assert_close(conv_enlarged(x, weight, offset, scale), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dim", [2, 3])
def test_norms_behind_convolutions_are_folded(dim, bias):
    net = taught(
        nn.Sequential(ConvBlock(3, 5, dim=dim, bias=bias), ResBlock(5, dim=dim, bias=bias))
    )
    x = torch.randn(2, 3, *[6] * dim)
    wanted = net(x)
    fold_batch_norms(net)
    left = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d)]
    assert left == [net[1].norm1]  # a ReLU follows it
    torch.testing.assert_close(net(x), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("dim", [2, 3])
def test_an_hourglass_of_the_compact_network(dim):
    net = taught(Hourglass(3, (4, 6, 8), dim=dim))
    x = torch.randn(1, 3, *[4] * (dim - 2), 32, 32)
    wanted = net(x)
    make_fast(net)
    torch.testing.assert_close(net(x), wanted, atol=1e-4, rtol=0)


def test_a_norm_without_statistics_cannot_be_folded():
    net = ConvBlock(3, 4)
    net.norm = nn.BatchNorm2d(4, track_running_stats=False)
    with pytest.raises(ValueError, match="without statistics"):
        fold_batch_norms(net)

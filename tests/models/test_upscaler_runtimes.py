"""The upscaler face on OpenVINO gives what it gives on torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from thcodec.errors import ThvError, WeightsError
from thcodec.models import registry, runtime
from thcodec.models.esrgan.compact import CompactConfig, CompactNet
from thcodec.models.esrgan.srvgg import SRVGGNet
from thcodec.models.weights_file import write_weights

pytestmark = pytest.mark.skipif(not runtime.has_openvino(), reason="OpenVINO is not installed")
SMALL = CompactConfig(8, 12, 1, 1, 4)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Of a network that changes pictures, which an untrained one does not."""
    torch.manual_seed(2)
    net = CompactNet(SMALL)
    for parameter in net.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    path = tmp_path / "random.safetensors"
    write_weights(net.state_dict(), path, {})
    return path


def picture(side: int) -> np.ndarray:
    coarse = np.random.default_rng(3).integers(0, 255, (side // 4, side // 4, 3), np.uint8)
    return coarse.repeat(4, 0).repeat(4, 1)


@pytest.mark.parametrize(("side", "size"), [(64, 256), (128, 256), (44, 128), (196, 512)])
def test_both_runtimes_enlarge_alike(weights: Path, side: int, size: int) -> None:
    """By both factors, also in tiles and of sizes that are no multiples of eight."""
    on_torch, on_openvino = (
        registry.load_upscaler("face", weights=weights, runtime=name).upscale(picture(side), size)
        for name in ("torch", "openvino")
    )
    plain = registry.load_upscaler("bicubic").upscale(picture(side), size).astype(int)
    difference = np.abs(on_torch.astype(int) - on_openvino)
    assert difference.max() <= 1 and difference.mean() < 0.01
    assert np.abs(on_torch - plain).mean() > 1


def test_what_was_converted_is_read_again(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = registry.load_upscaler("face", weights=weights, runtime="openvino")
    monkeypatch.setattr("thcodec.models.face_vid2vid.graphs.traced", None)
    again = registry.load_upscaler("face", weights=weights, runtime="openvino")
    still = picture(64)
    assert np.array_equal(first.upscale(still, 128), again.upscale(still, 128))


def test_the_shipped_int8_enlarges_nearly_as_float32_does() -> None:
    """It is that of the shipped weights, for both factors."""
    plain, quantised = (
        registry.load_upscaler("face", runtime=name) for name in ("openvino", "int8")
    )
    ramp = np.linspace(60, 200, 64, dtype=np.uint8)
    quarter = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], np.uint8(120)), -1)
    for still in (quarter, np.tile(quarter, (2, 2, 1))):
        one, other = (net.upscale(still, 256).astype(int) for net in (plain, quantised))
        assert 0 < np.abs(one - other).mean() < 2


def test_int8_that_is_not_there_is_a_clear_error(weights: Path) -> None:
    with pytest.raises(ThvError, match="there is no int8 x2"):
        registry.load_upscaler("face", weights=weights, runtime="int8")


@pytest.mark.parametrize("name", ["torch", "auto"])
def test_weights_of_something_else_are_refused_before_the_first_still(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "other.safetensors"
    write_weights({"encoder.weight": torch.zeros(2)}, path, {})
    with pytest.raises(WeightsError, match="does not fit any ESRGAN"):
        registry.load_upscaler("face", weights=path, runtime=name)
    write_weights(SRVGGNet(8, 2, 4).state_dict(), path, {})
    with pytest.raises(WeightsError, match="is no face upscaler"):
        registry.load_upscaler("face", weights=path, runtime=name)

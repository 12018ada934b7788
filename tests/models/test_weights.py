"""Weights files: found, checked, never executed."""

import pickle

import pytest
import torch

from thcodec.bitstream.header import ModelIdentity
from thcodec.errors import LimitError, ThvError, UnknownModelError, WeightsError
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.network import FaceVid2Vid
from thcodec.models.registry import find_weights, load_animator, load_upscaler
from thcodec.models.weights_file import read_weights, write_weights


class Hostile:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


def test_missing_weights_say_where_they_belong(tmp_path, monkeypatch):
    monkeypatch.setenv("THCODEC_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"nowhere-9.*give --weights"):
        find_weights("nowhere-9.safetensors")
    with pytest.raises(WeightsError, match="no weights file"):
        load_animator("compact", weights=tmp_path / "absent.safetensors")


def test_home_comes_before_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("THCODEC_HOME", str(tmp_path))
    (tmp_path / "compact-7.safetensors").write_bytes(b"mine")
    assert find_weights("compact-7.safetensors").parent == tmp_path


def test_another_hash_than_the_stream_was_made_with(tmp_path):
    path = tmp_path / "w.safetensors"
    write_weights({"a": torch.ones(2)}, path, {})
    with pytest.raises(WeightsError, match="the stream was made with 0505"):
        load_animator("compact", weights=path, expected=ModelIdentity("compact", "7", b"\5" * 32))


@pytest.mark.parametrize("name", ["other", ""])
def test_unknown_networks_are_named(name):
    with pytest.raises(UnknownModelError, match="is not known here; known: compact"):
        load_animator(name)
    with pytest.raises(UnknownModelError, match="is not known here; known: bicubic"):
        load_upscaler(name)


def test_a_newer_version_of_a_known_network_is_unknown():
    with pytest.raises(UnknownModelError, match="compact 8"):
        load_animator("compact", expected=ModelIdentity("compact", "8"))


def test_missing_and_surplus_tensors_are_named(tmp_path):
    state = FaceVid2Vid(COMPACT).state_dict()
    del state["extractor.face.heat.bias"]
    state["extractor.face.cold.bias"] = torch.zeros(1)
    write_weights(state, tmp_path / "w.safetensors", {})
    with pytest.raises(
        WeightsError, match=r"extractor\.face\.heat\.bias.*extractor\.face\.cold\.bias"
    ):
        load_animator("compact", weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"\xff" * 64, b"PK\x03\x04 cut", b"\x80\x02h\x05."]
)
@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_damaged_files_end_in_a_clear_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        read_weights(tmp_path / name)


@pytest.mark.parametrize(
    "save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))]
)
def test_a_pickle_that_would_run_code_runs_nothing(tmp_path, save):
    trace = tmp_path / "executed"
    save({"a": Hostile(trace)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError):
        read_weights(tmp_path / "w.pth")
    assert not trace.exists()


def test_a_torch_file_that_is_no_dictionary(tmp_path):
    torch.save([torch.ones(1)], tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="not a plain dictionary"):
        read_weights(tmp_path / "w.pth")


def test_weights_come_back_within_half_precision(tmp_path):
    state = {"w": torch.randn(3, 4), "n": torch.tensor(7)}
    write_weights(state, tmp_path / "w.safetensors", {"network": "x"})
    back = read_weights(tmp_path / "w.safetensors")
    torch.testing.assert_close(back["w"], state["w"], atol=2e-3, rtol=1e-3)
    assert back["w"].dtype == torch.float32 and back["n"].item() == 7


def test_weights_get_their_name_when_they_are_complete(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(TypeError):
        write_weights({"a": torch.ones(1)}, path, {"steps": 3})  # safetensors wants texts
    assert not path.exists()


def test_a_device_that_is_not_there_is_a_clear_error(tmp_path):
    write_weights(FaceVid2Vid(COMPACT).state_dict(), tmp_path / "w.safetensors", {})
    with pytest.raises(ThvError, match="device 'nonsense' cannot be used"):
        load_animator("compact", weights=tmp_path / "w.safetensors", device="nonsense")


def test_an_upscaler_of_another_version_is_named():
    with pytest.raises(UnknownModelError, match=r"'lanczos 2' is not known.*lanczos 1"):
        load_upscaler("lanczos", expected=ModelIdentity("lanczos", "2"))


@pytest.mark.parametrize("size", [17, 18, 20, 252])
def test_a_size_that_the_network_cannot_halve_is_refused(tmp_path, size):
    write_weights({"a": torch.ones(1)}, tmp_path / "w.safetensors", {})
    with pytest.raises(LimitError, match=f"multiples of 8, not {size}"):
        load_animator("compact", weights=tmp_path / "w.safetensors", size=size)

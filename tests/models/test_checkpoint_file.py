"""Checkpoints of others: read as data, whatever stands in them."""

import pickle
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from thcodec.errors import WeightsError
from thcodec.models import checkpoint_file
from thcodec.models.checkpoint_file import read_checkpoint, state_dict


class Hostile:
    """Would make a file if it were unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


def zipped(value, path):
    torch.save(value, path)


def older(value, path):
    """The format before torch 1.6, which the first ESRGAN weights have."""
    torch.save(value, path, _use_new_zipfile_serialization=False)


def pickled(value, path):
    path.write_bytes(pickle.dumps(value))


@pytest.mark.parametrize("save", [zipped, older, pickled])
def test_a_pickle_that_would_run_code_runs_nothing(tmp_path, save):
    trace = tmp_path / "executed"
    save({"params_ema": {"a": torch.ones(2)}, "options": Hostile(trace)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        read_checkpoint(tmp_path / "w.pth")
    assert not trace.exists()


@pytest.mark.parametrize("save", [zipped, older])
def test_every_file_that_is_cut_short_is_refused(tmp_path, save):
    path = tmp_path / "w.pth"
    save({"a": torch.arange(400.0)}, path)
    whole = path.read_bytes()
    for share in (0.0, 0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(WeightsError, match=r"w\.pth cannot be read as weights"):
            read_checkpoint(path)


def test_a_safetensors_file_that_is_cut_short(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.arange(400.0)}, path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        read_checkpoint(path)


def test_a_tensor_that_claims_more_than_the_file_holds(tmp_path):
    """Made of one number by a stride of 0, it would take 4 TB as soon as anything copied it."""
    torch.save({"a": torch.ones(1).expand(10**12)}, tmp_path / "w.pth")
    assert (tmp_path / "w.pth").stat().st_size < 10_000
    with pytest.raises(WeightsError, match="a tensor without its numbers"):
        read_checkpoint(tmp_path / "w.pth")


def test_a_compressed_archive_could_unfold_to_any_size(tmp_path):
    torch.save({"a": torch.zeros(100_000)}, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "w.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for item in plain.infolist():
            packed.writestr(item.filename, plain.read(item))
    with pytest.raises(WeightsError, match="compressed archive"):
        read_checkpoint(tmp_path / "w.pth")


def test_a_file_beyond_the_limit_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_file, "MAX_BYTES", 1000)
    torch.save({"a": torch.ones(1000)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="larger than"):
        read_checkpoint(tmp_path / "w.pth")


@pytest.mark.parametrize("save", [zipped, older])
def test_wrappers_and_parallel_names_are_seen_through(tmp_path, save):
    state = {"module.conv.weight": torch.full((2,), 0.5, dtype=torch.float16)}
    save({"epoch": 3, "params": {"old": torch.zeros(1)}, "params_ema": state}, tmp_path / "w.pth")
    found = state_dict(read_checkpoint(tmp_path / "w.pth"), "params_ema", "params")
    assert list(found) == ["conv.weight"]
    assert found["conv.weight"].dtype == torch.float32
    assert found["conv.weight"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("tree", [[torch.ones(1)], {}, {"epoch": 3}, torch.ones(1)])
def test_where_there_is_no_state_there_is_none(tree):
    assert state_dict(tree, "params") is None

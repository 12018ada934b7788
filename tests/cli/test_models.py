"""thcodec models."""

import hashlib
import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open

from tests.models import published_small as small
from thcodec.models.catalogue import NETWORKS
from thcodec.models.face_vid2vid.published import animator as published
from thcodec.models.face_vid2vid.published.weights import load_net

BETA = "face-vid2vid:vox-256-beta"


@pytest.fixture(autouse=True)
def small_networks(monkeypatch, tmp_path):
    """The published names stand for small networks; weights belong to an empty folder."""
    configs = {f"face-vid2vid:{name}": config for name, config in small.CONFIGS.items()}
    monkeypatch.setattr(published, "CONFIGS", configs)
    monkeypatch.setattr("thcodec.models.importing.CONFIGS", configs)
    monkeypatch.setenv("THCODEC_HOME", str(tmp_path / "home"))


@pytest.fixture
def beta(tmp_path):
    path = tmp_path / "00000189-checkpoint.pth.tar"
    small.write(small.PLAIN, path)
    return path


def test_list_names_every_network(run):
    result = run("models", "list")
    assert result.code == 0
    rows = [line.split()[:3] for line in result.out.splitlines()]
    assert rows == [[network.role, network.name, network.version] for network in NETWORKS]


@pytest.mark.parametrize(("name", "config"), small.CONFIGS.items())
@pytest.mark.parametrize("half", [False, True])
def test_import_recognises_the_network(run, tmp_path, name, config, half):
    state = small.flat(small.write(config, tmp_path / "w.pth.tar"))
    result = run("models", "import", tmp_path / "w.pth.tar", *(["--half"] if half else []))
    assert result.code == 0
    assert "CC BY-NC" in result.err
    target = tmp_path / "home" / f"face-vid2vid-{name}-1.safetensors"
    assert result.out.startswith(f"face-vid2vid:{name} 1: {target}")
    with safe_open(target, "pt") as file:
        assert set(file.keys()) == set(state)
        for key, tensor in state.items():
            wanted = torch.float16 if half and tensor.ndim > 1 else tensor.dtype
            assert file.get_tensor(key).dtype == wanted
    net, before = (load_net(path, config) for path in (target, tmp_path / "w.pth.tar"))
    for one, other in zip(net.parameters(), before.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=2e-3 if half else 1e-6, rtol=0)


def test_import_records_where_it_comes_from(run, beta, tmp_path):
    assert run("models", "import", beta).code == 0
    shown = run("models", "show", BETA).out
    assert hashlib.sha256(beta.read_bytes()).hexdigest() in shown
    assert "00000189-checkpoint.pth.tar" in shown
    assert "CC BY-NC 4.0" in shown
    path = run("models", "path", BETA).out.strip()
    with open(path, "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() in shown
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["thcodec"])["network"] == BETA


def test_equal_checkpoints_make_equal_files(beta, tmp_path):
    """In processes with other hash seeds: a stream's hash must hold on every machine."""
    code = (
        "import sys, pathlib\n"
        "from tests.models import published_small as small\n"
        "from thcodec.models import importing\n"
        "importing.CONFIGS = {f'face-vid2vid:{n}': c for n, c in small.CONFIGS.items()}\n"
        "importing.import_weights(*map(pathlib.Path, sys.argv[1:]))\n"
    )
    digests = set()
    for seed in "12":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code, str(beta), str(tmp_path / seed)]
        subprocess.run(command, check=True, env=environment)
        (file,) = (tmp_path / seed).iterdir()
        digests.add(hashlib.sha256(file.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_import_does_not_replace_unless_told(run, beta):
    assert run("models", "import", beta).code == 0
    again = run("models", "import", beta)
    assert (again.code, "--overwrite" in again.err) == (1, True)
    assert run("models", "import", beta, "--overwrite").code == 0


def test_import_of_what_fits_no_network(run, tmp_path):
    state = small.checkpoint(small.PLAIN)
    del state["generator"]["final.bias"]
    torch.save(state, tmp_path / "w.pth")
    result = run("models", "import", tmp_path / "w.pth")
    assert result.code == 1
    assert f"missing: generator.final.bias (compared with {BETA})" in result.err
    assert not (tmp_path / "home").exists()


def test_import_wants_a_place_and_a_file(run, beta, tmp_path, monkeypatch):
    assert "no weights file" in run("models", "import", tmp_path / "absent").err
    monkeypatch.delenv("THCODEC_HOME")
    result = run("models", "import", beta)
    assert (result.code, "--folder" in result.err) == (2, True)
    assert run("models", "import", beta, "--folder", tmp_path / "own").code == 0
    assert (tmp_path / "own" / "face-vid2vid-vox-256-beta-1.safetensors").is_file()


def test_path_of_what_is_not_here(run):
    result = run("models", "path", BETA)
    assert (result.code, result.out) == (1, "")
    assert "are in none of" in result.err
    assert "has no weights" in run("models", "path", "lanczos").err
    assert "not known here" in run("models", "path", "nonsense").err


def test_show_without_weights(run):
    assert "not here" in run("models", "show", BETA).out
    assert "weights" not in run("models", "show", "lanczos").out


def test_verify_tells_good_from_bad(run, beta, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "CONFIGS", {BETA: small.replace(small.PLAIN, size=256)})
    run("models", "import", beta)
    good = run("models", "verify", BETA)
    assert (good.code, good.out.startswith(f"{BETA} 1: good (sha256 ")) == (0, True)
    target = tmp_path / "home" / "face-vid2vid-vox-256-beta-1.safetensors"
    target.write_bytes(target.read_bytes()[:-100])
    bad = run("models", "verify", BETA, "lanczos")
    assert (bad.code, bad.out) == (1, "lanczos 1: good\n")
    assert f"{BETA}: {target} cannot be read as weights" in bad.err

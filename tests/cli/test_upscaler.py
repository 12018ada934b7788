"""``--upscaler-weights`` and ``--strict`` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from thcodec.models.esrgan.compact import CompactConfig, CompactNet
from thcodec.models.weights_file import write_weights

SMALL = CompactConfig(channels=8, inner_channels=8, outer_blocks=1, inner_blocks=1)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    write_weights(CompactNet(SMALL).state_dict(), path, {})
    return path


def test_there_and_back_with_weights_of_the_user(
    moving: Run, clip: Path, weights: Path, tmp_path: Path
) -> None:
    stream = tmp_path / "a.thv"
    options = ["--crop", "none", "--source-size", 64, "--upscaler", "esrgan"]
    given = ["--upscaler-weights", weights]
    assert moving("encode", clip, stream, *options, *given).code == 0
    header = json.loads(moving("info", stream, "--json").out)["header"]
    assert header["upscaler"]["name"] == "esrgan"
    result = moving("decode", stream, tmp_path / "a.mp4", *given, "--strict")
    assert (result.code, result.err) == (0, "")
    result = moving("decode", stream, tmp_path / "b.mp4")
    assert result.code == 0 and "warning: stills are enlarged by lanczos" in result.err
    result = moving("decode", stream, tmp_path / "c.mp4", "--strict")
    assert result.code == 1 and "give --upscaler-weights FILE" in result.err
    assert not (tmp_path / "c.mp4").exists()


def test_weights_that_are_missing_are_named(moving: Run, clip: Path, tmp_path: Path) -> None:
    options = ["--upscaler", "esrgan", "--upscaler-weights", tmp_path / "absent.pth"]
    result = moving("encode", clip, tmp_path / "a.thv", *options)
    assert result.code == 1 and "absent.pth" in result.err

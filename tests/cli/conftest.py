"""Running the command line in this process and in others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import thcodec
from tests import clips
from tests.doubles import MomentAnimator, load_moments
from thcodec.cli import main
from thcodec.models import registry

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "tests.cli.command"]


@dataclass(frozen=True)
class Result:
    """What a command answered."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line with the networks it really has."""

    def call(*arguments: object) -> Result:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def moving(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line with the animator that needs no weights."""
    monkeypatch.setattr(registry, "load_animator", load_moments)
    return run


@pytest.fixture
def spawn() -> Callable[..., subprocess.Popen[bytes]]:
    """Start the command line, with the animator that needs no weights, in another process."""

    def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([*COMMAND, *map(str, arguments)], cwd=ROOT, **pipes)

    return start


@pytest.fixture
def stream(clip: Path, tmp_path: Path) -> Path:
    """A whole .thv file of 50 frames with sound; it names a network that only tests have."""
    path = tmp_path / "whole.thv"
    config = thcodec.EncoderConfig(crop="none", interval=20)
    thcodec.encode(clip, path, config, animator=MomentAnimator())
    return path


@pytest.fixture
def two_people(shared_portraits: list[Path], tmp_path: Path) -> Path:
    """A second of two portraits side by side."""
    faces = [
        np.asarray(Image.open(path).convert("RGB").resize((256, 256))) for path in shared_portraits
    ]
    return clips.write_pictures(tmp_path / "two.mkv", [np.hstack(faces)] * 25)

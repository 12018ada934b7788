"""What tests of several folders share: clips, and the animator without weights."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from tests import clips
from tests.doubles import MomentAnimator

# The machine may be busy: an example that is slow once proves nothing.
settings.register_profile("thcodec", deadline=None)
settings.load_profile("thcodec")

# Networks are converted once for all tests, here and in the commands they start.
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="thcodec-tests-")
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_clip() -> Path:
    """A talking head of 256x256, 25 fps, without sound; skips where ../shared is absent."""
    return _shared("test256/mtrack_justin_s0.mp4")


@pytest.fixture(scope="session")
def shared_blink() -> Path:
    """A talking head of 256x256, 25 fps, whose eyes are shut in frame 1; skips as above."""
    return _shared("val256/dhlive_h679_s1.mp4")


@pytest.fixture(scope="session")
def shared_original() -> Path:
    """A talking head as it was filmed, 590x590; skips where ../shared is absent."""
    return _shared("originals/wda_aoc_58.mp4")


@pytest.fixture(scope="session")
def shared_portraits() -> list[Path]:
    """Stills of two people; skips where ../shared is absent."""
    return [_shared("portraits/p000.jpg"), _shared("portraits/p002.jpg")]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a moving disc with a tone: 320x240, 25 fps. It shows no face."""
    return clips.write_clip(tmp_path_factory.mktemp("clips") / "disc.mp4")


@pytest.fixture
def animator() -> MomentAnimator:
    """A fresh animator that needs no weights."""
    return MomentAnimator()


def _shared(name: str) -> Path:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"../shared/data/{name} is not here")
    return path

"""Full-size checkpoints with weights by the recipe, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.parity import recipe


@pytest.fixture(scope="session", params=["vox-256", "vox-256-beta"])
def name(request: pytest.FixtureRequest) -> str:
    """Of a published network."""
    if not recipe.PARITY.is_dir():
        pytest.skip("../shared/parity is not here")
    return str(request.param)


@pytest.fixture(scope="session")
def weights(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A torch file of 700 MB as published."""
    vectors = np.load(recipe.PARITY / "vox-256-spectral.npz") if name == "vox-256" else {}
    path = tmp_path_factory.mktemp("weights") / f"{name}.pth.tar"
    state = recipe.checkpoint(recipe.published_keys(name), dict(vectors))
    torch.save({"epoch": 1, **state}, path)
    del state
    yield path
    path.unlink()

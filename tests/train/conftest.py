"""A prepared folder of synthetic clips."""

from __future__ import annotations

import numpy as np
import pytest

from thcodec.motion.keypoints import rotation_matrix


def head(frame: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture (256, 256, 3) of a disc that moves, and a mesh (470, 3) that moves with it."""
    random = np.random.default_rng(3)
    shape = random.normal(0, 0.5, (470, 3))
    shape[[234, 33, 127], :] += [-1, 0, 0.5]
    shape[[454, 263, 356], :] += [1, 0, 0.5]
    shape[10] += [0, -1.5, 0]
    shape[152] += [0, 1.5, 0]
    centre = np.array([0.2 * np.sin(frame / 3), 0.1 * np.cos(frame / 3), 0.0])
    mesh = 0.2 * shape @ rotation_matrix(4 * np.sin(frame), 3 * np.cos(frame), frame % 5).T + centre
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    disc = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2 < 0.2)[..., None]
    return np.where(disc, [220, 180, 150], [40, 80, 60]).astype(np.uint8), mesh.astype(np.float32)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    root = tmp_path_factory.mktemp("cache")
    for split, names in {"train": ("a", "b"), "val": ("c",)}.items():
        for offset, name in enumerate(names):
            folder = root / split / name
            folder.mkdir(parents=True)
            frames, meshes = zip(*(head(i + 50 * offset) for i in range(110)), strict=True)
            np.save(folder / "frames.npy", np.stack(frames))
            np.savez(folder / "mesh.npz", mesh=np.stack(meshes), score=np.ones(110, np.float32))
            (folder / "done.json").write_text("{}")
    return root

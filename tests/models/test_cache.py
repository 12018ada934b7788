"""The cache of what can be made again: bounded, and what is damaged counts as missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from thcodec.models import cache


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "thcodec" / "networks"


def age(path: Path, seconds: int) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_what_is_saved_is_loaded(folder: Path) -> None:
    assert cache.load("a.blob") is None
    for data in (b"one", b"", bytes(100_000)):
        cache.save("a.blob", data)
        assert cache.load("a.blob") == data
    assert [path.name for path in folder.iterdir()] == ["a.blob"]


def test_any_changed_byte_counts_as_missing(folder: Path) -> None:
    cache.save("a", b"some data")
    intact = (folder / "a").read_bytes()
    for place in range(len(intact)):
        broken = bytearray(intact)
        broken[place] ^= 0x10
        (folder / "a").write_bytes(broken)
        assert cache.load("a") is None
        (folder / "a").write_bytes(intact[:place])
        assert cache.load("a") is None
    (folder / "a").write_bytes(intact + b"!")
    assert cache.load("a") is None
    (folder / "a").write_bytes(intact)
    assert cache.load("a") == b"some data"


def test_what_was_not_used_for_longest_goes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MOST_BYTES", 3 * (100 + 32))
    for number, name in enumerate("abc"):
        cache.save(name, bytes(100))
        age(folder / name, 30 - number)
    assert cache.load("a") == bytes(100)  # the oldest, but now used last
    cache.save("d", bytes(100))
    assert sorted(path.name for path in folder.iterdir()) == ["a", "c", "d"]
    cache.save("e", bytes(250))
    assert sorted(path.name for path in folder.iterdir()) == ["e"]


def test_a_folder_that_cannot_be_made_is_no_fault(folder: Path) -> None:
    folder.parent.write_text("in the way")
    cache.save("a", b"data")
    assert cache.load("a") is None


def test_without_a_home_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    cache.save("a", b"data")
    assert cache.load("a") is None


def test_what_a_killed_process_left_is_pruned(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_MOST_BYTES", 200)
    cache.save("a", bytes(10))
    left = folder / ".tmp123"
    left.write_bytes(bytes(190))
    age(left, 30)
    cache.save("b", bytes(10))
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]

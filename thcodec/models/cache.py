"""What can be made again, kept in the user's cache: damage is noticed, and it never grows large."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

_MOST_BYTES = 128 << 20  # a network takes 10 MB converted, and as much compiled for each use
_DIGEST = hashlib.sha256().digest_size


def load(name: str) -> bytes | None:
    """What was kept under a name; None when it is missing or no longer what was written."""
    try:
        path = _folder() / name
        stored = path.read_bytes()
    except OSError:
        return None
    digest, data = stored[:_DIGEST], stored[_DIGEST:]
    if hashlib.sha256(data).digest() != digest:
        return None
    with suppress(OSError):
        path.touch()  # what is used stays longest
    return data


def save(name: str, data: bytes) -> None:
    """Keep data under a name, and drop what was not used for longest where there is too much. A
    cache that cannot be written is no fault.
    """
    with suppress(OSError):
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=".", dir=folder, delete=False) as partial:
            partial.write(hashlib.sha256(data).digest() + data)
        Path(partial.name).replace(folder / name)  # what a killed process leaves is pruned
        _prune(folder)


def _folder() -> Path:
    """Raises OSError where there is no home."""
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA")
    else:
        root = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(root) if root else Path.home() / ".cache") / "thcodec" / "networks"
    except RuntimeError as error:
        raise OSError(str(error)) from None


def _prune(folder: Path) -> None:
    """Raises OSError where another process was quicker: that one prunes as well."""
    entries = [(path, path.stat()) for path in folder.iterdir() if path.is_file()]
    total = 0
    for path, state in sorted(entries, key=lambda entry: -entry[1].st_mtime_ns):
        total += state.st_size
        if total > _MOST_BYTES:
            path.unlink()

"""Texts that get their file's name only when they are complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from thcodec.media.files import PendingFile


@contextmanager
def pending(path: Path | None, overwrite: bool) -> Iterator[Callable[[str], object] | None]:
    """A function that writes the file; None without a path.

    That the file may be written is checked at once, before hours of work. Raises OutputExistsError,
    MediaError as ``PendingFile`` does.
    """
    if path is None:
        yield None
        return
    file = PendingFile(path, overwrite=overwrite)
    try:
        yield lambda text: file.path.write_text(text, encoding="utf-8")
        file.commit()
    except BaseException:
        file.discard()
        raise

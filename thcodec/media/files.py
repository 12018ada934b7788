"""Output files that appear under their name only when they are complete."""

from __future__ import annotations

import os
from pathlib import Path

from thcodec.errors import MediaError, OutputExistsError

StrPath = str | os.PathLike[str]


class PendingFile:
    """A temporary file beside ``target`` that takes its name when it is complete.

    A symbolic link stays, the file it names is replaced; devices and named pipes are written to
    directly, for they must not be replaced by a file.

    Raises:
        OutputExistsError: ``target`` exists and ``overwrite`` is not set.
        MediaError: the folder does not exist.
    """

    def __init__(self, target: StrPath, *, overwrite: bool = False) -> None:
        self.target = Path(target)
        self._overwrite = overwrite
        self._check_free()
        if not self.target.parent.is_dir():
            raise MediaError(f"{self.target}: the folder does not exist")
        self._final = Path(os.path.realpath(target))
        self._special = self._final.exists() and not self._final.is_file()
        self.path = self._final
        if not self._special:
            self.path = self._final.with_name(f".{self._final.name}.{os.getpid()}.part")

    def _check_free(self) -> None:
        if self.target.is_dir():
            raise OutputExistsError(f"{self.target}: is a folder")
        if self.target.is_file() and not self._overwrite:
            raise OutputExistsError(f"{self.target}: exists already (--overwrite replaces it)")

    def commit(self) -> None:
        """Give the finished file its name, or remove it where that cannot be."""
        if self._special:
            return
        try:
            self._check_free()
            self.path.replace(self._final)
        except OSError:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove what was written."""
        if not self._special:
            self.path.unlink(missing_ok=True)

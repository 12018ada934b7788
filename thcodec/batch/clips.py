"""Which clips of a folder are to be coded, where to, and which are done already."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from thcodec.errors import MediaError

SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".y4m")
JOURNAL = ".thcodec-batch.jsonl"


@dataclass(frozen=True)
class Clip:
    """One clip; ``name`` is its path below the input folder, which all reports call it."""

    name: str
    source: Path
    target: Path


def find_clips(source: Path, target: Path) -> list[Clip]:
    """All videos below a folder in order of name, each with its place below the other.

    Raises MediaError when there are none, or two would be written to one file.
    """
    if not source.is_dir():
        raise MediaError(f"{source}: is no folder")
    found = sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES)
    clips: dict[Path, Clip] = {}
    for path in found:
        relative = path.relative_to(source)
        made = target / relative.with_suffix(".thv")
        if made in clips:
            raise MediaError(f"{clips[made].source} and {path} would both become {made}")
        clips[made] = Clip(relative.as_posix(), path, made)
    if not clips:
        raise MediaError(f"{source}: there is no video in it")
    return list(clips.values())


@dataclass(frozen=True)
class _Begun:
    """A line of the journal: what was begun, and when (ns since 1970)."""

    name: str
    size: int
    changed: int
    options: tuple[str, ...]
    began: int


class Journal:
    """Remembers in the output folder what was begun, so that a next run knows what is done.

    An encoder gives a file its name when it is complete. So a clip is done when its file is there
    and is younger than the time at which this very input was begun with these options: also when
    the run was killed before it could note the end.
    """

    def __init__(self, folder: Path, options: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / JOURNAL
        self._options = tuple(options)
        self._begun: dict[str, _Begun] = {}
        if self._path.is_file():
            for line in self._path.read_text("utf-8").splitlines():
                self._read(line)

    def done(self, clip: Clip) -> bool:
        """Whether a run before has coded this clip, as it is now, with the same options."""
        begun = self._begun.get(clip.name)
        if begun is None or not clip.target.is_file():
            return False
        same = begun == self._now(clip, begun.began)
        return same and clip.target.stat().st_mtime_ns >= begun.began

    def begin(self, clip: Clip) -> None:
        """Note that work on a clip begins. Raises OSError."""
        begun = self._now(clip, time.time_ns())
        self._begun[clip.name] = begun
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(begun)) + "\n")

    def _now(self, clip: Clip, began: int) -> _Begun:
        state = clip.source.stat()
        return _Begun(clip.name, state.st_size, state.st_mtime_ns, self._options, began)

    def _read(self, line: str) -> None:
        """Take a line; the last one may be cut off, and others' lines are passed over."""
        try:
            fields = json.loads(line)
            begun = _Begun(**{**fields, "options": tuple(fields["options"])})
        except (ValueError, TypeError, KeyError):
            return
        self._begun[begun.name] = begun

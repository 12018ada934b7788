"""What the user sees: messages, a progress bar on a terminal, summary lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thcodec.pipeline.summary import Progress, Summary

OK, ERROR, USAGE, DAMAGED, INTERRUPTED = 0, 1, 2, 3, 130
_MOST_LINES = 5  # of damage reports: a thousand would hide what matters


def printable(text: str) -> str:
    """Text from a file, with what could steer the terminal written as escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def say(text: str) -> None:
    """Print one line on standard error."""
    print(f"thcodec: {printable(' '.join(text.split()))}", file=sys.stderr)


def warn_of_damage(damage: Sequence[str]) -> int:
    """Report the first faults of the input and return the exit code."""
    for fault in damage[:_MOST_LINES]:
        say(f"warning: the input is damaged: {fault}")
    if len(damage) > _MOST_LINES:
        say(f"warning: {len(damage) - _MOST_LINES} more faults in the input")
    return DAMAGED if damage else OK


def finish(verb: str, summary: Summary, *, quiet_output: bool) -> int:
    """Report how the work ended and return the exit code.

    The figures go to standard output unless the data went there (`quiet_output`).
    """
    for warning in summary.warnings:
        say(f"warning: {warning}")
    for note in summary.notes:
        say(f"note: {note}")
    code = warn_of_damage(summary.damage)
    print(f"{verb} {summary.line()}", file=sys.stderr if quiet_output else sys.stdout)
    return code


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[Progress], None] | None]:
    """A callback that draws a bar with frames, speed and bytes; None when nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn(title),
        BarColumn(),
        TextColumn("{task.fields[frames]} frames"),
        TextColumn("{task.fields[speed]:.1f} frames/s"),
        TextColumn("{task.fields[bytes]} bytes"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, frames=0, speed=0.0, bytes=0)

        def show(progress: Progress) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            bar.update(
                task,
                total=None if progress.share is None else 1.0,
                completed=progress.share or 0.0,
                frames=progress.frames,
                speed=progress.frames / elapsed if elapsed else 0.0,
                bytes=progress.bytes,
            )

        yield show

"""One clip coded by a process of its own: whatever becomes of it, the others go on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

THCODEC = (sys.executable, "-m", "thcodec")
DONE, DAMAGED = 0, 3  # exit codes of ``thcodec encode`` with a file made
_USAGE = 2
_LONGEST = 500  # characters of a message


@dataclass(frozen=True)
class Task:
    """The command that codes a clip, and the clip's name."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        code: exit code of the process, negative for the signal that killed it.
        message: its last line, an error or the summary.
        seconds: it took.
    """

    code: int
    message: str
    seconds: float

    @property
    def good(self) -> bool:
        """Whether the file was made."""
        return self.code in (DONE, DAMAGED)

    @property
    def worth_a_retry(self) -> bool:
        """Whether another try could end otherwise; options that are wrong stay wrong."""
        return not self.good and self.code != _USAGE


def work(task: Task, started: Callable[[subprocess.Popen[str]], None] | None = None) -> Outcome:
    """Run a task to its end; ``started`` gets the process, to stop it."""
    began = time.monotonic()
    process = subprocess.Popen(
        task.command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if started is not None:
        started(process)
    output, _ = process.communicate()
    lines = [line for line in output.splitlines() if line.strip()]
    if process.returncode < 0:
        message = f"killed by signal {-process.returncode}"
    else:
        message = lines[-1].removeprefix("thcodec: ").removeprefix("error: ") if lines else ""
    return Outcome(process.returncode, message[:_LONGEST], time.monotonic() - began)

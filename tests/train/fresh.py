"""Runs what forks in a process that has no threads yet."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable


def in_fresh_process(function: Callable[..., None], *arguments: object) -> None:
    """Call a function of a module; what it asserts counts here."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0

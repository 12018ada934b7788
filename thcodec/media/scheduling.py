"""Threads keep their scheduling class whatever a library does to them. Linux."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextmanager
def scheduling_kept() -> Iterator[None]:
    """This thread, and those that are started meanwhile, leave with the class it came with.

    SVT-AV1, opened by root, makes its caller real-time, and with it every thread that is started
    later. OpenVINO's wait for each other by yielding, which real-time threads never do to others:
    on two cores the process then stands still, and the machine with it.
    """
    if not _THREADS.is_dir():
        yield
        return
    before = set(os.listdir(_THREADS))
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        started = set(os.listdir(_THREADS)) - before
        for thread in (threading.get_native_id(), *map(int, started)):
            with suppress(ProcessLookupError):  # it has ended
                os.sched_setscheduler(thread, policy, parameters)

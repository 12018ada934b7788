"""A fixed piece of work, in which tests measure what hostile input costs.

Seconds say little: one machine is three times slower than another, or than itself an hour ago.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable


def cost(work: Callable[[], float]) -> float:
    """CPU seconds that `work` returns, in yardsticks, by the slower of one before and one after.

    The costliest 2 s that spec/security.md allows for a file of 1 MB are some 200 of them.
    """
    before = _yardstick()
    seconds = work()
    return seconds / max(before, _yardstick())


def cpu_seconds(work: Callable[[], object]) -> float:
    """What `work` takes of this process's CPU time."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _yardstick() -> float:
    """CPU seconds for 20,000 small checksums, numbers and dictionary entries; the best of five."""
    return min(cpu_seconds(_small_things) for _ in range(5))


def _small_things() -> None:
    seen, block = {}, bytes(1024)
    for number in range(20_000):
        seen[number] = zlib.crc32(block[number % 512 :]), number.to_bytes(4, "big")

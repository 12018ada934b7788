"""How many threads OpenCV may start, for a while. It has one number for the whole process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2


@dataclass
class _Usual:
    """What is put back when the last of those that changed it is done."""

    count: int = 0
    changed_by: int = 0


_usual = _Usual()
_lock = threading.Lock()


@contextmanager
def opencv_threads(count: int | None) -> Iterator[None]:
    """No more than so many until the work inside is done; None leaves it as it is. Of several at a
    time the last to begin decides for all.
    """
    if count is None:
        yield
        return
    with _lock:
        if not _usual.changed_by:
            _usual.count = cv2.getNumThreads()
        _usual.changed_by += 1
        cv2.setNumThreads(count)
    try:
        yield
    finally:
        with _lock:
            _usual.changed_by -= 1
            if not _usual.changed_by:
                cv2.setNumThreads(_usual.count)

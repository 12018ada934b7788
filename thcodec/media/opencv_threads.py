"""How many threads OpenCV may start, for a while. It counts them for the whole process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2


@contextmanager
def opencv_threads(count: int | None) -> Iterator[None]:
    """No more than so many, until the work inside is done; None leaves it as it is."""
    before = cv2.getNumThreads()
    if count is not None:
        cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)

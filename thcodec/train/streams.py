"""Batches made ahead: by a thread, or by processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import cv2
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

Batch = TypeVar("Batch")


def start_workers(batches: IterableDataset[Batch], workers: int) -> Iterator[Batch]:
    """Let so many processes make batches, or a thread; they end with the iterator.

    The processes are forked, to share the clips: from a program that does nothing else.
    """
    if not workers:
        return _ahead(iter(batches))
    cv2.setNumThreads(1)  # its pool would not survive the fork
    return iter(DataLoader(batches, batch_size=None, num_workers=workers))


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    with ThreadPoolExecutor(1) as pool:
        coming: deque[Future[Batch]] = deque()
        while True:
            while len(coming) < 4:
                coming.append(pool.submit(next, batches))
            yield coming.popleft().result()


def worker_seed(seed: int) -> list[int]:
    """Seed of the random numbers of the process that asks, another one for each."""
    worker = get_worker_info()
    return [seed, worker.id if worker else 0]

"""Batches made ahead by processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import cv2
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

Batch = TypeVar("Batch")


def start_workers(batches: IterableDataset[Batch], workers: int) -> Iterator[Batch]:
    """Let so many processes make batches; they end with the iterator."""
    cv2.setNumThreads(1)  # its pool would not survive the fork
    return iter(DataLoader(batches, batch_size=None, num_workers=workers))


def worker_seed(seed: int) -> list[int]:
    """Seed of the random numbers of the process that asks, another one for each."""
    worker = get_worker_info()
    return [seed, worker.id if worker else 0]

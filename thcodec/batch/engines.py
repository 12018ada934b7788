"""Where tasks run: processes of this machine, or the workers of a Ray cluster."""

from __future__ import annotations

import logging
import subprocess
from abc import ABC, abstractmethod
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from thcodec.batch.work import Outcome, Task, work
from thcodec.errors import ThvError

_RETRIES_OF_RAY = 3  # of a task whose worker or machine died


class Engine(ABC):
    """Runs tasks side by side. ``slots`` is how many may be under way."""

    slots: int

    @abstractmethod
    def start(self, task: Task) -> None:
        """Begin a task."""

    @abstractmethod
    def next(self) -> tuple[Task, Outcome]:
        """Wait for one of the tasks under way."""

    @abstractmethod
    def close(self) -> None:
        """Stop what is under way."""


class Local(Engine):
    """Processes of this machine, ``jobs`` at a time."""

    def __init__(self, jobs: int) -> None:
        self.slots = jobs
        self._pool = ThreadPoolExecutor(jobs)
        self._running: dict[Future[Outcome], Task] = {}
        # Also those that have ended: pool threads append, so nothing may take the list's place.
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, task: Task) -> None:
        self._running[self._pool.submit(work, task, self._processes.append)] = task

    def next(self) -> tuple[Task, Outcome]:
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        future = done.pop()
        return self._running.pop(future), future.result()

    def close(self) -> None:
        for process in self._processes:
            process.terminate()  # as ctrl-C: it removes what it has begun
        self._pool.shutdown()


class RayCluster(Engine):
    """Workers of a Ray cluster, which see the same files under the same names.

    Args:
        address: of the cluster; "local" starts one on this machine.
        jobs: tasks at a time.
        threads: processors that a task takes.

    Raises:
        ThvError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str, jobs: int, threads: int) -> None:
        try:
            import ray
        except ImportError:
            raise ThvError("engine ray needs Ray: pip install 'thcodec[ray]'") from None
        self._ray, self.slots = ray, jobs
        try:
            if not ray.is_initialized():
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ThvError(f"no Ray cluster at {address}: {error}") from None
        run = ray.remote(num_cpus=threads, max_retries=_RETRIES_OF_RAY)(work)
        self._work: Any = run
        self._running: dict[Any, Task] = {}

    def start(self, task: Task) -> None:
        self._running[self._work.remote(task)] = task

    def next(self) -> tuple[Task, Outcome]:
        (done,), _ = self._ray.wait(list(self._running), num_returns=1)
        task = self._running.pop(done)
        try:
            outcome: Outcome = self._ray.get(done)
        except self._ray.exceptions.RayError as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            outcome = Outcome(-1, f"its worker was lost: {reason}", 0.0)
        return task, outcome

    def close(self) -> None:
        for running in self._running:
            self._ray.cancel(running, force=True)

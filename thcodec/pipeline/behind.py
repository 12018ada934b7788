"""Two halves of a file's way at once: what is read and computed here is written there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import Full, Queue
from threading import Event, Thread
from typing import Any

_DEPTH = 4  # calls that may wait: enough to overlap, and a large picture is some megabytes
_PATIENCE = 10  # seconds for a call under way when the rest is given up; a pipe may hang for ever

_Call = tuple[Callable[..., object], tuple[Any, ...]]


class Behind:
    """Runs calls one after another in a thread of its own, while its maker goes on.

    The maker waits while too many calls wait. What a call raises comes out of the next ``do`` or
    of ``finish``, and no further call is made. Reading stays with the maker: there, and not in
    other threads, ctrl-C ends a read that waits for a pipe.
    """

    def __init__(self) -> None:
        self._calls: Queue[_Call | None] = Queue(_DEPTH)
        self._given_up = Event()
        self._fault: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def do(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call it when its turn comes. Raises what a call before raised."""
        self._raise()
        self._calls.put((function, arguments))

    def finish(self) -> None:
        """Wait for all calls. Raises what one of them raised."""
        if self._thread.is_alive():
            self._calls.put(None)
            self._thread.join()
        self._raise()

    def __enter__(self) -> Behind:
        return self

    def __exit__(self, *_: object) -> None:
        """Give up the calls that wait, and wait for the one under way."""
        self._given_up.set()
        if self._thread.is_alive():
            with suppress(Full):
                self._calls.put(None, timeout=_PATIENCE)
                self._thread.join(_PATIENCE)

    def _run(self) -> None:
        """After a fault calls are taken and dropped, so that the maker never waits in vain."""
        while (call := self._calls.get()) is not None:
            if self._fault is None and not self._given_up.is_set():
                function, arguments = call
                try:
                    function(*arguments)
                except BaseException as fault:  # noqa: BLE001 - it is raised in the maker's thread
                    self._fault = fault

    def _raise(self) -> None:
        if self._fault is not None:
            fault, self._fault = self._fault, None
            self._given_up.set()
            raise fault

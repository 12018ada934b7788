"""The compact network on OpenVINO: one picture in each of several streams at a time. No torch,
where the networks were converted before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import openvino

from thcodec.errors import WeightsError
from thcodec.models import openvino_files
from thcodec.models.face_vid2vid.alignment import Reach
from thcodec.models.face_vid2vid.networks import Found, Placed
from thcodec.models.openvino_files import Part
from thcodec.models.runtime import default_threads

_Arrays = tuple[np.ndarray, ...]


class OpenVinoNetworks:
    """The parts behind the Networks interface, each compiled when it is first needed.

    Args:
        find: gives a part by its name.
        threads: in all; None: as many as the process may use.
        live: all threads work on one picture, for the shortest delay; otherwise each works on a
            picture of its own, which makes more pictures a second.
    """

    def __init__(
        self, find: Callable[[str], openvino.Model], threads: int | None, live: bool
    ) -> None:
        self._find = find
        self._threads = threads or default_threads()
        self._streams = 1 if live else self._threads

    def extracting(self, pictures: Sequence[np.ndarray]) -> Callable[[], list[Found]]:
        """See Networks."""
        found = self._extract.begin((picture[None],) for picture in pictures)
        return lambda: [(keypoints[0], canonical[0]) for keypoints, canonical in found()]

    def field(
        self, small: np.ndarray, keypoints: np.ndarray, driving: np.ndarray, jacobian: np.ndarray
    ) -> Reach:
        """See Networks."""
        motion = (each[None].astype(np.float32) for each in (keypoints, driving, jacobian))
        (found,) = self._field.each([(small[None], *motion)])
        return Reach(*(each[0] for each in found))

    def prepare(self, picture: np.ndarray) -> _Arrays:
        """See Networks."""
        return self._prepare.each([(picture[None],)])[0]

    def synthesising(self, placed: Placed) -> Callable[[], list[np.ndarray]]:
        """See Networks."""
        made = self._synthesise.begin(inputs_of(placed))
        return lambda: [picture[0] for (picture,) in made()]

    def blend(self, first: Placed, second: Placed, weights: np.ndarray) -> list[np.ndarray]:
        """See Networks."""
        shares = weights.astype(np.float32)[:, None]
        inputs = (
            (*one, *other, share)
            for one, other, share in zip(inputs_of(first), inputs_of(second), shares, strict=True)
        )
        return [picture[0] for (picture,) in self._blend.each(inputs)]

    @cached_property
    def _extract(self) -> Compiled:
        return self._compiled("extract")

    @cached_property
    def _field(self) -> Compiled:
        # Encoders of files ask for it in two threads, each of which needs one answer for the next.
        return self._compiled("field", min(2, self._streams))

    @cached_property
    def _prepare(self) -> Compiled:
        return self._compiled("prepare", streams=1)  # one source at a time

    @cached_property
    def _synthesise(self) -> Compiled:
        return self._compiled("synthesise")

    @cached_property
    def _blend(self) -> Compiled:
        return self._compiled("blend")

    def _compiled(self, part: str, streams: int | None = None) -> Compiled:
        return Compiled(self._find(part), self._threads, streams or self._streams)


class Compiled:
    """A model made ready for this CPU, run in float32 on so many threads in so many streams."""

    def __init__(self, model: openvino.Model, threads: int, streams: int) -> None:
        properties: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": streams,
            # Several processes share a machine: pinned, all of them would sit on the first cores.
            "ENABLE_CPU_PINNING": False,
        }
        compiled = openvino_files.compile_on_cpu(model, properties)
        self._workers = ThreadPoolExecutor(streams)
        self._idle: SimpleQueue[openvino.InferRequest] = SimpleQueue()
        for _ in range(streams):
            self._idle.put(compiled.create_infer_request())

    def begin(self, inputs: Iterable[_Arrays]) -> Callable[[], list[_Arrays]]:
        """Have the outputs computed for each tuple of inputs, while the caller goes on; what it
        gets waits for them and returns them in order. They are the caller's. Threads may share a
        network.
        """
        return _Begun([self._workers.submit(self._run, each) for each in _contiguous(inputs)])

    def each(self, inputs: Iterable[_Arrays]) -> list[_Arrays]:
        """The same, waited for."""
        arrays = _contiguous(inputs)
        # One alone needs no worker: to change threads takes longer where others compute.
        return [self._run(arrays[0])] if len(arrays) == 1 else self.begin(arrays)()

    def _run(self, arrays: _Arrays) -> _Arrays:
        request = self._idle.get()
        try:
            request.start_async(list(arrays), share_inputs=True)
            request.wait()
            return tuple(tensor.data.copy() for tensor in request.output_tensors)
        finally:
            with suppress(RuntimeError):  # ctrl-C may have come before the wait
                request.wait()
            self._idle.put(request)


class _Begun:
    """Waits for what workers do. When nobody can ask for it any more, the rest is not begun."""

    def __init__(self, under_way: list[Future[_Arrays]]) -> None:
        self._under_way = under_way

    def __call__(self) -> list[_Arrays]:
        return [each.result() for each in self._under_way]

    def __del__(self) -> None:
        for each in self._under_way:
            each.cancel()


def _contiguous(inputs: Iterable[_Arrays]) -> list[_Arrays]:
    return [tuple(np.ascontiguousarray(array) for array in given) for given in inputs]


def inputs_of(placed: Placed) -> Iterator[_Arrays]:
    """The inputs of the synthesis graph, frame by frame."""
    source = placed.keypoints[None].astype(np.float32)
    motions = (each.astype(np.float32) for each in (placed.driving, placed.jacobian))
    for points, turn in zip(*motions, strict=True):
        yield (*placed.appearance, source, points[None], turn[None])


def part_of(path: Path, sha256: bytes, part: str, size: int) -> Part:
    """A part of the network in a weights file for pictures of ``size`` pixels."""
    return Part(path, sha256, f"{part}-{size}")


def convert_weights(weights: Path, part: str, size: int) -> openvino.Model:
    """A part of the network in a weights file. Raises WeightsError when it does not fit."""
    from thcodec.models.face_vid2vid.graphs import convert
    from thcodec.models.face_vid2vid.torch_networks import load_net

    return convert(load_net(weights), part, size)


def converted(path: Path, sha256: bytes, part: str, size: int) -> openvino.Model:
    """A part in float32, converted now unless that was done before. Raises as
    ``convert_weights``."""
    return part_of(path, sha256, part, size).converted(lambda: convert_weights(path, part, size))


def load_openvino(
    path: Path, sha256: bytes, size: int, *, int8: bool | None, threads: int | None, live: bool
) -> OpenVinoNetworks:
    """The network of a weights file, converted now unless that was done before.

    int8: whether what was quantised is taken; None: where there is any. Raises WeightsError where
    there is no such synthesis, or the weights do not fit.
    """

    @cache
    def quantised(part: str) -> openvino.Model | None:
        return None if int8 is False else part_of(path, sha256, part, size).int8()

    def find(part: str) -> openvino.Model:
        return quantised(part) or converted(path, sha256, part, size)

    if int8 and quantised("synthesise") is None:
        raise WeightsError(
            f"there is no int8 synthesis of {size} pixels for {path}: thcodec models quantise"
        )
    return OpenVinoNetworks(find, threads, live)

"""Networks converted for OpenVINO, as files: converting takes seconds and torch, reading neither.

Beside the weights may lie what ``thcodec models export`` and ``quantise`` wrote; what was converted
or compiled on the fly is kept in the user's cache. Each graph says of which weights it was made.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache as remembered
from pathlib import Path
from typing import Any

import openvino

from thcodec.models import cache

_MADE_OF = ["thcodec", "made_of"]
_DIGEST = ["thcodec", "digest"]  # of the files a model was read from; they do not say it themselves
_SUFFIXES = ".xml", ".bin"
GRAPHS = 2  # goes up with every change of what the parts take, give or compute


def part_file(folder: Path, weights: Path, part: str, size: int, int8: bool = False) -> Path:
    """Where a part of the network lies, beside its .bin file of the same name."""
    return folder / f"{weights.stem}-{part}-{size}{'-int8' if int8 else ''}.xml"


def find_int8(weights: Path, sha256: bytes, size: int) -> openvino.Model | None:
    """The quantised synthesis beside the weights, None when there is none of these weights."""
    return _read(part_file(weights.parent, weights, "synthesise", size, int8=True), sha256)


def converted(weights: Path, sha256: bytes, size: int) -> Callable[[str], openvino.Model]:
    """Gives the parts of the compact network by name, from files or freshly converted.

    Raises WeightsError when the weights do not fit.
    """

    def find(part: str) -> openvino.Model:
        model = _read(part_file(weights.parent, weights, part, size), sha256)
        if model is not None:
            return model
        name = _key(sha256.hex(), _code_digest(), openvino.__version__, part, str(size))
        return _kept(name, sha256) or _convert(weights, part, size, sha256, name)

    return find


def convert_weights(weights: Path, part: str, size: int) -> openvino.Model:
    """A part of the network in a weights file. Raises WeightsError when it does not fit."""
    from thcodec.models.face_vid2vid.graphs import convert
    from thcodec.models.face_vid2vid.torch_networks import load_net

    return convert(load_net(weights), part, size)


def write(model: openvino.Model, path: Path, sha256: bytes, *, half: bool = False) -> None:
    """Write a model with what it was made of; ``half``: weights as float16.

    The .xml gets its name last, when everything is complete. Raises OSError.
    """
    model.set_rt_info(_origin(sha256), _MADE_OF)
    with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as folder:
        partial = Path(folder) / path.name
        try:
            openvino.save_model(model, str(partial), compress_to_fp16=half)
        except RuntimeError as error:
            raise OSError(f"{path} cannot be written: {error}") from None
        path.unlink(missing_ok=True)
        for suffix in (".bin", ".xml"):
            partial.with_suffix(suffix).replace(path.with_suffix(suffix))


def compile_on_cpu(model: openvino.Model, properties: dict[str, Any]) -> openvino.CompiledModel:
    """Make a model ready for this CPU. The result is kept in the user's cache: reading it takes a
    third of the time.
    """
    core = openvino.Core()
    if not model.has_rt_info(_DIGEST):
        return core.compile_model(model, "CPU", properties)
    digest = model.get_rt_info(_DIGEST).astype(str)
    cpu = core.get_property("CPU", "FULL_DEVICE_NAME")
    name = _key(digest, openvino.__version__, str(cpu), repr(sorted(properties.items()))) + ".blob"
    kept = cache.load(name)
    if kept is not None:
        with suppress(RuntimeError):  # a CPU of the same name may lack an instruction
            return core.import_model(kept, "CPU", properties)
    compiled = core.compile_model(model, "CPU", properties)
    cache.save(name, compiled.export_model().getvalue())
    return compiled


def _convert(weights: Path, part: str, size: int, sha256: bytes, name: str) -> openvino.Model:
    """A part of the network in a weights file, converted now and kept under a name."""
    model = convert_weights(weights, part, size)
    with suppress(OSError), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.xml"
        write(model, path, sha256)
        for suffix in _SUFFIXES:
            cache.save(name + suffix, path.with_suffix(suffix).read_bytes())
        # The same graph the first time and later: equal inputs give equal bytes.
        return _read(path, sha256) or model
    return model


def _read(path: Path, sha256: bytes) -> openvino.Model | None:
    """The model in a file, None when it is missing, damaged or of other weights or graphs."""
    try:
        graph, values = (path.with_suffix(suffix).read_bytes() for suffix in _SUFFIXES)
    except OSError:
        return None
    return _parsed(graph, values, sha256)


def _kept(name: str, sha256: bytes) -> openvino.Model | None:
    graph, values = (cache.load(name + suffix) for suffix in _SUFFIXES)
    return None if graph is None or values is None else _parsed(graph, values, sha256)


def _parsed(graph: bytes, values: bytes, sha256: bytes) -> openvino.Model | None:
    try:
        model = openvino.Core().read_model(graph, values)
        made_of = model.get_rt_info(_MADE_OF).astype(str)
    except RuntimeError:
        return None
    if made_of != _origin(sha256):
        return None
    model.set_rt_info(hashlib.sha256(graph + values).hexdigest(), _DIGEST)
    return model


def _origin(sha256: bytes) -> str:
    return f"graphs {GRAPHS} of weights {sha256.hex()}"


def _key(*parts: str) -> str:
    """A name for what depends on all of the parts."""
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


@remembered
def _code_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parent / "face_vid2vid").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()

"""Networks converted for OpenVINO, as files: converting takes seconds and torch, reading neither.

Beside the weights may lie what ``thcodec models export`` and ``quantise`` wrote; what was converted
or compiled on the fly is kept in the user's cache. Each graph says of which weights it was made.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache as remembered
from pathlib import Path
from typing import Any

import openvino

from thcodec.models import cache

_MADE_OF = ["thcodec", "made_of"]
_DIGEST = ["thcodec", "digest"]  # of the files a model was read from; they do not say it themselves
_SUFFIXES = ".xml", ".bin"
# Once for the whole process and never let go: it gives the thread that loads it another stack for
# signals, and unmaps that when it goes; if it goes in another thread, the next ctrl-C of the first
# is a segmentation fault.
CORE = openvino.Core()
# Likewise once, before there are threads: two that are the first to ask for a type of NumPy's can
# wait for each other for ever, one for Python's lock, one for that of OpenVINO's table of them.
openvino.Type.f32.to_dtype()
GRAPHS = 4  # goes up with every change of what the parts take, give or compute


@dataclass(frozen=True)
class Part:
    """A part of a network, and its files.

    Attributes:
        weights: the network's weights file.
        sha256: of it.
        name: of the part, and of the picture size where it is made for one.
    """

    weights: Path
    sha256: bytes
    name: str

    def file(self, folder: Path, *, int8: bool = False) -> Path:
        """Where it lies in a folder, beside its .bin file of the same name."""
        return folder / f"{self.weights.stem}-{self.name}{'-int8' if int8 else ''}.xml"

    def int8(self) -> openvino.Model | None:
        """What was quantised, beside the weights; None when there is none of these weights."""
        return _read(self.file(self.weights.parent, int8=True), self.sha256)

    def converted(self, convert: Callable[[], openvino.Model]) -> openvino.Model:
        """What was converted before, else what ``convert`` makes, which is kept."""
        model = _read(self.file(self.weights.parent), self.sha256)
        if model is not None:
            return model
        name = _key(self.sha256.hex(), _code_digest(), openvino.__version__, self.name)
        return _kept(name, self.sha256) or _keep(convert(), name, self.sha256)


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
    if not model.has_rt_info(_DIGEST):
        return CORE.compile_model(model, "CPU", properties)
    digest = model.get_rt_info(_DIGEST).astype(str)
    cpu = CORE.get_property("CPU", "FULL_DEVICE_NAME")
    name = _key(digest, openvino.__version__, str(cpu), repr(sorted(properties.items()))) + ".blob"
    kept = cache.load(name)
    if kept is not None:
        with suppress(RuntimeError):  # a CPU of the same name may lack an instruction
            return CORE.import_model(kept, "CPU", properties)
    compiled = CORE.compile_model(model, "CPU", properties)
    cache.save(name, compiled.export_model().getvalue())
    return compiled


def _keep(model: openvino.Model, name: str, sha256: bytes) -> openvino.Model:
    """The model, kept under a name."""
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
        model = CORE.read_model(graph, values)
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
    for folder in ("face_vid2vid", "esrgan"):
        for path in sorted((Path(__file__).parent / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()

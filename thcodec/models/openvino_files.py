"""Networks converted for OpenVINO, as files: converting takes seconds and torch, reading neither.

Beside the weights may lie what ``thcodec models export`` and ``quantise`` wrote; what was converted
on the fly is kept in the user's cache. Each file says of which weights and graphs it was made.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import openvino

_MADE_OF = ["thcodec", "made_of"]
GRAPHS = 2  # goes up with every change of what the parts take, give or compute


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
        cached = cache_folder() / _key(self.sha256)
        for folder in (self.weights.parent, cached):
            model = _read(self.file(folder), self.sha256)
            if model is not None:
                return model
        model, kept = convert(), self.file(cached)
        with suppress(OSError):  # a cache that cannot be written is no fault
            cached.mkdir(parents=True, exist_ok=True)
            write(model, kept, self.sha256)
        # The same graph the first time and later: equal inputs give equal bytes.
        return _read(kept, self.sha256) or model


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
    quarter of the time.
    """
    core, kept = openvino.Core(), cache_folder() / "compiled"
    with suppress(OSError, RuntimeError):  # a cache that cannot be used is no fault
        kept.mkdir(parents=True, exist_ok=True)
        return core.compile_model(model, "CPU", {**properties, "CACHE_DIR": str(kept)})
    return core.compile_model(model, "CPU", properties)


def cache_folder() -> Path:
    """Where thcodec keeps what it can make again."""
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA")
    else:
        root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "thcodec"


def _read(path: Path, sha256: bytes) -> openvino.Model | None:
    """The model in a file, None when it is missing, damaged or of other weights or graphs."""
    if not path.is_file():
        return None
    try:
        model = openvino.Core().read_model(str(path))
        made_of = model.get_rt_info(_MADE_OF).astype(str)
    except RuntimeError:
        return None
    return model if made_of == _origin(sha256) else None


def _origin(sha256: bytes) -> str:
    return f"graphs {GRAPHS} of weights {sha256.hex()}"


def _key(sha256: bytes) -> str:
    """Of what a conversion depends on: weights, code and OpenVINO."""
    parts = (sha256.hex(), _code_digest(), openvino.__version__)
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


@cache
def _code_digest() -> str:
    digest = hashlib.sha256()
    for folder in ("face_vid2vid", "esrgan"):
        for path in sorted((Path(__file__).parent / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()

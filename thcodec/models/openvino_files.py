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
from functools import cache
from pathlib import Path
from typing import Any

import openvino

_MADE_OF = ["thcodec", "made_of"]
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
    cached = cache_folder() / _key(sha256, size)

    def find(part: str) -> openvino.Model:
        for folder in (weights.parent, cached):
            model = _read(part_file(folder, weights, part, size), sha256)
            if model is not None:
                return model
        model = convert_weights(weights, part, size)
        kept = part_file(cached, weights, part, size)
        with suppress(OSError):  # a cache that cannot be written is no fault
            cached.mkdir(parents=True, exist_ok=True)
            write(model, kept, sha256)
        # The same graph the first time and later: equal inputs give equal bytes.
        return _read(kept, sha256) or model

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


def _key(sha256: bytes, size: int) -> str:
    """Of what a conversion depends on: weights, code and OpenVINO."""
    parts = (sha256.hex(), _code_digest(), openvino.__version__, str(size))
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


@cache
def _code_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parent / "face_vid2vid").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()

"""ESRGAN from TensorFlow Hub (captain-pool/esrgan-tf2, the paper's), or any SavedModel like it.

TensorFlow is loaded only when such an upscaler is: extra ``[tfhub]``, about 2 GB. A SavedModel is a
program, though one that TensorFlow confines to its operations, which can read and write files: give
only those you trust.
"""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any

import numpy as np

from thcodec.errors import WeightsError

HANDLE = "https://tfhub.dev/captain-pool/esrgan-tf2/1"
SCALE = 4
_EXTRA = "pip install 'thcodec[tfhub]'"


class HubNetwork:
    """A model that takes float32 (N, h, w, 3) in 0..255 and gives (N, 4h, 4w, 3), to be called with
    (N, 3, h, w) in [0, 1] as NetworkUpscaler does.
    """

    def __init__(self, model: Any) -> None:
        self._model = model  # TensorFlow frees a signature's variables with the model
        self._call = model if callable(model) else _signature(model)

    def __call__(self, still: np.ndarray, scale: int) -> np.ndarray:
        tensorflow = _import("tensorflow")
        pixels = np.ascontiguousarray(still.transpose(0, 2, 3, 1) * np.float32(255))
        result = self._call(tensorflow.constant(pixels))
        if isinstance(result, dict):
            (result,) = result.values()
        large = np.asarray(result, np.float32)
        expected = (len(pixels), SCALE * pixels.shape[1], SCALE * pixels.shape[2], 3)
        if large.shape != expected:
            raise WeightsError(f"the SavedModel gives {large.shape}, not {expected}")
        return large.transpose(0, 3, 1, 2) / np.float32(255)


def find_model(place: str | None) -> Path:
    """The folder of a SavedModel: ``place`` itself, or that of a handle, downloaded once into
    TFHUB_CACHE_DIR. None: the paper's handle.

    Raises WeightsError when it cannot be had.
    """
    handle = place or HANDLE
    if "://" not in handle:
        if not (Path(handle) / "saved_model.pb").is_file():
            raise WeightsError(f"{handle} is no folder with a SavedModel")
        return Path(handle)
    hub = _import("tensorflow_hub")
    try:
        return Path(hub.resolve(handle))
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:150]
        raise WeightsError(
            f"{handle} cannot be fetched ({reason}): it is not in TFHUB_CACHE_DIR and there seems "
            "to be no network; give a local folder with --upscaler-weights"
        ) from None


def load_model(folder: Path) -> HubNetwork:
    """Load a SavedModel. Raises WeightsError when it is damaged or of another kind."""
    tensorflow = _import("tensorflow")
    try:
        network = HubNetwork(tensorflow.saved_model.load(str(folder)))
        network(
            np.zeros((1, 3, 16, 16), np.float32), SCALE
        )  # another kind of model shows now, not mid-stream
        return network
    except (OSError, ValueError, LookupError, TypeError, tensorflow.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{folder} cannot be read as a SavedModel: {reason}") from None


def digest(folder: Path) -> bytes:
    """SHA-256 over the names and contents of the graph and its variables, in order of name."""
    total = hashlib.sha256()
    files = [folder / "saved_model.pb", *sorted((folder / "variables").glob("variables.*"))]
    for file in files:
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
        total.update(file.name.encode() + b"\0" + content)
    return total.digest()


def _signature(model: Any) -> Any:
    signature = model.signatures["serving_default"]
    ((name, _),) = signature.structured_input_signature[1].items()
    return lambda image: signature(**{name: image})


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise WeightsError(f"upscaler tfhub needs TensorFlow ({error}): {_EXTRA}") from None

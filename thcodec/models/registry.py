"""Networks by name: where their weights lie, and that they are the right ones."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from thcodec.bitstream.header import ModelIdentity
from thcodec.errors import UnknownModelError, WeightsError
from thcodec.models.animator import Animator
from thcodec.models.upscaler import RESAMPLERS, Resampler, Upscaler

ANIMATORS = {"compact": "2"}  # name -> version; spec/thv.md lists them
MAX_WEIGHTS_BYTES = 4 << 30


def load_animator(
    name: str = "compact",
    *,
    size: int = 256,
    weights: Path | None = None,
    device: str = "cpu",
    expected: ModelIdentity | None = None,
) -> Animator:
    """Build an animator for pictures of ``size`` pixels and load its weights.

    ``expected`` is a stream's demand: name, version and SHA-256 must agree. Raises
    UnknownModelError for a network this version does not have, and WeightsError when the weights
    are missing, unreadable or not the expected ones.
    """
    version = ANIMATORS.get(name)
    if version is None or (
        expected is not None and (expected.name, expected.version) != (name, version)
    ):
        wanted = name if expected is None else f"{expected.name} {expected.version}"
        known = ", ".join(f"{n} {v}" for n, v in ANIMATORS.items())
        raise UnknownModelError(
            f"animator {wanted!r} is not known here; known: {known}. A newer thcodec may have it"
        )
    path = find_weights(f"{name}-{version}.safetensors", weights)
    identity = ModelIdentity(name, version, _sha256(path))
    if expected is not None and expected.sha256 != identity.sha256:
        raise WeightsError(
            f"{path} has SHA-256 {identity.sha256.hex()[:16]}..., the stream was made with "
            f"{expected.sha256.hex()[:16]}...: give the right file with --weights"
        )
    from thcodec.models.face_vid2vid.animator import load_compact

    return load_compact(path, identity, size, device)


def load_upscaler(name: str = "lanczos", *, expected: ModelIdentity | None = None) -> Upscaler:
    """Raises UnknownModelError for a name or version this version of thcodec does not have."""
    if name not in RESAMPLERS or (
        expected is not None and (expected.name, expected.version) != (name, "1")
    ):
        wanted = name if expected is None else f"{expected.name} {expected.version}"
        known = ", ".join(f"{n} 1" for n in RESAMPLERS)
        raise UnknownModelError(f"upscaler {wanted!r} is not known here; known: {known}")
    return Resampler(name, RESAMPLERS[name])


def find_weights(file: str, given: Path | None = None) -> Path:
    """The file given, else ``file`` in $THCODEC_HOME, else in the package. Raises WeightsError with
    what to do.
    """
    if given is not None:
        if not given.is_file():
            raise WeightsError(f"no weights file {given}")
        return given
    home = os.environ.get("THCODEC_HOME")
    places = [Path(home)] if home else []
    places.append(Path(__file__).parent / "weights")
    for place in places:
        if (place / file).is_file():
            return place / file
    raise WeightsError(
        f"weights {file} are in none of {', '.join(map(str, places))}: "
        "put them there or give --weights FILE"
    )


def _sha256(path: Path) -> bytes:
    if path.stat().st_size > MAX_WEIGHTS_BYTES:
        raise WeightsError(f"{path} is larger than {MAX_WEIGHTS_BYTES >> 30} GiB")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()

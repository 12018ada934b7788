"""The codec put together: streaming classes and the functions that work on files.

Names are loaded on first use (PEP 562): the command line reads the options of
``thcodec.pipeline.config`` without waiting for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "ByteCount": "summary",
    "Decoder": "decoder",
    "DecoderConfig": "config",
    "Encoder": "encoder",
    "EncoderConfig": "config",
    "Frame": "decoder",
    "LinkConfig": "link",
    "Progress": "summary",
    "Summary": "summary",
    "decode": "decode_file",
    "encode": "encode_file",
}

__all__ = [
    "ByteCount",
    "Decoder",
    "DecoderConfig",
    "Encoder",
    "EncoderConfig",
    "Frame",
    "LinkConfig",
    "Progress",
    "Summary",
    "decode",
    "encode",
]

if TYPE_CHECKING:
    from thcodec.pipeline.config import DecoderConfig, EncoderConfig
    from thcodec.pipeline.decode_file import decode
    from thcodec.pipeline.decoder import Decoder, Frame
    from thcodec.pipeline.encode_file import encode
    from thcodec.pipeline.encoder import Encoder
    from thcodec.pipeline.link import LinkConfig
    from thcodec.pipeline.summary import ByteCount, Progress, Summary


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

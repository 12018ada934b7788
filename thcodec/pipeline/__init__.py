"""The codec put together: streaming classes and the functions that work on files."""

from thcodec.pipeline.config import DecoderConfig, EncoderConfig
from thcodec.pipeline.decode_file import decode
from thcodec.pipeline.decoder import Decoder, Frame
from thcodec.pipeline.encode_file import encode
from thcodec.pipeline.encoder import Encoder
from thcodec.pipeline.summary import ByteCount, Progress, Summary

__all__ = [
    "ByteCount",
    "Decoder",
    "DecoderConfig",
    "Encoder",
    "EncoderConfig",
    "Frame",
    "Progress",
    "Summary",
    "decode",
    "encode",
]

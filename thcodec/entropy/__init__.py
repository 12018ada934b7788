"""Lossless coding of integers; exact on every machine. Spec section 8."""

from thcodec.entropy.coders import CoderId, VectorCoder
from thcodec.entropy.zstd import compress, decompress

__all__ = ["CoderId", "VectorCoder", "compress", "decompress"]

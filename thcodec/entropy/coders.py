"""The entropy coders by their ids. Spec section 8."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from thcodec.entropy.tables import Kind
from thcodec.entropy.varint import read_varint, unzigzag, write_varint, zigzag
from thcodec.entropy.zstd import compress, decompress, pad
from thcodec.errors import MalformedError, ThvError

_MAX_BYTES = 4  # of one residual as a variable-length integer
Vectors = Sequence[Sequence[int]]


class CoderId(IntEnum):
    """Entropy coder ids, fixed for ever."""

    RAW = 0
    ZSTD = 1
    RANGE = 2


class VectorCoder:
    """Codes residual vectors of one shape; holds the statistics of coder 2 between calls.

    Args:
        coder: which entropy coder.
        kinds: what each integer of a vector measures.
    """

    def __init__(self, coder: int, kinds: Sequence[Kind]) -> None:
        self.coder = CoderId(coder)
        self.kinds = list(kinds)
        self.reset()

    def reset(self) -> None:
        """Forget the statistics: a new group begins."""
        if self.coder == CoderId.RANGE:
            from thcodec.entropy.vectors import VectorModel  # numpy: not for `thcodec info`

            self._model = VectorModel(self.kinds)

    def encode(self, vectors: Vectors, from_previous: Sequence[bool]) -> bytes:
        """Bytes of some vectors; `from_previous` tells how each of them was predicted."""
        if self.coder == CoderId.RANGE:
            from thcodec.entropy.range_coder import BitEncoder

            coder = BitEncoder()
            for vector, step in zip(vectors, from_previous, strict=True):
                self._model.code(coder, vector, step)
            return coder.finish()
        data = b"".join(write_varint(zigzag(value)) for vector in vectors for value in vector)
        return compress(data) if self.coder == CoderId.ZSTD else data

    def padded(self, data: bytes, length: int) -> bytes:
        """What `encode` returned, with bytes that change nothing, so that it has `length` at least.

        Coder 0 has no such bytes, and no need: it spends one on every value.
        """
        if self.coder == CoderId.RANGE:
            return data.ljust(length, b"\0")
        return pad(data, length) if self.coder == CoderId.ZSTD else data

    def decode(self, data: bytes, from_previous: Sequence[bool]) -> list[list[int]]:
        """The vectors that `encode` was given. Raises MalformedError or LimitError."""
        if self.coder == CoderId.RANGE:
            from thcodec.entropy.range_coder import BitDecoder

            coder = BitDecoder(data)
            return [self._model.code(coder, None, step) for step in from_previous]
        if self.coder == CoderId.RAW:
            return self._raw(data, len(from_previous))
        data = decompress(data, _MAX_BYTES * len(self.kinds) * len(from_previous))
        try:
            return self._raw(data, len(from_previous))
        except ThvError as error:  # at a place that the reader's file does not have
            raise type(error)(error.message) from None

    def _raw(self, data: bytes, count: int) -> list[list[int]]:
        at = 0
        vectors = []
        for _ in range(count):
            vector = []
            for _ in self.kinds:
                value, at = read_varint(data, at)
                vector.append(unzigzag(value))
            vectors.append(vector)
        if at != len(data):
            raise MalformedError("bytes follow the coded vectors", at)
        return vectors

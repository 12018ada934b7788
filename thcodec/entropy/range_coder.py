"""Binary decisions through constriction's range coder. Spec section 8.3.

A probability is k/4096 for a 1, with integer k; such a fraction is exact in binary floating
point, so constriction derives the same integer frequencies from it on every machine.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Protocol

import constriction
import numpy as np

from thcodec.errors import MalformedError

ONE = 4096  # probabilities are in units of 1/ONE
_WORD = 32
_STATE = 64


class BitCoder(Protocol):
    """What an encoder and a decoder have in common, so that a model is written once."""

    def bit(self, probability: int, bit: int) -> int:
        """Code one decision whose chance of being 1 is probability/4096; return it.

        The encoder codes `bit`, the decoder ignores it.
        """


class BitEncoder:
    """Collects decisions and codes them in one go."""

    def __init__(self) -> None:
        self._bits: list[int] = []
        self._chances: list[int] = []

    def bit(self, probability: int, bit: int) -> int:
        """See BitCoder."""
        self._bits.append(bit)
        self._chances.append(probability)
        return bit

    def finish(self) -> bytes:
        """The shortest bytes that decode to these decisions; may be empty."""
        coder = constriction.stream.queue.RangeEncoder()
        if self._bits:
            chances = np.array(self._chances, np.float64) / ONE
            family = constriction.stream.model.Bernoulli(perfect=False)
            coder.encode(np.array(self._bits, np.int32), family, chances)
        return _shortest(coder)


def _shortest(coder: Any) -> bytes:
    """Any point of the coder's last interval will do: take the one with the fewest bytes."""
    done, (lower, width) = coder.pos()
    words = [int(word) for word in coder.get_compressed()]
    head = 0
    for word in words[:done]:
        head = head << _WORD | word
    # constriction has picked a point and carried; where the carry came from the point, undo it.
    high, low, *_ = [*words[done:], 0, 0]
    if (high << _WORD | low) < lower:
        head -= 1
    low = head << _STATE | lower
    size = _WORD * done + _STATE
    for length in range(size // 8 + 1):
        unit = size - 8 * length
        point = (low + (1 << unit) - 1) >> unit
        if point << unit < low + width:
            return point.to_bytes(length, "big")
    raise MalformedError("the range coder's last interval is empty")


class BitDecoder:
    """Reads back what BitEncoder wrote; bytes beyond the end count as zero."""

    def __init__(self, data: bytes) -> None:
        padded = data + bytes(-len(data) % 4)
        words = np.frombuffer(padded, ">u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)

    def bit(self, probability: int, bit: int = 0) -> int:
        """See BitCoder. Raises MalformedError for a point outside every interval."""
        try:
            return int(self._coder.decode(_bernoulli(probability)))
        except AssertionError:  # constriction's way to say that the data is invalid
            raise MalformedError("the range-coded data is invalid") from None


@cache
def _bernoulli(probability: int) -> Any:
    return constriction.stream.model.Bernoulli(probability / ONE, perfect=False)

"""Chains of stills: which one may follow which. Spec section 6.1, codec 5."""

from __future__ import annotations

from thcodec.bitstream.limits import CHAIN_PIXELS_PER_BYTE
from thcodec.errors import LimitError, MalformedError, SequenceError

LONGEST = 32  # stills
_NUMBERS = 8  # of chains, after which they come again
_NONE = -2  # a mark that no still follows


def mark(chain: int, place: int) -> int:
    """The first byte of a still's data: number of the chain, place in it, 0..LONGEST - 1."""
    return chain % _NUMBERS * LONGEST + place


class Chain:
    """Follows the stills of a stream."""

    def __init__(self) -> None:
        self._mark, self._size = _NONE, (0, 0)  # of the still that was taken last

    def take(self, data: bytes, width: int, height: int) -> bool:
        """Whether the next still begins a chain.

        Raises:
            SequenceError: it builds on another than the last; the chain goes on.
            LimitError: more pixels than its bytes pay for.
            MalformedError: it has another size than its chain.
        """
        if width * height > CHAIN_PIXELS_PER_BYTE * len(data):
            raise LimitError(f"a still of {width}x{height} pixels in {len(data)} bytes")
        begins = data[0] % LONGEST == 0
        if not begins and data[0] != self._mark + 1:
            raise SequenceError("a still builds on one that is not here")
        if not begins and (width, height) != self._size:
            self.lost()
            raise MalformedError("the stills of a chain have two sizes")
        self._mark, self._size = data[0], (width, height)
        return begins

    def lost(self) -> None:
        """The still that was taken last cannot be had: a chain must begin."""
        self._mark = _NONE

"""Adaptive probabilities in integers. Spec section 8.4."""

from __future__ import annotations

from collections.abc import Iterable

from thcodec.entropy.range_coder import BitCoder

_LEAST = 8  # no decision is ever thought less likely than this, in 1/4096
_MOST = 4096 - _LEAST
_LAST = 255
# Weight of a new decision after n others: 1/(n + 1.5) at first, then a fast and a slow average.
_FAST = [max(131072 // (2 * n + 3), 1 << 12) for n in range(_LAST + 1)]
_SLOW = [max(131072 // (2 * n + 3), 1 << 9) for n in range(_LAST + 1)]


class Contexts:
    """A probability for each context, learned from what was coded in it.

    Args:
        start: for each context, the first probability of a 1 in 1/4096 (8..4088) and the number
            of decisions (0..255) that this value counts for.
    """

    def __init__(self, start: Iterable[tuple[int, int]]) -> None:
        self._states = [(chance << 4, chance << 4, count) for chance, count in start]

    def code(self, coder: BitCoder, context: int, bit: int) -> int:
        """Code one decision in a context and learn from it; return the decision."""
        fast, slow, count = self._states[context]
        chance = (fast + slow) >> 5
        bit = coder.bit(min(max(chance, _LEAST), _MOST), bit)
        if bit:
            fast += (65535 - fast) * _FAST[count] >> 16
            slow += (65535 - slow) * _SLOW[count] >> 16
        else:
            fast -= fast * _FAST[count] >> 16
            slow -= slow * _SLOW[count] >> 16
        self._states[context] = fast, slow, min(count + 1, _LAST)
        return bit

"""The adaptive model of motion vectors for the range coder. Spec section 8.5."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from thcodec.entropy.adaptive import Contexts
from thcodec.entropy.range_coder import ONE, BitCoder
from thcodec.entropy.tables import (
    DIFFERS,
    EXPONENTS,
    FIRST_COUNT,
    FIRST_GROWS,
    GROUP,
    GROWS,
    LEVELS,
    MOVES,
    NEGATIVE,
    SECOND,
    STEP_EXPONENTS,
    STEP_KINDS,
    Kind,
)

_MAX_EXPONENT = 23  # a difference of two values below 2**23 lies below 2**24
_HALF = ONE // 2
_USUAL = 4  # residuals of a frame that are not zero, before any frame has been seen


class VectorModel:
    """Codes vectors of residuals of fixed kinds, one call a frame; the statistics persist.

    The same code serves both directions: see BitCoder.
    """

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._size = len(kinds)
        self._groups = [GROUP[kind] for kind in kinds]
        self._activity = [0] * self._size
        self._last = [0] * self._size  # sign of the last residual that was not zero
        self._moved = [0] * self._size  # whether the last residual was not zero
        self._usual = _USUAL
        # Whether a value moves is learned for each on its own, the rest by kind.
        # Canonical keypoints, which never move, come last.
        self._moves = _contexts(MOVES[kind] for kind in kinds if kind < STEP_KINDS)
        self._negative = _contexts(NEGATIVE)
        self._grows = _contexts(level for group in GROWS for level in group)
        self._differs = _contexts([DIFFERS])
        self._first_grows = _contexts(FIRST_GROWS)
        self._second = _contexts([SECOND])

    def code(
        self, coder: BitCoder, residuals: Sequence[int] | None, from_previous: bool
    ) -> list[int]:
        """Code one vector (None: decode it) and return it."""
        given = [0] * self._size if residuals is None else residuals
        step = self._code_step if from_previous else self._code_first
        return step(coder, given)

    def _code_first(self, coder: BitCoder, given: Sequence[int]) -> list[int]:
        """Residuals against nothing or a source: mostly large, of either sign."""
        out = []
        for group, value in zip(self._groups, given, strict=True):
            magnitude = negative = 0
            if self._differs.code(coder, group, int(value != 0)):
                negative = coder.bit(_HALF, int(value < 0))
                row = self._first_grows, EXPONENTS, group
                magnitude = self._magnitude(coder, row, abs(value))
            out.append(-magnitude if negative else magnitude)
        return out

    def _code_step(self, coder: BitCoder, given: Sequence[int]) -> list[int]:
        """Residuals against the previous frame: mostly zero, the more so in a quiet frame."""
        size, count = self._size, 0
        out = []
        for index, value in enumerate(given):
            expected = count + self._usual * (size - index) // size
            busy = (expected >= 3) + (expected >= 7) + (expected >= 14)
            activity = self._activity[index]
            magnitude = negative = 0
            if self._moves.code(coder, LEVELS * index + busy, int(value != 0)):
                context = 2 * self._last[index] + self._moved[index]
                negative = self._negative.code(coder, context, int(value < 0))
                level = (activity >= 1) + (activity >= 4) + (activity >= 10)
                row = self._grows, STEP_EXPONENTS, LEVELS * self._groups[index] + level
                magnitude = self._magnitude(coder, row, abs(value))
                self._last[index] = 1 + negative
                count += 1
            self._moved[index] = int(magnitude > 0)
            self._activity[index] = (3 * activity + 16 * min(magnitude, 3)) >> 2
            out.append(-magnitude if negative else magnitude)
        self._usual = (self._usual + count + 1) >> 1
        return out

    def _magnitude(self, coder: BitCoder, row: tuple[Contexts, int, int], value: int) -> int:
        """A magnitude >= 1: its exponent in unary, then the bits below the leading one.

        `row` tells the contexts of the exponent: a table, the length of its rows, and which row.
        """
        grows, length, number = row
        exponent = 0
        while exponent < _MAX_EXPONENT and grows.code(
            coder, length * number + min(exponent, length - 1), int(value >> exponent > 1)
        ):
            exponent += 1
        magnitude = 1
        for place in reversed(range(exponent)):
            bit = value >> place & 1
            if magnitude == 1:
                bit = self._second.code(coder, min(exponent, EXPONENTS) - 1, bit)
            else:
                bit = coder.bit(_HALF, bit)
            magnitude = 2 * magnitude + bit
        return magnitude


def _contexts(rows: Iterable[Sequence[int]]) -> Contexts:
    return Contexts((chance, FIRST_COUNT) for row in rows for chance in row)

"""The adaptive model of motion vectors for the range coder. Spec section 8.5."""

from __future__ import annotations

from collections.abc import Sequence

from thcodec.entropy import tables
from thcodec.entropy.adaptive import Contexts
from thcodec.entropy.range_coder import ONE, BitCoder
from thcodec.entropy.tables import DENSITIES, EXPONENTS, FIRST_COUNT, LEVELS, Kind

_MAX_EXPONENT = 23  # a difference of two values below 2**23 lies below 2**24
_HALF = ONE // 2


class VectorModel:
    """Codes vectors of residuals of fixed kinds, one call a frame; the statistics persist.

    The same code serves both directions: see BitCoder.
    """

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._kinds = [int(kind) for kind in kinds]
        self._activity = [0] * len(kinds)
        self._sign = [0] * len(kinds)  # 0 none yet, 1 plus, 2 minus
        self._moved = [0] * len(kinds)  # the last residual was not zero
        flat = (
            [p for kind in tables.MOVES for level in kind for p in level],
            tables.DIFFERS,
            [p for sign in tables.NEGATIVE for p in sign],
            [p for level in tables.GROWS for p in level],
            [p for kind in tables.GROWS_FIRST for p in kind],
            tables.SECOND,
        )
        sizes = [len(table) for table in flat]
        self._base = [sum(sizes[:index]) for index in range(len(sizes))]
        self._contexts = Contexts((p, FIRST_COUNT) for table in flat for p in table)

    def code(
        self, coder: BitCoder, residuals: Sequence[int] | None, from_previous: bool
    ) -> list[int]:
        """Code one vector (None: decode it) and return it."""
        given = residuals if residuals is not None else [0] * len(self._kinds)
        if from_previous:
            return self._code_step(coder, given)
        differs, grows = self._base[1], self._base[4]
        out = []
        for kind, value in zip(self._kinds, given, strict=True):
            if self._contexts.code(coder, differs + kind, int(value != 0)):
                negative = coder.bit(_HALF, int(value < 0))
                magnitude = self._magnitude(coder, grows + kind * EXPONENTS, abs(value))
                out.append(-magnitude if negative else magnitude)
            else:
                out.append(0)
        return out

    def _code_step(self, coder: BitCoder, given: Sequence[int]) -> list[int]:
        """A residual against the previous frame: mostly zero, in contexts of what went before."""
        code = self._contexts.code
        moves, _, negative, grows, *_ = self._base
        count = 0
        out = []
        for index, value in enumerate(given):
            activity = self._activity[index]
            level = 0 if activity == 0 else 1 if activity < 4 else 2 if activity < 10 else 3
            density = min(8 * count // (index + 1), DENSITIES - 1)
            context = (self._kinds[index] * LEVELS + level) * DENSITIES + density
            magnitude = 0
            if code(coder, moves + context, int(value != 0)):
                context = negative + 2 * self._sign[index] + self._moved[index]
                minus = code(coder, context, int(value < 0))
                magnitude = self._magnitude(coder, grows + level * EXPONENTS, abs(value))
                self._sign[index] = 1 + minus
                out.append(-magnitude if minus else magnitude)
                count += 1
            else:
                out.append(0)
            self._moved[index] = int(magnitude > 0)
            self._activity[index] = (3 * activity + 16 * min(magnitude, 3)) >> 2
        return out

    def _magnitude(self, coder: BitCoder, grows: int, value: int) -> int:
        """A magnitude >= 1: its exponent in unary, then the bits below the leading one."""
        code = self._contexts.code
        exponent = 0
        while exponent < _MAX_EXPONENT and code(
            coder, grows + min(exponent, EXPONENTS - 1), int(value >> (exponent + 1) > 0)
        ):
            exponent += 1
        magnitude = 1
        for place in reversed(range(exponent)):
            bit = value >> place & 1
            if magnitude == 1:
                bit = code(coder, self._base[5] + min(exponent, EXPONENTS - 1) - 1, bit)
            else:
                bit = coder.bit(_HALF, bit)
            magnitude = 2 * magnitude + bit
        return magnitude

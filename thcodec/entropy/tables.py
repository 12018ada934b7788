"""Contexts of the vector model and what they start from. Spec section 8.5; never to be changed.

Each table holds the first probability of a 1 in 1/4096.
"""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """What an integer measures; integers of one kind share their statistics."""

    ROTATION = 0
    TRANSLATION = 1
    SCALE = 2
    EXPRESSION = 3
    DEPTH = 4
    JACOBIAN = 5
    CANONICAL = 6


KINDS = len(Kind)
LEVELS = 4  # of activity
DENSITIES = 3
EXPONENTS = 12
FIRST_COUNT = 12  # decisions that a table entry counts for

# [kind][activity][density]: the residual is not zero, prediction from the previous frame
MOVES = [[[400, 800, 1200], [800, 1300, 1700], [1300, 1800, 2200], [2000, 2400, 2800]]] * KINDS
# [kind]: the residual is not zero, other predictions
DIFFERS = [3600] * KINDS
# [last sign: none, plus, minus][the last residual was not zero]: the residual is negative
NEGATIVE = [[2048, 2048], [2048, 1024], [2048, 3072]]
# [activity][j]: the magnitude is at least 2**(j + 1), given at least 2**j; previous frame
GROWS = [[300] * EXPONENTS, [400] * EXPONENTS, [700] * EXPONENTS, [1600] * EXPONENTS]
# [kind][j]: the same for other predictions
GROWS_FIRST = [[3600, 3400, 3200, 2800, 2400, 2000, 1500, 1200, 1000, 800, 600, 400]] * KINDS
# [exponent - 1]: the bit below the leading one
SECOND = [1800] * (EXPONENTS - 1)


def motion_kinds(keypoints: int, jacobians: bool) -> list[Kind]:
    """Kind of each of the integers of one frame's motion."""
    kinds = [Kind.ROTATION] * 3 + [Kind.TRANSLATION] * 3 + [Kind.SCALE]
    kinds += [Kind.EXPRESSION, Kind.EXPRESSION, Kind.DEPTH] * keypoints
    return kinds + [Kind.JACOBIAN] * (9 * keypoints if jacobians else 0)


def canonical_kinds(keypoints: int) -> list[Kind]:
    """Kind of each of the integers of a source's canonical keypoints."""
    return [Kind.CANONICAL] * (3 * keypoints)

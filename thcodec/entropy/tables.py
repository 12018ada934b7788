"""Kinds of integers, and what the vector model starts from. Spec section 8.5.

Each table holds chances of a 1 in 1/4096, counted on tracks of real faces. They are part of the
format: never to be changed.
"""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """What an integer measures; integers of one kind share statistics."""

    YAW = 0
    PITCH = 1
    ROLL = 2
    TRANSLATION_X = 3
    TRANSLATION_Y = 4
    TRANSLATION_Z = 5
    SCALE = 6
    EXPRESSION_X = 7
    EXPRESSION_Y = 8
    EXPRESSION_Z = 9
    JACOBIAN = 10
    CANONICAL_X = 11
    CANONICAL_Y = 12
    CANONICAL_Z = 13


def motion_kinds(keypoints: int, jacobians: bool) -> list[Kind]:
    """Kind of each of the integers of one frame's motion."""
    kinds = [Kind(number) for number in range(Kind.EXPRESSION_X)]
    kinds += [Kind.EXPRESSION_X, Kind.EXPRESSION_Y, Kind.EXPRESSION_Z] * keypoints
    return kinds + [Kind.JACOBIAN] * (9 * keypoints if jacobians else 0)


def canonical_kinds(keypoints: int) -> list[Kind]:
    """Kind of each of the integers of a source's canonical keypoints."""
    return [Kind.CANONICAL_X, Kind.CANONICAL_Y, Kind.CANONICAL_Z] * keypoints


STEP_KINDS = 11  # canonical keypoints are never predicted from the previous frame
GROUP = [0, 0, 0, 1, 1, 1, 2, 3, 3, 4, 5, 6, 6, 6]  # of each kind; magnitudes are alike in a group
LEVELS = 4
EXPONENTS = 12
STEP_EXPONENTS = 6
FIRST_COUNT = 16  # decisions that an entry counts for

# [kind][level of business]: the residual is not zero; the first 11 kinds only
MOVES = [
    [872, 1557, 2537, 3166],
    [1199, 2053, 2887, 3405],
    [576, 1364, 2437, 3108],
    [162, 693, 1600, 2645],
    [200, 766, 1709, 2687],
    [180, 729, 1656, 2669],
    [221, 754, 1413, 2311],
    [45, 186, 519, 1201],
    [89, 361, 793, 1556],
    [24, 29, 107, 393],
    [67, 274, 656, 1379],
]
# [sign of the last residual that was not zero: none, plus, minus][the last one was not zero]
NEGATIVE = [
    [1917, 2048],
    [2380, 1094],
    [1752, 2992],
]
# [group][level of activity][exponent so far]: the magnitude is at least twice as large
GROWS = [
    [
        [956, 582, 337, 334, 389, 389],
        [1247, 595, 374, 292, 389, 389],
        [1690, 752, 408, 402, 334, 389],
        [2909, 1903, 1354, 767, 231, 180],
    ],
    [
        [352, 332, 259, 389, 389, 389],
        [778, 251, 233, 389, 389, 389],
        [1347, 366, 390, 292, 389, 389],
        [2709, 1637, 1058, 426, 669, 791],
    ],
    [
        [993, 541, 220, 389, 389, 389],
        [984, 451, 214, 389, 389, 389],
        [1415, 547, 571, 362, 389, 389],
        [2171, 840, 316, 536, 436, 414],
    ],
    [
        [338, 328, 449, 213, 389, 389],
        [628, 167, 161, 334, 389, 389],
        [1153, 375, 359, 851, 485, 461],
        [2161, 1161, 766, 183, 167, 389],
    ],
    [
        [103, 41, 389, 389, 389, 389],
        [374, 39, 389, 389, 389, 389],
        [530, 63, 389, 389, 389, 389],
        [1300, 463, 440, 418, 397, 389],
    ],
    [
        [338, 328, 449, 213, 389, 389],
        [628, 167, 161, 334, 389, 389],
        [1153, 375, 359, 851, 485, 461],
        [2161, 1161, 766, 183, 167, 389],
    ],
]
# [group]: the residual is not zero; predictions other than from the previous frame
DIFFERS = [3799, 2407, 3464, 2447, 1173, 2447, 3871]
# [group][exponent so far]: the magnitude is at least twice as large; likewise
FIRST_GROWS = [
    [3605, 3189, 2722, 2201, 1987, 1425, 691, 232, 389, 389, 389, 389],
    [3085, 2804, 2751, 2729, 2328, 1891, 832, 263, 389, 389, 389, 389],
    [2932, 2293, 1759, 1512, 1691, 482, 458, 435, 413, 392, 389, 389],
    [1837, 1430, 1028, 850, 495, 157, 389, 389, 389, 389, 389, 389],
    [467, 137, 137, 389, 389, 389, 389, 389, 389, 389, 389, 389],
    [1837, 1430, 1028, 850, 495, 157, 389, 389, 389, 389, 389, 389],
    [3772, 3917, 3920, 3490, 3621, 3647, 1203, 24, 389, 389, 389, 389],
]
# [exponent - 1]: the bit below the leading one
SECOND = [1181, 1256, 1265, 1353, 1614, 960, 768, 1638, 1638, 1638, 1638, 1638]

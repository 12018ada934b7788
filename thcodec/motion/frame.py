"""One frame of motion as the stream carries it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class PredictionMode(IntEnum):
    """What a frame's integers are coded against (ids of spec section 7.3)."""

    ABSOLUTE = 0
    SOURCE = 1
    PREVIOUS = 2


@dataclass
class MotionFrame:
    """One frame.

    Attributes:
        pts: presentation time, ticks of the stream's time base.
        source_id: source that is animated, 0..65535.
        values: (size,) int32, quantised motion; magnitude at most 2**23 - 1.
        second_source_id: a second source that is mixed in, or None.
        blend: weight of the second source in 1/255, 0..255.
        mode: how the values are predicted. A packet whose first frame is not PREVIOUS starts a
            new group: nothing before it is needed.
        low_confidence: the extractor was unsure, e.g. the face was lost.
    """

    pts: int
    source_id: int
    values: NDArray[np.int32]
    second_source_id: int | None = None
    blend: int = 0
    mode: PredictionMode = PredictionMode.PREVIOUS
    low_confidence: bool = False

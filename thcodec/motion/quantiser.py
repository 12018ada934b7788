"""Motion to integers and back. Spec section 7.1: everything after this step is exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thcodec.bitstream.header import KeypointModel
from thcodec.bitstream.limits import MAX_VALUE
from thcodec.errors import LimitError
from thcodec.motion.keypoints import Floats, Motion

Integers = NDArray[np.int32]
_UNIT = 2.0**-24


class Quantiser:
    """Turns Motion into the integer vector of a KeypointModel and back.

    The vector holds yaw, pitch, roll, t_x, t_y, t_z, log scale, the expression (K, 3) row by row
    and, where the model has them, the Jacobians (K, 3, 3).

    Args:
        model: number of keypoints and quantiser steps.
        hysteresis: with a previous vector, a value keeps its previous integer until it lies
            more than this many steps away. Only the encoder knows this; 0.5 is plain rounding.
    """

    def __init__(self, model: KeypointModel, hysteresis: float = 0.75) -> None:
        if not 0.5 <= hysteresis <= 1e6:
            raise LimitError(f"hysteresis is {hysteresis}, allowed is 0.5 or more")
        self.model = model
        self.hysteresis = hysteresis
        self.canonical_step = model.canonical_step * _UNIT
        point = [model.expression_step, model.expression_step, model.depth_step]
        steps = [model.rotation_step] * 3 + [model.translation_step] * 3 + [model.scale_step]
        steps += point * model.keypoints
        steps += [model.expression_step] * (model.size - len(steps))
        self.steps = np.array(steps, np.float64) * _UNIT

    def quantise(self, motion: Motion, previous: Integers | None = None) -> Integers:
        """The integer vector (size,) of `motion`, rounded half away from zero.

        `previous` is the vector before it, for the hysteresis; of a free keypoint that was not
        found it keeps x and y, which do not matter. Raises LimitError for shapes that are not the
        model's and for values that are not finite or out of range.
        """
        k = self.model.keypoints
        parts = [motion.rotation, motion.translation, [motion.log_scale], motion.expression]
        if self.model.jacobians:
            if motion.jacobians is None:
                raise LimitError("the keypoint model has Jacobians, the motion has none")
            parts.append(motion.jacobians)
        scaled = np.concatenate([np.ravel(np.asarray(part, np.float64)) for part in parts])
        if scaled.size != self.model.size:
            raise LimitError(
                f"the motion has {scaled.size} values, {k} keypoints need {self.model.size}"
            )
        scaled = scaled / self.steps
        values = _round(scaled)
        if previous is not None:
            # Extractor noise flips the last step to and fro; a value that stays costs no bits.
            values = np.where(np.abs(scaled - previous) <= self.hysteresis, previous, values)
            places, before = self._free(values), self._free(previous)
            places[:, :2] = np.where(_lost(places), before[:, :2], places[:, :2])
        return values.astype(np.int32)

    def dequantise(self, values: Integers) -> Motion:
        """The motion that an integer vector (size,) stands for, in float64. Free keypoints that
        were not found stand where they do in the source.
        """
        k = self.model.keypoints
        if np.shape(values) != (self.model.size,):
            raise LimitError(f"the vector has shape {np.shape(values)}, not ({self.model.size},)")
        values = np.asarray(values)
        real = values * self.steps
        self._free(real)[:, :2] *= ~_lost(self._free(values))
        jacobians = real[7 + 3 * k :].reshape(k, 3, 3) if self.model.jacobians else None
        expression = real[7 : 7 + 3 * k].reshape(k, 3)
        return Motion(real[:3], real[3:6], float(real[6]), expression, jacobians)

    def _free(self, values: np.ndarray) -> np.ndarray:
        """A view of the part (F, 3) of a vector that is the free keypoints' expression."""
        end = 7 + 3 * self.model.keypoints
        return values[end - 3 * self.model.free : end].reshape(-1, 3)

    def quantise_canonical(self, canonical: Floats) -> Integers:
        """Canonical keypoints (K, 3) to integers (3K,), rounded half away from zero."""
        if np.shape(canonical) != (self.model.keypoints, 3):
            raise LimitError(f"canonical keypoints have shape {np.shape(canonical)}")
        return _round(np.ravel(np.asarray(canonical, np.float64)) / self.canonical_step).astype(
            np.int32
        )

    def dequantise_canonical(self, values: Integers) -> Floats:
        """Integers (3K,) to canonical keypoints (K, 3) in float64."""
        if np.shape(values) != (3 * self.model.keypoints,):
            raise LimitError(f"canonical keypoints have shape {np.shape(values)}")
        real: Floats = np.asarray(values, np.float64) * self.canonical_step
        return real.reshape(self.model.keypoints, 3)


def _lost(places: np.ndarray) -> np.ndarray:
    """Whether free keypoints' integers (F, 3) say that they were not found, (F, 1)."""
    lost: np.ndarray = places[:, 2:] > 1
    return lost


def _round(scaled: Floats) -> Floats:
    if not np.all(np.abs(scaled) <= MAX_VALUE):  # also False for NaN
        raise LimitError(f"a motion value is not finite or exceeds {MAX_VALUE} steps")
    rounded: Floats = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
    return rounded

"""MS-SSIM: structural similarity at five scales."""

from __future__ import annotations

import cv2
import numpy as np

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first
_WINDOW, _SIGMA = 11, 1.5  # pixels: the Gaussian window
SMALLEST = _WINDOW * 2 ** (len(WEIGHTS) - 1)  # pixels of a side
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ms_ssim(reference: np.ndarray, picture: np.ndarray) -> float | None:
    """Multi-scale structural similarity (Wang, Simoncelli, Bovik 2003), mean over channels, 0..1.

    Pictures are uint8 ``(H, W, 3)``; None where a side has fewer than 176 pixels, for which it is
    not defined. Negative similarities of a scale count as 0. Raises ``ValueError`` when the shapes
    differ.
    """
    if reference.shape != picture.shape:
        raise ValueError(f"pictures of {reference.shape} and {picture.shape} cannot be compared")
    if min(reference.shape[:2]) < SMALLEST:
        return None
    x, y = reference.astype(np.float64), picture.astype(np.float64)
    product = np.ones(x.shape[2])
    for scale, weight in enumerate(WEIGHTS):
        luminance, structure = _similarities(x, y)
        last = scale == len(WEIGHTS) - 1
        similarity = luminance * structure if last else structure
        product *= np.maximum(similarity.mean(axis=(0, 1)), 0) ** weight
        x, y = _halved(x), _halved(y)
    return float(product.mean())


def _similarities(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Luminance, and contrast with structure, (H - 10, W - 10, 3) each."""
    mean_x, mean_y = _blurred(x), _blurred(y)
    var_x, var_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return luminance, (2 * covariance + _C2) / (var_x + var_y + _C2)


def _blurred(values: np.ndarray) -> np.ndarray:
    edge = _WINDOW // 2
    return cv2.GaussianBlur(values, (_WINDOW, _WINDOW), _SIGMA)[edge:-edge, edge:-edge]


def _halved(values: np.ndarray) -> np.ndarray:
    """Means of 2x2 pixels; an odd last row or column is left out."""
    height, width = values.shape[0] // 2, values.shape[1] // 2
    even = values[: 2 * height, : 2 * width]
    return even.reshape(height, 2, width, 2, -1).mean(axis=(1, 3))

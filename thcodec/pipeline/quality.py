"""PSNR and SSIM of 8-bit pictures, with the definitions most papers use."""

from __future__ import annotations

import cv2
import numpy as np

_WINDOW = 7  # pixels: the uniform window of scikit-image's default


def psnr(reference: np.ndarray, picture: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB over all channels; 78.1 dB at most (an MSE of 0.001).

    Both are uint8 ``(H, W, 3)``. Raises ``ValueError`` when their shapes differ.
    """
    _same_shape(reference, picture)
    error = np.mean((reference.astype(np.float32) - picture.astype(np.float32)) ** 2)
    return float(10 * np.log10(255**2 / max(float(error), 1e-3)))


def ssim(reference: np.ndarray, picture: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004), mean over channels, -1..1.

    A uniform 7x7 window with sample covariance, borders left out: the same figure as
    ``skimage.metrics.structural_similarity(..., channel_axis=2)``. Both pictures are uint8
    ``(H, W, 3)`` of at least 7 pixels a side. Raises ``ValueError`` when their shapes differ.
    """
    _same_shape(reference, picture)
    x, y = reference.astype(np.float64), picture.astype(np.float64)
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    samples = _WINDOW**2
    unbias = samples / (samples - 1)
    var_x = unbias * (_window_mean(x * x) - mean_x**2)
    var_y = unbias * (_window_mean(y * y) - mean_y**2)
    covariance = unbias * (_window_mean(x * y) - mean_x * mean_y)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return float(np.mean(luminance * structure))


def _window_mean(values: np.ndarray) -> np.ndarray:
    edge = _WINDOW // 2
    return cv2.blur(values, (_WINDOW, _WINDOW))[edge:-edge, edge:-edge]


def _same_shape(reference: np.ndarray, picture: np.ndarray) -> None:
    if reference.shape != picture.shape:
        raise ValueError(f"pictures of {reference.shape} and {picture.shape} cannot be compared")

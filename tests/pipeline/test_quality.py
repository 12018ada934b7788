"""PSNR and SSIM against figures from scikit-image 0.26."""

from __future__ import annotations

import numpy as np
import pytest

from thcodec.pipeline.quality import psnr, ssim


def _pair() -> tuple[np.ndarray, np.ndarray]:
    y, x, c = np.mgrid[:32, :40, :3]
    one = ((x * 5 + y * 3 + c * 20) % 256).astype(np.uint8)
    return one, np.clip(one.astype(int) + (x * 7 + y * 11) % 23 - 11, 0, 255).astype(np.uint8)


def test_known_figures() -> None:
    one, other = _pair()
    assert psnr(one, other) == pytest.approx(31.780183, abs=1e-4)
    assert ssim(one, other) == pytest.approx(0.895818057686, abs=1e-9)


def test_equal_pictures() -> None:
    one, _ = _pair()
    assert ssim(one, one) == pytest.approx(1.0)
    assert psnr(one, one) > 78


def test_shapes_must_agree() -> None:
    one, _ = _pair()
    for measure in (psnr, ssim):
        with pytest.raises(ValueError, match="compared"):
            measure(one, one[1:])

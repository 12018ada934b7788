"""MS-SSIM against the published recipe written another way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from thcodec.evaluate.ms_ssim import SMALLEST, WEIGHTS, ms_ssim


def _pair(height: int, width: int, noise: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    y, x, c = np.mgrid[:height, :width, :3]
    one = (128 + 90 * np.sin(x / 7 + c) * np.cos(y / 11)).astype(np.uint8)
    other = one + random.integers(-noise, noise + 1, one.shape)
    return one, np.clip(other, 0, 255).astype(np.uint8)


def _reference(one: np.ndarray, other: np.ndarray) -> float:
    """Channel by channel, with a two-dimensional window and torch's convolution."""
    at = torch.arange(11, dtype=torch.float64) - 5
    line = torch.exp(-(at**2) / (2 * 1.5**2))
    window = (line[:, None] * line[None]) / (line.sum() ** 2)

    def mean(values: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(values, window[None, None])

    found = []
    for channel in range(3):
        x, y = (
            torch.from_numpy(p[..., channel].astype(np.float64))[None, None] for p in (one, other)
        )
        factors = []
        for scale in range(5):
            mx, my = mean(x), mean(y)
            vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
            cs = (2 * cov + 58.5225) / (vx + vy + 58.5225)
            lum = (2 * mx * my + 6.5025) / (mx**2 + my**2 + 6.5025)
            factors.append((cs * lum if scale == 4 else cs).mean().item())
            x, y = (torch.nn.functional.avg_pool2d(v, 2) for v in (x, y))
        found.append(np.prod([f**w for f, w in zip(factors, WEIGHTS, strict=True)]))
    return float(np.mean(found))


@pytest.mark.parametrize(("height", "width", "noise"), [(192, 256, 12), (177, 203, 60)])
def test_it_is_the_published_recipe(height: int, width: int, noise: int) -> None:
    one, other = _pair(height, width, noise)
    assert ms_ssim(one, other) == pytest.approx(_reference(one, other), abs=1e-9)


def test_equal_worse_and_too_small_pictures() -> None:
    one, little = _pair(180, 180, 10)
    _, much = _pair(180, 180, 80)
    assert ms_ssim(one, one) == pytest.approx(1)
    assert (ms_ssim(one, much) or 0) < (ms_ssim(one, little) or 0) < 1
    assert ms_ssim(one[: SMALLEST - 1], one[: SMALLEST - 1]) is None
    assert ms_ssim(one[:SMALLEST], one[:SMALLEST]) == pytest.approx(1)
    with pytest.raises(ValueError, match="compared"):
        ms_ssim(one, one[1:])

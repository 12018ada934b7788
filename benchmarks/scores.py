"""PSNR, SSIM and ST-LPIPS of lists of pictures, with the definitions of the README."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.perceptual import Distance
from thcodec.pipeline.quality import psnr, ssim


@dataclass(frozen=True)
class Scores:
    """Means over pictures; ``stlpips`` is None where its weights are not installed."""

    psnr: float
    ssim: float
    stlpips: float | None

    def as_dict(self) -> dict[str, float | None]:
        """For JSON."""
        return asdict(self)


def score(
    references: list[np.ndarray], pictures: list[np.ndarray], stlpips: Distance | None
) -> Scores:
    """Mean scores of equally many pictures, uint8 (H, W, 3)."""
    both = list(zip(references, pictures, strict=True))
    return Scores(
        float(np.mean([psnr(*pair) for pair in both])),
        float(np.mean([ssim(*pair) for pair in both])),
        None if stlpips is None else float(np.mean(stlpips(references, pictures))),
    )


def mean(scores: list[Scores]) -> Scores:
    """Mean over clips, each counting the same."""
    perceptual = [item.stlpips for item in scores if item.stlpips is not None]
    return Scores(
        float(np.mean([item.psnr for item in scores])),
        float(np.mean([item.ssim for item in scores])),
        float(np.mean(perceptual)) if perceptual else None,
    )

"""PSNR, SSIM and ST-LPIPS of lists of pictures, with the definitions of the README."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from thcodec.evaluate.perceptual import Distance
from thcodec.pipeline.quality import psnr, ssim


@dataclass(frozen=True)
class Scores:
    """Of a picture or means over pictures; ``stlpips`` is None where its weights are missing."""

    psnr: float
    ssim: float
    stlpips: float | None

    def as_dict(self) -> dict[str, float | None]:
        """For JSON."""
        return asdict(self)


def score_each(
    references: list[np.ndarray], pictures: list[np.ndarray], stlpips: Distance | None
) -> list[Scores]:
    """Scores of each of equally many pictures, uint8 (H, W, 3)."""
    both = list(zip(references, pictures, strict=True))
    far = [None] * len(both) if stlpips is None else stlpips(references, pictures)
    return [Scores(psnr(*pair), ssim(*pair), d) for pair, d in zip(both, far, strict=True)]


def score(
    references: list[np.ndarray], pictures: list[np.ndarray], stlpips: Distance | None
) -> Scores:
    """Mean scores of equally many pictures, uint8 (H, W, 3)."""
    return mean(score_each(references, pictures, stlpips))


def mean(scores: list[Scores]) -> Scores:
    """Mean over pictures or clips, each counting the same."""
    perceptual = [item.stlpips for item in scores if item.stlpips is not None]
    return Scores(
        float(np.mean([item.psnr for item in scores])),
        float(np.mean([item.ssim for item in scores])),
        float(np.mean(perceptual)) if perceptual else None,
    )

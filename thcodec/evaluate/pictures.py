"""Strips that a person can judge: source, original and decoded at the moments that tell most."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from thcodec.evaluate.measure import Decoded

LABEL = 16  # pixels above each row


def moments(clip: Decoded) -> dict[str, int]:
    """Title -> frame: the largest turn from the source, the widest mouth, the firmest shut eyes,
    and the worst and the median of the scored frames by ST-LPIPS.
    """
    far = [scores.stlpips or 0.0 for scores in clip.scores]
    order = np.argsort(far, kind="stable")
    return {
        "largest turn": int(np.argmax(clip.track.turn())),
        "widest mouth": _extreme(clip.track.mouth_open()),
        "eyes most shut": _extreme(-clip.track.eyes_open()),
        "worst ST-LPIPS": clip.scored[order[-1]],
        "median ST-LPIPS": clip.scored[order[len(order) // 2]],
    }


def save_strip(path: Path, clip: Decoded) -> None:
    """Write a PNG with a row for each moment: source | original | decoded."""
    side = clip.original[0].shape[0]
    chosen = moments(clip)
    sheet = Image.new("RGB", (3 * side, len(chosen) * (side + LABEL)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (title, frame) in enumerate(chosen.items()):
        top = row * (side + LABEL)
        texts = ("source", f"original, frame {frame}: {title}", "decoded")
        shown = (clip.original[0], clip.original[frame], clip.decoded[frame])
        for column, (text, picture) in enumerate(zip(texts, shown, strict=True)):
            draw.text((column * side + 4, top + 2), text, fill="black")
            sheet.paste(Image.fromarray(picture), (column * side, top + LABEL))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _extreme(curve: np.ndarray) -> int:
    """The frame of the highest value but the source's; NaN where no face was found."""
    return 0 if np.isnan(curve[1:]).all() else 1 + int(np.nanargmax(curve[1:]))

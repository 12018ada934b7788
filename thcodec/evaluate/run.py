"""``thcodec evaluate``: clips in, figures and pictures out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from thcodec.errors import MediaError
from thcodec.evaluate import pictures
from thcodec.evaluate.clips import find_clips, read_frames
from thcodec.evaluate.cost import cost
from thcodec.evaluate.measure import LIMIT, ClipFigures, Evaluator
from thcodec.evaluate.summary import Evaluation, SeedFigures, summarise
from thcodec.models.animator import Animator

SEED_INTERVAL = 10  # frames between sources in the paper's best run that is not every frame


def evaluate(
    animator: Animator,
    data: Path,
    split: str = "test",
    names: list[str] | None = None,
    *,
    folder: Path | None = None,
    tell: Callable[[ClipFigures], None] = lambda figures: None,
) -> Evaluation:
    """Measure the clips of ``data/<split>256``; strips of pictures go to `folder`.

    The paper's driving clip, of a person of test256, is measured with all test clips only. Raises
    MediaError without clips, WeightsError when a package for measuring is missing.
    """
    paths = find_clips(data / f"{split}256", names)
    evaluator = Evaluator(animator)
    rows: list[ClipFigures] = []
    first: np.ndarray | None = None
    for path in paths:
        frames = read_frames(path, LIMIT)
        figures, decoded = evaluator.clip(path.stem, frames)
        rows.append(figures)
        first = frames[0] if first is None else first
        if folder is not None:
            pictures.save_strip(folder / f"{path.stem}.png", decoded)
        tell(figures)
    if first is None:
        raise MediaError(f"no clips in {data}")
    seed = _seed(evaluator, data / "seed") if split == "test" and not names else None
    return Evaluation(summarise(rows), rows, cost(animator, first), seed)


def _seed(evaluator: Evaluator, folder: Path) -> SeedFigures | None:
    """None where the paper's clips are not there."""
    driving, theirs = folder / "driving.mp4", folder / f"no_esrgan_{SEED_INTERVAL}frame.mp4"
    if not (driving.is_file() and theirs.is_file()):
        return None
    frames = read_frames(driving)
    return SeedFigures(
        SEED_INTERVAL,
        len(frames),
        evaluator.sources(frames, SEED_INTERVAL),
        evaluator.score(frames, read_frames(theirs)),
    )

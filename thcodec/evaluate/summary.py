"""Means over clips, and everything as a dictionary for JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass
from typing import Any

import numpy as np

from thcodec.evaluate import events, shimmer
from thcodec.evaluate.cost import Cost
from thcodec.evaluate.events import Count
from thcodec.evaluate.face import LandmarkError
from thcodec.evaluate.measure import INTERVAL, LIMIT, STEP, ClipFigures, SourceScores
from thcodec.evaluate.scores import Scores, mean
from thcodec.evaluate.shimmer import ClipShimmer, Shimmer, pooled


@dataclass(frozen=True)
class SeedFigures:
    """The paper's driving clip, all frames: this animator, and the paper's own decoded clip."""

    interval: int
    frames: int
    ours: SourceScores
    paper: Scores


@dataclass(frozen=True)
class Evaluation:
    """All clips. ``mean`` counts every clip the same, but events are added up."""

    mean: ClipFigures
    clips: list[ClipFigures]
    cost: Cost
    seed: SeedFigures | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "protocol": _protocol(),
            "cost": asdict(self.cost),
            "seed": None if self.seed is None else asdict(self.seed),
            "mean": _clip(self.mean),
            "clips": [_clip(clip) for clip in self.clips],
        }


def summarise(clips: list[ClipFigures]) -> ClipFigures:
    """The mean clip; its name says of how many, its frames are those of all."""
    return ClipFigures(
        name=f"mean of {len(clips)}",
        frames=sum(clip.frames for clip in clips),
        one=_mean_sources([clip.one for clip in clips]),
        several=_mean_sources([clip.several for clip in clips]),
        identity=_mean([clip.identity for clip in clips]),
        identity_repeated=_mean([clip.identity_repeated for clip in clips]),
        landmarks=_mean_landmarks([clip.landmarks for clip in clips]),
        landmarks_repeated=_mean_landmarks([clip.landmarks_repeated for clip in clips]),
        lost=sum(clip.lost for clip in clips),
        blinks=sum((clip.blinks for clip in clips), Count(0, 0)),
        mouth_openings=sum((clip.mouth_openings for clip in clips), Count(0, 0)),
        shimmer=ClipShimmer(
            sum(clip.shimmer.pairs for clip in clips),
            pooled([clip.shimmer.face for clip in clips]),
            pooled([clip.shimmer.background for clip in clips]),
        ),
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _mean_landmarks(errors: list[LandmarkError]) -> LandmarkError:
    known = [astuple(error) for error in errors if not np.isnan(error.both)]
    return LandmarkError(*np.mean(known or [(np.nan,) * 3], axis=0).tolist())


def _mean_sources(rows: list[SourceScores]) -> SourceScores:
    take: tuple[Callable[[SourceScores], Scores], ...] = (
        lambda row: row.repeated,
        lambda row: row.animated,
        lambda row: row.moved,
    )
    return SourceScores(*(mean([choose(row) for row in rows]) for choose in take))


def _clip(clip: ClipFigures) -> dict[str, Any]:
    fields = asdict(clip)
    for name, count in (("blinks", clip.blinks), ("mouth_openings", clip.mouth_openings)):
        fields[name]["share"] = count.share
    for name, region in (("face", clip.shimmer.face), ("background", clip.shimmer.background)):
        if region is not None:
            fields["shimmer"][name]["ratio"] = _finite(region)
    for name in ("landmarks", "landmarks_repeated"):
        fields[name] = {k: None if np.isnan(v) else v for k, v in fields[name].items()}
    return fields


def _finite(region: Shimmer) -> float | None:
    return region.ratio if np.isfinite(region.ratio) else None


def _protocol() -> dict[str, Any]:
    return {
        "frames": LIMIT,
        "scored_every": STEP,
        "source_every": [0, INTERVAL],
        "blink_share_of_open_level": events.BLINK,
        "open_level_percentile": events.OPEN_PERCENTILE,
        "mouth_opening_share_of_eye_distance": events.MOUTH_OPENING,
        "event_tolerance_frames": events.TOLERANCE,
        "still_pixels_of_256": shimmer.STILL,
        "still_pairs_at_least": shimmer.MINIMUM_PAIRS,
    }

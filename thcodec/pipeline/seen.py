"""Frames as the encoder sees them, before it decides how they are coded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thcodec.media.crop import CroppedFrame
from thcodec.models.animator import Animator, Extraction
from thcodec.motion import Motion
from thcodec.sources.score import Judgement, SourceScorer

_MIN_CONFIDENCE = 0.5  # of the extractor; below it the motion before is held


@dataclass(frozen=True)
class SeenFrame:
    """A frame, and what the choice of sources wants to know of it.

    Attributes:
        index: number of the frame, from 0.
        frame: the picture with its time and crop.
        seen: what the animator saw.
        sure: whether that is a face.
        pose: its motion relative to canonical keypoints that all frames of a shot share, free
            keypoints at rest: what distances are measured between.
        score: how good a source it would make, 0..1.
        look: see ``thcodec.sources.look``; None where nobody saw a face.
    """

    index: int
    frame: CroppedFrame
    seen: Extraction
    sure: bool
    pose: Motion
    score: float
    look: np.ndarray | None = None


class Observer:
    """Looks at the frames of one video, in order.

    Args:
        animator: the network that sees keypoints.
    """

    def __init__(self, animator: Animator) -> None:
        self._animator = animator
        self._scorer = SourceScorer(animator.eyes, animator.keypoint_model.free)
        self._canonical: np.ndarray | None = None  # of the shot's first sure frame
        self._count = 0

    def seeing(self, frames: list[CroppedFrame]) -> Callable[[], list[SeenFrame]]:
        """The next frames, begun; what is returned waits for them and judges them, in order."""
        if not frames:
            return list
        extractions = self._animator.extracting([frame.picture for frame in frames])
        return lambda: [self._judged(*both) for both in zip(frames, extractions(), strict=True)]

    def _judged(self, frame: CroppedFrame, seen: Extraction) -> SeenFrame:
        if frame.new_shot:
            self._scorer.begin_shot()
            self._canonical = None
        sure = frame.face and seen.confidence >= _MIN_CONFIDENCE
        if sure and self._canonical is None:
            self._canonical = seen.canonical
        canonical = seen.canonical if self._canonical is None else self._canonical
        pose = self._animator.motion(seen, canonical, seen)
        judged = self._scorer.judge(frame.picture, seen) if sure else Judgement(0.0, None)
        self._count += 1
        return SeenFrame(self._count - 1, frame, seen, sure, pose, judged.score, judged.look)

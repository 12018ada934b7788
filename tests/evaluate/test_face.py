"""What is read from the mesh, on a made-up one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluate.conftest import face
from thcodec.evaluate.face import FaceTrack, landmark_error
from thcodec.motion.keypoints import rotation_matrix
from thcodec.train.landmarks import EYE_RIMS


def test_openings_are_read_as_they_were_made() -> None:
    track = FaceTrack(np.stack([face(eyes=0.35, mouth=0.1), face(eyes=0.05, mouth=0.4)]))
    assert track.eyes_open() == pytest.approx([0.35, 0.05], abs=1e-5)
    assert track.mouth_open() == pytest.approx([0.1, 0.4], abs=1e-5)
    assert track.eye_distance() == pytest.approx(0.6)


def test_openings_do_not_depend_on_size_place_and_roll() -> None:
    points = face(eyes=0.3, mouth=0.2)
    turned = 0.6 * points @ rotation_matrix(0, 0, 25).T.astype(np.float32) + 0.1
    track = FaceTrack(np.stack([points, turned]))
    assert np.ptp(track.eyes_open()) < 1e-5
    assert np.ptp(track.mouth_open()) < 1e-5


def test_the_turn_is_that_from_the_first_frame() -> None:
    points = face()
    turned = points @ rotation_matrix(20, 0, 0).T.astype(np.float32)
    assert FaceTrack(np.stack([points, turned])).turn() == pytest.approx([0, 20], abs=0.05)


def test_errors_are_shares_of_the_eye_distance() -> None:
    original = FaceTrack(np.stack([face()] * 4))
    shifted = original.points.copy()
    shifted[:, :, 0] += 0.06
    error = landmark_error(original, FaceTrack(shifted), range(4))
    assert (error.both, error.eyes, error.mouth) == pytest.approx((0.1, 0.1, 0.1), abs=1e-5)
    eyes = original.points.copy()
    eyes[:, list(EYE_RIMS[0]), 1] += 0.06
    error = landmark_error(original, FaceTrack(eyes), range(4))
    assert (error.eyes, error.mouth) == pytest.approx((0.05, 0.0), abs=1e-5)
    assert error.both == pytest.approx(0.05 * 32 / 72, abs=1e-5)


def test_lost_frames_are_counted_and_left_out() -> None:
    original = FaceTrack(np.stack([face()] * 3))
    broken = original.points + 0.06
    broken[1] = np.nan
    decoded = FaceTrack(broken)
    assert (original.lost, decoded.lost) == (0, 1)
    error = landmark_error(original, decoded, range(3))
    assert error.both == pytest.approx(np.sqrt(2) * 0.1, abs=1e-5)
    assert np.isnan(landmark_error(original, decoded, [1]).both)

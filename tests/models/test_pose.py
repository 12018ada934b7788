"""Eq. 1 backwards and forwards."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thcodec.models.face_vid2vid.animator import RIGIDITY
from thcodec.models.face_vid2vid.pose import decompose, euler_angles, rigid_fit
from thcodec.motion.keypoints import rotation_matrix, transform

CANONICAL = np.random.default_rng(5).normal(0, 0.8, (len(RIGIDITY), 3))
ANGLES = st.tuples(st.floats(-80, 80), st.floats(-80, 80), st.floats(-170, 170))


@given(ANGLES)
def test_angles_are_those_the_matrix_was_made_of(angles):
    assert euler_angles(rotation_matrix(*angles)) == pytest.approx(np.array(angles), abs=1e-6)


@given(ANGLES, st.floats(0.2, 3.0), st.tuples(*[st.floats(-1, 1)] * 2))
def test_a_rigid_motion_is_all_pose_and_no_expression(angles, scale, shift):
    moved = scale * CANONICAL @ rotation_matrix(*angles).T + np.array([*shift, 0.0])
    motion = decompose(CANONICAL, moved, RIGIDITY)
    assert motion.rotation == pytest.approx(np.array(angles), abs=1e-5)
    assert np.exp(motion.log_scale) == pytest.approx(scale)
    assert np.abs(motion.expression).max() < 1e-6


def test_moving_the_lips_does_not_turn_the_head():
    moved = CANONICAL.copy()
    moved[9] += [0.0, 0.3, 0.0]  # the lower lip
    motion = decompose(CANONICAL, moved, RIGIDITY)
    assert np.abs(motion.rotation).max() < 1e-6
    assert motion.expression[9] == pytest.approx(np.array([0.0, 0.3, 0.0]), abs=1e-9)


def test_decomposition_and_transform_are_inverse_in_the_picture():
    random = np.random.default_rng(1)
    keypoints = 0.4 * CANONICAL + random.normal(0, 0.05, CANONICAL.shape)
    back = transform(CANONICAL, decompose(CANONICAL, keypoints, RIGIDITY))
    assert back[:, :2] == pytest.approx(keypoints[:, :2])


def test_free_keypoints_keep_all_of_their_own_motion():
    keypoints = CANONICAL.copy()
    keypoints[-2:] += [[0.1, 0.2, 0.3], [0.0, 0.0, 0.1]]
    motion = decompose(CANONICAL, keypoints, RIGIDITY, free=2)
    assert motion.expression[-2:] == pytest.approx(keypoints[-2:] - CANONICAL[-2:])
    assert transform(CANONICAL, motion, free=2) == pytest.approx(keypoints)


def test_the_fit_never_mirrors():
    _, rotation, _ = rigid_fit(CANONICAL, CANONICAL * [-1, 1, 1], np.ones(len(CANONICAL)))
    assert np.linalg.det(rotation) == pytest.approx(1.0)

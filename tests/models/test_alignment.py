"""Motion that is bettered by how the source's picture comes to lie on the driving frame."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from thcodec.models.face_vid2vid.alignment import (
    FAR,
    LIMIT,
    SIZE,
    Alignment,
    Reach,
    scene_of,
    staying,
)
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.motion import Motion
from thcodec.pipeline.quality import psnr

STILL = np.zeros((COMPACT.keypoints, 2))
DETAIL = [*COMPACT.detail, *COMPACT.pupils]


def spots(seed: int) -> np.ndarray:
    """A picture with something to see everywhere."""
    noise = np.random.default_rng(seed).integers(0, 255, (9, 9, 3), np.uint8)
    return cv2.resize(noise, (SIZE + 8, SIZE), interpolation=cv2.INTER_CUBIC)


def one_for_all(keypoint: int) -> Reach:
    """A field that stands still, and that one keypoint decides everywhere."""
    axis = np.linspace(-1, 1, SIZE, dtype=np.float32)
    picture = np.stack(np.meshgrid(axis, axis), -1)
    shares = np.zeros((SIZE, SIZE, COMPACT.keypoints), np.float32)
    shares[..., keypoint] = 1
    return Reach(picture, shares, np.ones((SIZE, SIZE), np.float32))


@pytest.mark.parametrize("keypoint", [COMPACT.face - 1, COMPACT.keypoints - 1])
@pytest.mark.parametrize("turn", [0.0, 0.6])
def test_a_shifted_picture_is_found(keypoint, turn):
    """One sample to the right; a head that is turned in the picture moves along its own axes."""
    wide = spots(1)
    source, driving = scene_of(wide[:, 4:-4]), scene_of(wide[:, 3:-5])
    cos, sin = np.cos(turn), np.sin(turn)
    jacobian = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    wanted = np.array([2 / (SIZE - 1), 0.0])
    if keypoint < COMPACT.seen:
        wanted = np.linalg.inv(jacobian[:2, :2]) @ wanted
    pair = Alignment(source, driving, jacobian, STILL)
    found = pair.bettered(STILL, one_for_all(keypoint))
    np.testing.assert_allclose(found[keypoint], wanted, atol=0.1 * np.linalg.norm(wanted))
    assert not np.delete(found, keypoint, axis=0).any()  # nothing hangs on the others


def test_nothing_to_see_moves_nothing():
    flat = scene_of(np.full((256, 256, 3), 90, np.uint8))
    pair = Alignment(flat, flat, np.eye(3), STILL)
    np.testing.assert_array_equal(pair.bettered(STILL, one_for_all(0)), STILL)


def test_what_was_the_frame_before_stays_where_nothing_can_be_seen():
    flat = scene_of(np.full((256, 256, 3), 90, np.uint8))
    before = STILL + 0.03
    found = Alignment(flat, flat, np.eye(3), before).bettered(before, one_for_all(0))
    assert (found > 0.02).all() and (found <= 0.03).all()


def test_what_goes_far_is_followed_and_lids_never_wait():
    still = Motion(np.zeros(3), np.zeros(3), 0.0, np.zeros((COMPACT.keypoints, 3)))
    expression, drift = np.zeros((COMPACT.keypoints, 3)), STILL + 0.02
    expression[:, 0] = 0.01  # seen to move a little, all of it taken back by staying
    expression[-1, 1] = 2 * FAR
    motion = replace(still, expression=expression)
    before = replace(still, expression=np.pad(drift, ((0, 0), (0, 1))))
    stays = staying(motion, before, drift)
    np.testing.assert_array_equal(stays[DETAIL], 0)
    np.testing.assert_array_equal(stays[-1], drift[-1])
    rest = np.delete(stays, [*DETAIL, COMPACT.keypoints - 1], axis=0)
    np.testing.assert_allclose(rest, [[0.01, 0.02]] * len(rest))


def test_nothing_is_pulled_out_of_shape():
    wide = spots(3)
    source, driving = scene_of(wide[:, 8:]), scene_of(wide[:, :-8])
    pair = Alignment(source, driving, np.eye(3), STILL)
    found = STILL
    for _ in range(5):
        found = pair.bettered(found, one_for_all(3))
    assert np.abs(found).max() <= LIMIT


def test_a_hidden_source_has_no_say():
    wide = spots(2)
    source, driving = scene_of(wide[:, 4:-4]), scene_of(wide[:, 2:-6])
    reach = replace(one_for_all(30), occlusion=np.zeros((SIZE, SIZE), np.float32))
    found = Alignment(source, driving, np.eye(3), STILL).bettered(STILL, reach)
    np.testing.assert_array_equal(found, STILL)


def aligned(animator, seen, before, rounds=1):
    """The second frame as a motion of the first: as it was seen, and aligned."""
    source, driving = seen
    own = animator.motion(source, source.canonical, source)
    motion = animator.motion(driving, source.canonical, source)
    before = motion if before is None else before
    drift = np.zeros_like(own.expression)
    return motion, animator.align(
        motion, before, drift, driving, source.canonical, own, source, rounds
    )


@pytest.mark.parametrize("far", [False, True])
def test_frames_come_nearer_and_lids_stay(animator, frames, far):
    """Also where the frame before was quite another one."""
    seen = animator.extract(frames)
    gains = []
    for start in range(0, 141, 35):
        source, driving = seen[start], seen[start + 100]
        own = animator.motion(source, source.canonical, source)
        motion, better = aligned(animator, (source, driving), own if far else None)
        prepared = animator.prepare(frames[start], source.canonical, own)
        shown = animator.animate(prepared, [motion, better])
        before, after = (psnr(frames[start + 100], picture) for picture in shown)
        gains.append(after - before)
        way = np.linalg.norm((better.expression - motion.expression)[:, :2], axis=1)
        assert way[DETAIL].max() < 0.03 and way.max() <= np.sqrt(2) * LIMIT
        np.testing.assert_array_equal(better.rotation, motion.rotation)
        np.testing.assert_array_equal(better.expression[:, 2], motion.expression[:, 2])
    assert np.mean(gains) > 0.3 and min(gains) > -0.2


def test_no_rounds_leave_the_motion(animator, frames):
    seen = animator.extract([frames[0], frames[50]])
    own = animator.motion(seen[0], seen[0].canonical, seen[0])
    motion, same = aligned(animator, seen, own, rounds=0)
    np.testing.assert_array_equal(same.expression, motion.expression)


@pytest.mark.real
def test_a_source_is_more_unlike_the_further_it_is(animator, frames):
    seen = animator.extract([frames[at] for at in (0, 1, 60)])
    source, canonical = seen[0], seen[0].canonical
    own, *motions = (animator.motion(each, canonical, source) for each in seen)
    itself, near, far = (
        animator.unlikeness(motion, each, canonical, own, source)
        for motion, each in zip((own, *motions), seen, strict=True)
    )
    assert itself < near < far
    assert itself < 5 and 10 < far < 100  # thousandths of ST-LPIPS

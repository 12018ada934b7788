"""Motion that is bettered by how the source's picture comes to lie on the driving frame."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from thcodec.media.video_input import VideoInput
from thcodec.models.face_vid2vid.alignment import SIZE, Alignment, Reach, scene_of
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.registry import load_animator
from thcodec.pipeline.quality import psnr

STILL = np.zeros((COMPACT.keypoints, 2))
DETAIL = [*COMPACT.detail, *COMPACT.pupils]


@pytest.fixture(scope="module")
def animator():
    return load_animator()


@pytest.fixture(scope="module")
def frames(request):
    with VideoInput(request.getfixturevalue("shared_clip"), audio=False) as video:
        return [frame.rgb for frame, _ in zip(video.frames(), range(241), strict=False)]


def spots(seed: int) -> np.ndarray:
    """A picture with something to see everywhere."""
    noise = np.random.default_rng(seed).integers(0, 255, (9, 9, 3), np.uint8)
    return cv2.resize(noise, (SIZE + 8, SIZE), interpolation=cv2.INTER_CUBIC)


def one_for_all(keypoint: int) -> Reach:
    """A field that stands still, and that one keypoint decides everywhere."""
    axis = np.linspace(-1, 1, SIZE, dtype=np.float32)
    picture = np.stack(np.meshgrid(axis, axis), -1)
    shares = np.zeros((COMPACT.keypoints, SIZE, SIZE), np.float32)
    shares[keypoint] = 1
    return Reach(picture, shares, np.ones((SIZE, SIZE), np.float32))


@pytest.mark.parametrize("keypoint", [COMPACT.face - 1, COMPACT.keypoints - 1])
@pytest.mark.parametrize("turn", [0.0, 0.6])
def test_a_shifted_picture_is_found(keypoint, turn):
    """Two samples to the right; a head that is turned in the picture moves along its own axes."""
    wide = spots(1)
    source, driving = scene_of(wide[:, 4:-4]), scene_of(wide[:, 2:-6])
    cos, sin = np.cos(turn), np.sin(turn)
    jacobian = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    wanted = np.array([2 * 2 / (SIZE - 1), 0.0])
    if keypoint < COMPACT.seen:
        wanted = np.linalg.inv(jacobian[:2, :2]) @ wanted
    drift = STILL + wanted  # where it was the frame before is where it is: nothing holds it back
    pair = Alignment(source, driving, jacobian, drift)
    found = pair.bettered(STILL, one_for_all(keypoint))
    np.testing.assert_allclose(found[keypoint], wanted, atol=0.1 * np.abs(wanted).max())
    others = np.delete(np.arange(COMPACT.keypoints), keypoint)
    assert np.abs(found[others]).max() <= np.abs(wanted).max() + 1e-6


def test_nothing_to_see_moves_nothing():
    flat = scene_of(np.full((256, 256, 3), 90, np.uint8))
    pair = Alignment(flat, flat, np.eye(3), STILL)
    np.testing.assert_array_equal(pair.bettered(STILL, one_for_all(0)), STILL)


def test_what_was_the_frame_before_stays_where_nothing_can_be_seen():
    flat = scene_of(np.full((256, 256, 3), 90, np.uint8))
    before = STILL + 0.03
    found = Alignment(flat, flat, np.eye(3), before).bettered(before, one_for_all(0))
    rest = np.delete(found, DETAIL, axis=0)
    assert (rest > 0.028).all() and (rest <= 0.03).all()
    np.testing.assert_allclose(found[DETAIL], 0, atol=1e-9)  # lids never come late


def test_a_hidden_source_has_no_say():
    wide = spots(2)
    source, driving = scene_of(wide[:, 4:-4]), scene_of(wide[:, 2:-6])
    reach = replace(one_for_all(30), occlusion=np.zeros((SIZE, SIZE), np.float32))
    found = Alignment(source, driving, np.eye(3), STILL).bettered(STILL, reach)
    np.testing.assert_array_equal(found, STILL)


def test_frames_come_nearer_and_lids_stay(animator, frames):
    seen = animator.extract(frames)
    gains = []
    for start in range(0, 141, 35):
        source, driving = seen[start], seen[start + 100]
        own = animator.motion(source, source.canonical, source)
        motion = animator.motion(driving, source.canonical, source)
        aligned = animator.align(motion, motion, driving, source.canonical, own, source, 1)
        prepared = animator.prepare(frames[start], source.canonical, own)
        shown = animator.animate(prepared, [motion, aligned])
        before, after = (psnr(frames[start + 100], picture) for picture in shown)
        gains.append(after - before)
        way = np.linalg.norm((aligned.expression - motion.expression)[:, :2], axis=1)
        assert way[DETAIL].max() < 0.03 and way.max() < 0.3
        np.testing.assert_array_equal(aligned.rotation, motion.rotation)
        np.testing.assert_array_equal(aligned.expression[:, 2], motion.expression[:, 2])
    assert np.mean(gains) > 0.3 and min(gains) > -0.2


def test_no_rounds_leave_the_motion(animator, frames):
    source, driving = animator.extract([frames[0], frames[50]])
    own = animator.motion(source, source.canonical, source)
    motion = animator.motion(driving, source.canonical, source)
    same = animator.align(motion, own, driving, source.canonical, own, source, 0)
    np.testing.assert_array_equal(same.expression, motion.expression)

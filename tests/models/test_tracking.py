"""Free keypoints: followed where the picture can be found again, lost where it cannot."""

import cv2
import numpy as np
import pytest

from thcodec.models.face_vid2vid.tracking import LOST, follow, grey, optical_flow

ANCHORS = np.array([[-0.6, 0.6], [0.6, 0.6]])


def texture(seed: int, height: int = 128, width: int = 128) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 255, (height, width), np.uint8)
    smooth = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    return np.repeat(smooth[..., None], 3, 2)


def followed(source: np.ndarray, driving: np.ndarray) -> np.ndarray:
    return follow(optical_flow(grey(source), grey(driving)), ANCHORS)


def test_nothing_moves_in_a_still_picture():
    picture = texture(0)
    points = followed(picture, picture)
    assert points[:, :2] == pytest.approx(ANCHORS, abs=1e-3) and not points[:, 2].any()


def test_one_side_moves_and_the_other_stays():
    wide = texture(1, 128, 80)
    still = texture(2)[:, :64]
    source = np.concatenate([still, wide[:, 8:72]], 1)
    driving = np.concatenate([still, wide[:, 4:68]], 1)  # the right half goes 4 samples right
    points = followed(source, driving)
    assert points[0] == pytest.approx([*ANCHORS[0], 0], abs=0.01)
    assert points[1] == pytest.approx([ANCHORS[1, 0] + 4 / 63.5, ANCHORS[1, 1], 0], abs=0.02)


def test_what_is_gone_is_lost_and_stays_where_it_was():
    source = texture(3)
    driving = source.copy()
    driving[:, 64:] = texture(4)[:, 64:]
    points = followed(source, driving)
    assert points[0, 2] == 0 and points[1].tolist() == [*ANCHORS[1], LOST]


def test_pictures_of_any_size_are_seen_alike():
    large = cv2.resize(texture(5), (256, 256))
    assert grey(large).shape == (128, 128)
    assert np.abs(grey(large).astype(int) - grey(texture(5))).mean() < 6

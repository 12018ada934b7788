"""Cropping: decisions with a detector made up for the test, framing with the real one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.media.clips import shared
from thcodec.bitstream.header import Crop
from thcodec.errors import MediaError, NoFaceError
from thcodec.media.crop import CropMode, CroppedFrame, CropTracker, parse_crop
from thcodec.media.face import Face, FaceDetector
from thcodec.media.framing import crop_around, overlap
from thcodec.media.shots import ShotDetector
from thcodec.media.video_input import VideoInput

WIDTH, HEIGHT = 320, 180
RATE = 25
BASE = Fraction(1, RATE)


def face(x: float, y: float, side: float = 40.0) -> Face:
    box = (x - side / 2, y - side / 2, side, side)
    return Face(box, 0.9, np.zeros((5, 2), np.float32))


class Script:
    """A detector that knows where the faces are: the picture's first pixel says which scene."""

    def __init__(self, *scenes: list[Face]) -> None:
        self.scenes = scenes
        self.asked = 0
        self.known: list[float] = []  # sides of faces that were looked for again

    def detect(self, rgb: np.ndarray, known: float = 0.0) -> list[Face]:
        self.asked += 1
        self.known.append(known)
        return self.scenes[rgb[0, 0, 0]]


def scene(number: int, shade: int = 100) -> np.ndarray:
    picture = np.full((HEIGHT, WIDTH, 3), shade, np.uint8)
    picture[0, 0] = number
    return picture


def run(
    detector: Script,
    pictures: list[np.ndarray],
    mode: CropMode = "auto",
    look_ahead: float = 1,
) -> tuple[CropTracker, list[CroppedFrame]]:
    tracker = CropTracker(64, mode, time_base=BASE, look_ahead=look_ahead, detector=detector)
    frames: list[CroppedFrame] = []
    for number, picture in enumerate(pictures):
        frames += tracker.push(picture, number)
    return tracker, frames + tracker.flush()


def shots(frames: list[CroppedFrame]) -> list[int]:
    return [frame.pts for frame in frames if frame.new_shot]


def test_one_steady_crop():
    _, frames = run(Script([face(160, 90)]), [scene(0)] * 80)
    assert [frame.pts for frame in frames] == list(range(80))
    assert {frame.crop for frame in frames} == {Crop(120, 50, 79, 79)}
    assert shots(frames) == [0]
    assert all(frame.face and frame.picture.shape == (64, 64, 3) for frame in frames)


def test_look_ahead_is_at_most_a_second():
    tracker = CropTracker(64, time_base=BASE, detector=Script([face(160, 90)]))
    given = [len(tracker.push(scene(0), number)) for number in range(60)]
    assert given[:RATE] == [0] * RATE
    assert given[RATE] == RATE + 1
    assert given[RATE + 1 :] == [1] * (60 - RATE - 1)


def test_live_has_no_delay():
    tracker = CropTracker(64, time_base=BASE, look_ahead=0, detector=Script([face(160, 90)]))
    for number in range(10):
        (frame,) = tracker.push(scene(0), number)
        assert frame.pts == number and frame.new_shot == (number == 0)
    assert tracker.flush() == []


def test_large_pictures_are_not_hoarded():
    tracker = CropTracker(64, time_base=BASE, detector=Script([face(160, 90)]))
    picture = np.zeros((3000, 4000, 3), np.uint8)  # 36 MB
    given = sum(len(tracker.push(picture, number)) for number in range(8))
    assert given >= 6


def test_motion_of_the_first_second_is_centred():
    detector = Script([face(140, 90)], [face(180, 90)])
    _, frames = run(detector, [scene(0)] * 12 + [scene(1)] * 12)
    crop = frames[0].crop
    assert crop.x + crop.width / 2 == pytest.approx(160, abs=1)
    assert shots(frames) == [0]


def test_detection_is_rare_while_the_face_is_in_sight():
    detector = Script([face(160, 90)])
    run(detector, [scene(0)] * 100)
    assert detector.asked == 20


def test_a_face_is_only_looked_for_again_where_the_crop_lies():
    """And it is still there: before it is lost, and while it is, the whole picture is searched."""
    detector = Script([face(160, 90)], [])
    _, frames = run(detector, [scene(0)] * 40 + [scene(1)] * 10 + [scene(0)] * 10)
    first, seen, lost, again = np.split(np.array(detector.known), [6, 9, 20])
    assert not first.any() and (seen == 40).all()
    assert not lost.any() and again.tolist() == [40]
    assert [frame.face for frame in frames] == [True] * 40 + [False] * 10 + [True] * 10


def test_a_face_that_is_missed_in_a_small_picture_stays_in_sight():
    class Blurred(Script):
        def detect(self, rgb: np.ndarray, known: float = 0.0) -> list[Face]:
            return [] if known else super().detect(rgb)

    _, frames = run(Blurred([face(160, 90)]), [scene(0)] * 60)
    assert all(frame.face for frame in frames) and shots(frames) == [0]


def test_cut_starts_a_new_crop():
    detector = Script([face(80, 90)], [face(240, 90)])
    _, frames = run(detector, [scene(0, 60)] * 40 + [scene(1, 160)] * 40)
    assert shots(frames) == [0, 40]
    assert frames[39].crop != frames[40].crop
    assert len({frame.crop for frame in frames}) == 2


def test_lost_face_is_flagged_and_the_crop_stays():
    detector = Script([face(160, 90)], [])
    _, frames = run(detector, [scene(0)] * 40 + [scene(1)] * 50 + [scene(0)] * 10)
    flags = [frame.face for frame in frames]
    assert flags[:40] == [True] * 40
    assert flags[45:90] == [False] * 45
    assert flags[90:] == [True] * 10
    assert shots(frames) == [0]


def test_face_that_comes_late_starts_a_shot():
    detector = Script([], [face(100, 90)])
    for look_ahead in (0, 1):
        _, frames = run(detector, [scene(0)] * 40 + [scene(1)] * 40, look_ahead=look_ahead)
        assert shots(frames) == [0, 40]
        assert [frame.face for frame in frames] == [False] * 40 + [True] * 40
        assert frames[0].crop == Crop(70, 0, 180, 180)


def test_crop_follows_a_face_that_has_left_it_for_a_second():
    walk = [[face(80 + 2 * step, 90)] for step in range(80)]
    pictures = [scene(0)] * 30 + [scene(step) for step in range(80)] + [scene(79)] * 40
    _, frames = run(Script(*walk), pictures)
    assert 2 <= len(shots(frames)) <= 3
    last = frames[-1].crop
    assert last.x <= 238 - 20 and last.x + last.width >= 238 + 20


def test_face_over_the_border_keeps_its_crop():
    for hidden in (face(20, 20, 80), face(160, 170, 150), face(310, 90, 60)):
        _, frames = run(Script([hidden]), [scene(0)] * 120)
        assert shots(frames) == [0]


def test_crop_follows_a_face_that_shrinks():
    detector = Script([face(160, 90, 80)], [face(160, 90, 30)])
    _, frames = run(detector, [scene(0)] * 40 + [scene(1)] * 60)
    assert len(shots(frames)) == 2
    assert frames[-1].crop.width == round(30 * 1.97)


def test_other_face_is_taken_when_the_followed_one_stays_away():
    detector = Script([face(80, 90)], [face(260, 90)])
    _, frames = run(detector, [scene(0)] * 40 + [scene(1)] * 60)
    assert len(shots(frames)) == 2
    assert not any(frame.face for frame in frames[45:60])
    assert frames[-1].face and frames[-1].crop.x > 200


def test_largest_central_face_is_followed_and_said_once():
    faces = [face(30, 30, 40), face(150, 90, 44), face(290, 150, 46)]
    tracker, frames = run(Script(faces), [scene(0)] * 80)
    assert abs(frames[0].crop.x + frames[0].crop.width / 2 - 150) <= 1
    assert tracker.notes == ["several faces: the largest central one is followed"]


def test_bystander_is_not_worth_a_note():
    tracker, _ = run(Script([face(160, 90, 60), face(300, 20, 18)]), [scene(0)] * 5)
    assert tracker.notes == []


def test_no_face_at_all():
    with pytest.raises(NoFaceError, match=r"no face found in 30 frames .*--crop none"):
        run(Script([]), [scene(0)] * 30)
    _, frames = run(Script([]), [scene(0)] * 30, look_ahead=0)
    assert len(frames) == 30 and not any(frame.face for frame in frames)


def test_no_pictures():
    assert run(Script([]), [])[1] == []


def test_whole_picture_and_explicit_crops():
    pictures = [scene(0, 60)] * 3 + [scene(0, 200)] * 3
    _, frames = run(Script([]), pictures, "none")
    assert {frame.crop for frame in frames} == {Crop(70, 0, 180, 180)}
    assert shots(frames) == [0, 3]
    _, frames = run(Script([]), pictures, (10, 20, 100, 60))
    assert {frame.crop for frame in frames} == {Crop(30, 20, 60, 60)}
    with pytest.raises(MediaError, match="320x180"):
        run(Script([]), pictures, (300, 0, 60, 60))


@pytest.mark.parametrize(
    ("text", "mode"), [("auto", "auto"), ("none", "none"), ("1,2,30,40", (1, 2, 30, 40))]
)
def test_parse_crop(text, mode):
    assert parse_crop(text) == mode


@pytest.mark.parametrize("text", ["", "1,2,3", "a,b,c,d", "1,2,3,4,5", "face"])
def test_parse_crop_refuses(text):
    with pytest.raises(MediaError, match=r"give auto, none or x,y,w,h"):
        parse_crop(text)


def test_crop_stays_in_the_picture():
    for x, y, side in [(0, 0, 40), (320, 180, 40), (160, 90, 300), (10, 170, 85)]:
        crop = crop_around([face(x, y, side)], WIDTH, HEIGHT)
        assert crop.x >= 0 and crop.y >= 0 and crop.width == crop.height
        assert crop.x + crop.width <= WIDTH and crop.y + crop.height <= HEIGHT


def test_shots():
    noise = np.random.default_rng(1).integers(0, 60, (4, HEIGHT, WIDTH, 3), np.uint8)
    detector = ShotDetector()
    assert detector.starts_shot(noise[0])
    assert not any(detector.starts_shot(picture) for picture in noise)
    assert detector.starts_shot(noise[0] + 120)
    assert not detector.starts_shot(noise[1] + 120)


# Where test256 was cut from, found by template matching.
@pytest.mark.parametrize(
    ("name", "crop"),
    [
        ("hyperlips_v4_260", Crop(328, 18, 462, 462)),
        ("mtrack_justin_501", Crop(690, 53, 748, 748)),
        ("lp_d3_43", Crop(0, 0, 512, 512)),
        ("vr5_60", Crop(0, 0, 524, 524)),
        ("wda_aoc_53", Crop(0, 0, 512, 512)),
        ("wda_aoc_58", Crop(34, 49, 518, 518)),
    ],
)
@pytest.mark.parametrize("look_ahead", [0, 1])
def test_framing_is_that_of_the_training_data(name, crop, look_ahead):
    with VideoInput(shared(f"originals/{name}.mp4"), audio=False) as video:
        tracker = CropTracker(256, time_base=video.time_base, look_ahead=look_ahead)
        for frame in video.frames():
            if frames := tracker.push(frame.rgb, frame.pts):
                break
    assert overlap(frames[0].crop, crop) > 0.75
    assert frames[0].face and tracker.notes == []


def test_tight_clip_is_taken_whole():
    with VideoInput(shared("test256/pyfeat_pexels_s0.mp4")) as video:
        tracker = CropTracker(256, time_base=video.time_base, look_ahead=0)
        source = next(video.frames())
        (frame,) = tracker.push(source.rgb, source.pts)
    assert np.array_equal(frame.picture, source.rgb)


def test_real_detector_on_a_portrait():
    with VideoInput(shared("test256/lp_d3_s0.mp4")) as video:
        rgb = next(video.frames()).rgb
    (found,) = FaceDetector().detect(rgb)
    x, y, width, height = found.box
    assert found.score > 0.9 and 100 < height < 220
    assert found.landmarks.shape == (5, 2)
    right_eye, left_eye, nose, *mouth = found.landmarks
    assert x < right_eye[0] < left_eye[0] < x + width
    assert right_eye[1] < nose[1] < mouth[0][1] < y + height


def test_a_known_face_is_found_in_a_smaller_picture():
    with VideoInput(shared("test256/lp_d3_s0.mp4")) as video:
        rgb = next(video.frames()).rgb
    detector = FaceDetector()
    (found,) = detector.detect(rgb)
    assert detector._size == (256, 256)
    (again,) = detector.detect(rgb, found.side)
    assert detector._size == (128, 128)
    assert abs(again.side - found.side) < 0.05 * found.side
    assert np.abs(np.subtract(again.centre, found.centre)).max() < 0.05 * found.side


def test_detector_reports_in_pixels_of_the_picture():
    with VideoInput(shared("originals/mtrack_justin_501.mp4")) as video:
        rgb = next(video.frames()).rgb
    (found,) = FaceDetector().detect(rgb)
    x, y = found.centre
    assert abs(x - 1071) < 20 and abs(y - 425) < 20
    assert FaceDetector().detect(np.zeros((100, 100, 3), np.uint8)) == []

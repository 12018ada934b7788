"""One steady square crop per shot, laid around the face that is followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from thcodec.bitstream.header import Crop
from thcodec.errors import MediaError, NoFaceError
from thcodec.media.face import Face, FaceDetector
from thcodec.media.framing import (
    central_square,
    crop_around,
    cut_out,
    overlap,
    square_within,
)
from thcodec.media.shots import ShotDetector

CropMode = str | tuple[int, int, int, int]  # "auto", "none" or x, y, width, height

_LOOK_EVERY = Fraction(1, 5)  # seconds between detections while the face is in sight
_MISFIT_TIME = Fraction(1)  # seconds that the crop may miss the face before it moves
_LARGEST_HOLD = 192 << 20  # bytes of pictures that may wait for the decision about their crop
_SMALLEST_FACE = 16  # pixels
_OTHER_FACE = 0.4  # of the followed face's side: smaller ones are bystanders
_STRAY = 1.0  # face sides that a followed face may move between two detections
_LEAST_OVERLAP = 0.5  # of the crop with the one that the face asks for now


@dataclass(frozen=True)
class CroppedFrame:
    """One picture for the animator.

    ``picture`` is uint8 (size, size, 3); ``pts`` is the input frame's; ``crop`` is the square of
    the input picture that it shows; ``new_shot`` asks for a new source; ``face`` is False while
    the face is out of sight.
    """

    picture: np.ndarray
    pts: int
    crop: Crop
    new_shot: bool
    face: bool


@dataclass
class _Held:
    """A picture that waits for the decision about its shot's crop."""

    rgb: np.ndarray
    pts: int
    face: bool


def parse_crop(text: str) -> CropMode:
    """Read the value of ``--crop``: ``auto``, ``none`` or ``x,y,w,h`` in pixels.

    Raises:
        MediaError: it is none of these.
    """
    if text in ("auto", "none"):
        return text
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise MediaError(f"--crop {text}: give auto, none or x,y,w,h") from None
    return x, y, width, height


class CropTracker:
    """Crops the pictures of one video, in order.

    With ``auto`` the first second of each shot is looked at before its crop is laid down
    (``look_ahead=0``: only the first picture, for live use). The crop then stays until a cut, or
    until the face has asked for quite another one for a second: it moved away, or changed its size.

    Args:
        size: side of the cropped pictures, pixels.
        mode: ``auto``; ``none`` for the largest central square; or (x, y, width, height), of
            which the largest central square is taken.
        time_base: of the pictures' times, seconds.
        look_ahead: seconds that pictures may be held back, at most 1; fewer when they are large.
        detector: shared face detector; made on first need.

    Attributes:
        frames_seen: pictures pushed so far.
        faces_seen: detections that found the followed face.
        notes: things to tell the user, one line each, each said once.
    """

    def __init__(
        self,
        size: int,
        mode: CropMode = "auto",
        *,
        time_base: Fraction,
        look_ahead: float | Fraction = 1,
        detector: FaceDetector | None = None,
    ) -> None:
        self.size = size
        self.frames_seen = 0
        self.faces_seen = 0
        self.notes: list[str] = []
        self._mode = mode
        self._detector = detector
        self._shots = ShotDetector()
        self._hold_ticks = min(Fraction(look_ahead), Fraction(1)) / time_base
        self._look_ticks = _LOOK_EVERY / time_base
        self._misfit_ticks = _MISFIT_TIME / time_base
        self._crop: Crop | None = None
        self._held: list[_Held] = []
        self._begin_shot()

    def push(self, rgb: np.ndarray, pts: int) -> list[CroppedFrame]:
        """Take the next picture, uint8 (H, W, 3), and return those whose crop is settled.

        Raises:
            MediaError: the explicit crop does not fit the picture.
        """
        self.frames_seen += 1
        cut = self._shots.starts_shot(rgb)
        if self._mode != "auto":
            return [self._crop_fixed(rgb, pts, cut)]
        settled: list[CroppedFrame] = []
        if cut:
            settled = list(self._settle())
            self._begin_shot()
        self._look(rgb, pts)
        if self._crop is not None:
            if not self._crop_fails(pts):
                return [*settled, self._cropped(rgb, pts, self._crop, False, self._in_sight)]
            self._begin_shot()
            self._look(rgb, pts)
        self._held.append(_Held(rgb, pts, self._in_sight))
        waited = pts - self._held[0].pts
        if waited >= self._hold_ticks or len(self._held) * rgb.nbytes >= _LARGEST_HOLD:
            settled += self._settle()
        return settled

    def flush(self) -> list[CroppedFrame]:
        """End the video and return the pictures still held.

        Raises:
            NoFaceError: mode ``auto`` with look-ahead, and no picture showed a face.
        """
        if self._mode == "auto" and self._hold_ticks and self.frames_seen and not self.faces_seen:
            raise NoFaceError(
                f"no face found in {self.frames_seen} frames"
                " (--crop none encodes the picture as it is)"
            )
        return list(self._settle())

    def _crop_fixed(self, rgb: np.ndarray, pts: int, cut: bool) -> CroppedFrame:
        if self._crop is None:
            height, width = rgb.shape[:2]
            if isinstance(self._mode, tuple):
                self._crop = square_within(self._mode, width, height)
            else:
                self._crop = central_square(width, height)
        return self._cropped(rgb, pts, self._crop, cut, True)

    def _begin_shot(self) -> None:
        """Forget the crop and the face."""
        self._crop = None
        self._followed: Face | None = None
        self._sightings: list[Face] = []
        self._in_sight = False
        self._next_look: int | Fraction = 0
        self._misfit_since: int | None = None

    def _crop_fails(self, pts: int) -> bool:
        """Whether a face is there that the crop was laid down without, or has missed for long."""
        if not self._sightings:
            return self._in_sight
        return self._misfit_since is not None and pts - self._misfit_since >= self._misfit_ticks

    def _settle(self) -> Iterator[CroppedFrame]:
        """Lay down the crop of the pictures held and give them out."""
        if not self._held:
            return
        held, self._held = self._held, []
        height, width = held[0].rgb.shape[:2]
        if self._sightings:
            self._crop = crop_around(self._sightings, width, height)
        else:
            self._crop = central_square(width, height)
        for number, item in enumerate(held):
            yield self._cropped(item.rgb, item.pts, self._crop, number == 0, item.face)

    def _cropped(
        self, rgb: np.ndarray, pts: int, crop: Crop, new_shot: bool, face: bool
    ) -> CroppedFrame:
        return CroppedFrame(cut_out(rgb, crop, self.size), pts, crop, new_shot, face)

    def _look(self, rgb: np.ndarray, pts: int) -> None:
        """Search the picture every fifth of a second, and always while the face is lost."""
        if self._in_sight and pts < self._next_look:
            return
        self._next_look = pts + self._look_ticks
        faces, face = self._search(rgb)
        height, width = rgb.shape[:2]
        self._in_sight = face is not None
        if self._crop is not None:
            wanted = crop_around([face], width, height) if face else None
            self._judge_crop(self._crop, wanted, bool(faces), pts)
        if face is None:
            return
        self.faces_seen += 1
        self._followed = face
        if self._crop is None:
            self._sightings.append(face)
        if sum(other.side > _OTHER_FACE * face.side for other in faces) > 1:
            self._note("several faces: the largest central one is followed")

    def _search(self, rgb: np.ndarray) -> tuple[list[Face], Face | None]:
        """The faces that are large enough, and which of them is followed."""
        if self._detector is None:
            self._detector = FaceDetector()
        height, width = rgb.shape[:2]
        faces, face = list[Face](), None
        # Where the crop lies already, a small picture can tell that the face is still there.
        there = self._followed if self._crop is not None and self._in_sight else None
        for known in (0.0,) if there is None else (there.side, 0.0):
            found = self._detector.detect(rgb, known)
            faces = [each for each in found if each.side >= _SMALLEST_FACE]
            face = self._choose(faces, width, height)
            if face is not None:
                break
        return faces, face

    def _judge_crop(self, crop: Crop, wanted: Crop | None, any_face: bool, pts: int) -> None:
        """Note since when the crop misses the face; an empty scene is no reason to move it."""
        fits = overlap(crop, wanted) >= _LEAST_OVERLAP if wanted else not any_face
        if fits:
            self._misfit_since = None
        elif self._misfit_since is None:
            self._misfit_since = pts

    def _choose(self, faces: list[Face], width: int, height: int) -> Face | None:
        """Return the face that is followed, or at the start of a shot the largest central one."""
        if self._followed is None:
            return max(faces, key=lambda face: _prominence(face, width, height), default=None)
        known = self._followed
        near = min(faces, key=lambda face: _distance(face, known), default=None)
        if near is None or _distance(near, known) > _STRAY * known.side:
            return None
        return near

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _prominence(face: Face, width: int, height: int) -> float:
    """How much a face is the picture's subject: its side, halved at the picture's corners."""
    x, y = face.centre
    off_centre = np.hypot(x / width - 0.5, y / height - 0.5) / np.hypot(0.5, 0.5)
    return face.side * (1 - 0.5 * float(off_centre))


def _distance(one: Face, other: Face) -> float:
    return float(np.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1]))

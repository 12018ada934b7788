"""Motion: what moves a source picture, its quantisation and its packets. numpy only."""

from thcodec.bitstream.header import KeypointModel
from thcodec.motion.codec import MotionDecoder, MotionEncoder, SourceBank
from thcodec.motion.frame import MotionFrame, PredictionMode
from thcodec.motion.keypoints import Motion, rotation_matrix, transform
from thcodec.motion.quantiser import Quantiser

__all__ = [
    "KeypointModel",
    "Motion",
    "MotionDecoder",
    "MotionEncoder",
    "MotionFrame",
    "PredictionMode",
    "Quantiser",
    "SourceBank",
    "rotation_matrix",
    "transform",
]

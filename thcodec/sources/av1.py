"""Stills as the pictures of one AV1 stream, each predicted from those before it. Spec section 6.1.

A speaker's stills are much alike: after the first one they cost a third of what each would alone.
"""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Literal, cast

import av
import cv2
import numpy as np
from av.codec.context import Flags

from thcodec.bitstream.chain import LONGEST, Chain, mark
from thcodec.entropy.varint import read_varint
from thcodec.errors import LimitError, MalformedError, MediaError, ThvError
from thcodec.media.scheduling import scheduling_kept

# Else SVT-AV1 writes about itself to stderr.
os.environ.setdefault("SVT_LOG", "0")

SMALLEST = 8  # pixels a side: the encoder takes no less
_DELIMITER = b"\x12\x00"  # temporal delimiter, which says nothing here
_SEQUENCE_HEADER, _FRAME = 0x0A, 0x32  # first bytes of OBUs that tell their size
_PRESET, _QUICK_PRESET = "3", "10"  # the latter: a fifteenth of the time, 14 % more bytes
# One picture in, one out, of much the same quality.
_PARAMETERS = ":".join(
    (
        "pred-struct=1",  # low delay
        "hierarchical-levels=2",
        "lp=1",
        "keyint=-1",
        "scd=0",
        "enable-tf=0",
        "enable-dlf=2",
        # What smooths takes texture away, which the eye, the upscaler and ST-LPIPS all miss.
        "enable-cdef=0",
        "enable-restoration=0",
        "ac-bias=8",
        "sharpness=4",
        "use-fixed-qindex-offsets=2",
        "key-frame-qindex-offset=40",
    )
)
# CRF with about the ST-LPIPS that WebP has at a quality, on stills of validation clips.
_QUALITIES, _CRFS = (1, 80, 100), (54, 27, 1)


class Av1Encoder:
    """Codes stills, one after the other.

    Args:
        quality: 1..100; the stills are about as good as WebP's at it.
        quick: whether a frame waits for each.
    """

    def __init__(self, quality: int, *, quick: bool = False) -> None:
        self._preset = _QUICK_PRESET if quick else _PRESET
        self._crf = round(float(np.interp(quality, _QUALITIES, _CRFS)))
        self._context: av.VideoCodecContext | None = None
        self._size = 0, 0
        self._number, self._place = -1, 0  # of the chain, and of the next still in it

    def encode(self, rgb: np.ndarray, *, alone: bool = False) -> bytes:
        """Code the next still, uint8 (height, width, 3); ``alone``: a new chain begins.

        Raises LimitError for a side below ``SMALLEST``, MediaError where FFmpeg cannot code AV1.
        """
        size = rgb.shape[1], rgb.shape[0]
        if self._context is None or alone or self._place == LONGEST or size != self._size:
            self._context = None  # first: two at a time would take twice the memory
            self._context, self._size = _encoding(*size, self._crf, self._preset), size
            self._number, self._place = self._number + 1, 0
        frame = _frame(rgb)
        frame.pts = self._place
        try:
            (packet,) = self._context.encode(frame)
        except (av.FFmpegError, ValueError) as error:  # also where none or several came out
            raise MediaError(f"a still cannot be coded with AV1: {error}") from None
        unit = bytes(packet).removeprefix(_DELIMITER)
        _check_unit(unit, begins=self._place == 0)
        first = mark(self._number, self._place)
        self._place += 1
        return bytes((first,)) + unit


class Av1Decoder:
    """Decodes the stills of a stream in their order. dav1d gives the same pixels everywhere."""

    def __init__(self) -> None:
        self._context: av.VideoCodecContext | None = None
        self._chain = Chain()

    def decode(self, data: bytes, width: int, height: int) -> np.ndarray:
        """The next still, uint8 (height, width, 3).

        Raises:
            SequenceError: it builds on one that is not here.
            LimitError: more pixels than its bytes pay for.
            MalformedError: the data are no picture of this size, or more than one. After it a
                chain must begin.
            MediaError: FFmpeg cannot decode AV1.
        """
        begins = self._chain.take(data, width, height)
        try:
            _check_unit(data[1:], begins)
            if begins:
                self._context = _decoding(width * height)
            return _picture(self._decoded(data[1:], width, height))
        except MalformedError:
            self._chain.lost()
            raise

    def _decoded(self, unit: bytes, width: int, height: int) -> av.VideoFrame:
        if self._context is None:
            raise MalformedError("a still builds on none")
        try:
            frames = self._context.decode(av.Packet(unit))
        except av.FFmpegError as error:
            raise MalformedError(f"a still cannot be decoded ({error.strerror})") from None
        if len(frames) != 1 or frames[0].format.name != "yuv420p":
            raise MalformedError("a still is no 4:2:0 picture of 8 bits")
        if (frames[0].width, frames[0].height) != (width, height):
            raise MalformedError(f"a still is not {width}x{height} as announced")
        return frames[0]


def _encoding(width: int, height: int, crf: int, preset: str) -> av.VideoCodecContext:
    if min(width, height) < SMALLEST:
        raise LimitError(f"an AV1 still of {width}x{height} pixels: {SMALLEST} are the least")
    context = _context("libsvtav1", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = Fraction(1, 25)
    context.options = {"preset": preset, "crf": str(crf), "svtav1-params": _PARAMETERS}
    try:
        with scheduling_kept():
            context.open()
    except av.FFmpegError as error:
        raise MediaError(f"a still cannot be coded with AV1: {error}") from None
    return context


def _decoding(most_pixels: int) -> av.VideoCodecContext:
    context = _context("libdav1d", "r")
    context.thread_count = 1
    context.flags |= Flags.low_delay
    context.options = {"max_pixels": str(most_pixels)}
    return context


def _context(codec: str, mode: Literal["r", "w"]) -> av.VideoCodecContext:
    try:
        return cast(av.VideoCodecContext, av.CodecContext.create(codec, mode))
    except av.codec.codec.UnknownCodecError:
        raise MediaError(f"AV1 stills need an FFmpeg with {codec}, as PyAV's wheels have") from None


def _check_unit(unit: bytes, begins: bool) -> None:
    """Refuse what is not one frame, behind a sequence header where it begins a chain: each frame
    is work for a whole picture, though it may be a few bytes long.
    """
    at = 0
    for kind in (_SEQUENCE_HEADER, _FRAME) if begins else (_FRAME,):
        if unit[at : at + 1] != bytes((kind,)):
            raise MalformedError("a still is not one AV1 frame")
        try:
            length, at = read_varint(unit, at + 1)
        except ThvError as error:
            raise MalformedError(f"a still is no AV1 frame: {error.message}") from None
        at += length
    if at != len(unit):
        raise MalformedError("a still is not one AV1 frame")


def _frame(rgb: np.ndarray) -> av.VideoFrame:
    """JFIF's YCbCr, a sample of chroma in the middle of four pixels; an odd side's last pixel is
    there twice. swscale would not interpolate chroma on the way back.
    """
    height, width = rgb.shape[:2]
    even = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    luma, red, blue = cv2.split(cv2.cvtColor(even, cv2.COLOR_RGB2YCrCb))
    frame = av.VideoFrame(width, height, "yuv420p")
    half = ((width + 1) // 2, (height + 1) // 2)
    small = (cv2.resize(each, half, interpolation=cv2.INTER_AREA) for each in (blue, red))
    for plane, samples in zip(frame.planes, (luma[:height, :width], *small), strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = samples
        plane.update(rows.tobytes())
    return frame


def _picture(frame: av.VideoFrame) -> np.ndarray:
    """The inverse of ``_frame``: uint8 (height, width, 3)."""
    luma, *chroma = (
        np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)[
            : plane.height, : plane.width
        ]
        for plane in frame.planes
    )
    blue, red = (cv2.resize(each, None, fx=2, fy=2) for each in chroma)
    height, width = luma.shape
    maps = [luma, red[:height, :width], blue[:height, :width]]
    return cv2.cvtColor(cv2.merge(maps), cv2.COLOR_YCrCb2RGB)

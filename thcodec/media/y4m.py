"""Raw pictures out: YUV4MPEG2 with full chroma, for measuring and for pipes."""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np

from thcodec.errors import MediaError
from thcodec.media.files import PendingFile, StrPath


class Y4mOutput:
    """A .y4m file, or ``-`` for standard output: 8-bit YCbCr 4:4:4, BT.709, limited range.

    The format knows only one frame rate: times of single frames are lost.

    Args:
        path: where to, or ``-``.
        size: (width, height) or the side of a square, pixels.
        frame_rate: frames per second, for the header.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputExistsError: the file exists already.
        MediaError: the disk or the pipe refuses.
    """

    def __init__(
        self,
        path: StrPath,
        size: int | tuple[int, int],
        frame_rate: Fraction,
        *,
        overwrite: bool = False,
    ) -> None:
        self.size = (size, size) if isinstance(size, int) else size
        self._name = "standard output" if str(path) == "-" else str(path)
        self._pending: PendingFile | None = None
        self._file: BinaryIO | None = None
        if str(path) == "-":
            self._file = sys.stdout.buffer
        else:
            self._pending = PendingFile(path, overwrite=overwrite)
            try:
                self._file = self._pending.path.open("wb")
            except OSError as error:
                raise self._failure(error) from None
        rate = Fraction(frame_rate)
        width, height = self.size
        head = f"YUV4MPEG2 W{width} H{height} F{rate.numerator}:{rate.denominator} Ip A1:1 C444"
        self._write(head.encode() + b" XCOLORRANGE=LIMITED\n")

    def add_frame(self, rgb: np.ndarray, pts: int | None = None) -> None:
        """Append one picture, uint8 (H, W, 3); ``pts`` is taken for likeness with VideoOutput only.

        Raises:
            MediaError: wrong shape, or the disk or the pipe refuses.
        """
        width, height = self.size
        if rgb.shape != (height, width, 3) or rgb.dtype != np.uint8:
            raise MediaError(f"{self._name}: a frame is {rgb.shape} {rgb.dtype}")
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
            format="yuv444p",
            src_color_range="JPEG",
            dst_colorspace="ITU709",
            dst_color_range="MPEG",
        )
        self._write(b"FRAME\n" + frame.to_ndarray().tobytes())

    def close(self) -> None:
        """Finish the file and give it its name; standard output stays open."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            if self._pending is None:
                file.flush()
            else:
                file.close()
        except OSError as error:
            if self._pending is not None:
                self._pending.discard()
            raise self._failure(error) from None
        if self._pending is not None:
            self._pending.commit()

    def abort(self) -> None:
        """Stop and remove what was written."""
        file, self._file = self._file, None
        if self._pending is not None:
            if file is not None:
                file.close()
            self._pending.discard()

    def __enter__(self) -> Y4mOutput:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _write(self, data: bytes) -> None:
        if self._file is None:
            raise MediaError(f"{self._name}: closed already")
        try:
            self._file.write(data)
        except OSError as error:
            self.abort()
            raise self._failure(error) from None

    def _failure(self, error: OSError) -> MediaError:
        return MediaError(f"{self._name}: cannot be written ({error.strerror or error})")

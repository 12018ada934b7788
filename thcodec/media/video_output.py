"""Writing a video: H.264 (VP9 in WebM) with exact times, and Opus packets copied unchanged."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from thcodec.bitstream.header import AudioParameters
from thcodec.errors import MediaError, TimingError
from thcodec.media.audio import OPUS_TIME_BASE
from thcodec.media.files import PendingFile, StrPath
from thcodec.media.opus_stream import open_template

# Suffix -> (FFmpeg's container, video encoder).
_CONTAINERS = {
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
}
_ENCODER_OPTIONS = {
    # Without B-frames decoding order is presentation order: durations stay exact in every
    # container. "veryfast" takes half the time of "medium" and no more bytes, for 0.8 dB of 42.
    "libx264": {"preset": "veryfast", "bf": "0"},
    "libvpx-vp9": {"b:v": "0", "deadline": "good", "cpu-used": "5", "lag-in-frames": "0"},
}
_DEFAULT_RATE = Fraction(25)
_LARGEST_TERM = (1 << 31) - 1
_BT709 = 1  # matrix, primaries and transfer alike
_LIMITED_RANGE = 1


class VideoOutput:
    """A video file that is being written; it gets its name when ``close`` succeeds.

    Leaving a ``with`` block by an exception removes what was written. Matroska and WebM store
    times in milliseconds, MP4 stores them exactly.

    Args:
        path: ends with .mp4, .m4v, .mkv or .webm.
        size: (width, height) or the side of a square, pixels; even numbers.
        time_base: duration of a tick of the frames' times, seconds.
        crf: quality of the video encoder, 0 (lossless) to 51 (63 for VP9).
        audio: set-up of the Opus packets, None without sound.
        frame_rate: nominal frames per second, a hint for players and for the last frame's duration.
        overwrite: whether an existing file may be replaced.
        threads: of the video encoder; None: as many as it likes.

    Raises:
        OutputExistsError: the file exists already.
        MediaError: the suffix is unknown, or the encoder or the disk refuses.
    """

    def __init__(
        self,
        path: StrPath,
        size: int | tuple[int, int],
        time_base: Fraction,
        *,
        crf: int = 18,
        audio: AudioParameters | None = None,
        frame_rate: Fraction | None = None,
        overwrite: bool = False,
        threads: int | None = None,
    ) -> None:
        suffix = Path(path).suffix.lower()
        if suffix not in _CONTAINERS:
            known = ", ".join(_CONTAINERS)
            raise MediaError(f"{path}: the name must end with one of {known}")
        self.size = (size, size) if isinstance(size, int) else size
        if any(side % 2 or side <= 0 for side in self.size):
            raise MediaError(f"{path}: {self.size[0]}x{self.size[1]} is not an even picture size")
        self.time_base = Fraction(time_base)
        self._pending = PendingFile(path, overwrite=overwrite)
        self._container: Any = None
        self._template: Any = None
        self._waiting: tuple[np.ndarray, int, int] | None = None
        rate = _rate_hint(frame_rate)
        self._last_duration = max(1, round(1 / rate / self.time_base))
        self._durations: dict[int, int] = {}
        self._last_audio_pts: int | None = None
        container, encoder = _CONTAINERS[suffix]
        try:
            self._container = av.open(str(self._pending.path), "w", format=container)
            self._video = self._add_video(encoder, crf, rate, threads)
            self._sound = self._add_sound(audio) if audio is not None else None
            self._container.start_encoding()  # opens the file: a refusal shows before any work
        except (av.error.FFmpegError, OSError) as error:
            self.abort()
            raise self._failure(error) from None
        except MediaError:
            self.abort()
            raise

    def _add_video(self, encoder: str, crf: int, rate: Fraction, threads: int | None) -> Any:
        options = {**_ENCODER_OPTIONS[encoder], "crf": str(crf)}
        stream = self._container.add_stream(encoder, rate=rate, options=options)
        context = stream.codec_context
        context.width, context.height = self.size
        context.pix_fmt = "yuv420p"
        if threads is not None:
            context.thread_count = threads
        context.time_base = self.time_base
        context.color_range = _LIMITED_RANGE
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        stream.time_base = self.time_base
        return stream

    def _add_sound(self, audio: AudioParameters) -> Any:
        self._template = open_template(audio)
        stream = self._container.add_stream_from_template(self._template.streams.audio[0])
        stream.time_base = OPUS_TIME_BASE
        return stream

    def add_frame(self, rgb: np.ndarray, pts: int, duration: int = 0) -> None:
        """Append one picture, uint8 (H, W, 3), shown from ``pts`` (ticks, increasing) on.

        ``duration`` matters for the last picture only; 0 repeats the one before.

        Raises:
            TimingError: ``pts`` does not increase.
            MediaError: wrong shape, or the encoder or the disk refuses.
        """
        width, height = self.size
        if rgb.shape != (height, width, 3) or rgb.dtype != np.uint8:
            raise MediaError(f"{self._pending.target}: a frame is {rgb.shape} {rgb.dtype}")
        if self._waiting is not None and pts <= self._waiting[1]:
            raise TimingError(f"frame time {pts} does not follow {self._waiting[1]}")
        self._send_waiting(pts)
        self._waiting = (rgb, pts, duration)

    def add_audio(self, pts: int, duration: int, data: bytes) -> None:
        """Append one Opus packet; ``pts`` (signed: priming precedes 0), ``duration`` in 1/48000 s.

        A packet whose time does not increase is left out: players would refuse the file.
        """
        if self._sound is None:
            raise MediaError(f"{self._pending.target}: opened without sound")
        if self._last_audio_pts is not None and pts <= self._last_audio_pts:
            return
        self._last_audio_pts = pts
        packet = av.Packet(data)
        packet.stream = self._sound
        packet.time_base = OPUS_TIME_BASE
        packet.pts = packet.dts = pts
        packet.duration = duration
        packet.is_keyframe = True
        self._mux([packet])

    def close(self) -> None:
        """Finish the file and give it its name."""
        if self._container is None:
            return
        self._send_waiting(None)
        try:
            self._mux(self._video.codec_context.encode(None))
            self._container.close()
        except (av.error.FFmpegError, OSError) as error:
            self.abort()
            raise self._failure(error) from None
        self._container = None
        self._close_template()
        self._pending.commit()

    def abort(self) -> None:
        """Stop and remove what was written."""
        container, self._container = self._container, None
        if container is not None:
            # The file is going away: an unwritten trailer does not matter.
            with contextlib.suppress(av.error.FFmpegError, OSError):
                container.close()
        self._close_template()
        self._pending.discard()

    def __enter__(self) -> VideoOutput:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _send_waiting(self, next_pts: int | None) -> None:
        """Encode the picture that waited to learn how long it is shown."""
        if self._waiting is None:
            return
        rgb, pts, duration = self._waiting
        self._waiting = None
        if next_pts is not None:
            self._last_duration = next_pts - pts
        else:
            self._last_duration = duration or self._last_duration
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame = frame.reformat(
            format="yuv420p",
            src_color_range="JPEG",
            dst_colorspace="ITU709",
            dst_color_range="MPEG",
            interpolation="AREA",
        )
        frame.pts = pts
        frame.time_base = self.time_base
        self._durations[pts] = self._last_duration
        try:
            self._mux(self._video.codec_context.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            self.abort()
            raise self._failure(error) from None

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            if packet.stream is not self._sound or self._sound is None:
                packet.stream = self._video
                packet.duration = self._durations.pop(packet.pts, self._last_duration)
            try:
                self._container.mux_one(packet)
            except (av.error.FFmpegError, OSError) as error:
                self.abort()
                raise self._failure(error) from None

    def _close_template(self) -> None:
        if self._template is not None:
            self._template.close()
            self._template = None

    def _failure(self, error: Exception) -> MediaError:
        reason = getattr(error, "strerror", None) or str(error)
        return MediaError(f"{self._pending.target}: cannot be written ({reason})")


def _rate_hint(rate: Fraction | None) -> Fraction:
    """The frame rate, or the usual one where FFmpeg's 32-bit terms cannot hold it."""
    if rate is None or max(rate.numerator, rate.denominator) > _LARGEST_TERM:
        return _DEFAULT_RATE
    return rate

"""Reading a video: pictures with exact times, and its sound as Opus, in one pass."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter

from thcodec.bitstream.header import AudioParameters
from thcodec.errors import MediaError
from thcodec.media.audio import DEFAULT_BITRATE, AudioPacket, OpusEncoder
from thcodec.media.files import StrPath
from thcodec.media.orientation import Orientation, orientation_of

# Only these containers state a duration that was not guessed from the file's size.
_TRUE_DURATIONS = ("mov", "matroska", "avi", "flv")
_SHORTFALL = Fraction(1, 2)  # seconds that may be missing at the end before a file counts as cut
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_HD_HEIGHT = 720  # untagged pictures of at least this height are taken as BT.709, as players do
_MOST_PIXELS = 1 << 26  # of one frame


@dataclass(frozen=True)
class InputFrame:
    """One picture: ``rgb`` uint8 (H, W, 3), upright, with square pixels.

    ``pts`` (>= 0, strictly increasing) and ``duration`` (0 when unknown) are ticks of the input's
    ``time_base``.
    """

    rgb: np.ndarray
    pts: int
    duration: int


class VideoInput:
    """A video file, or ``-`` for standard input, open for one pass from start to end.

    Time 0 is where the file's pictures or sound start, whichever is earlier, so that their offset
    is kept. Memory does not depend on the length.

    Args:
        source: path, or ``-``.
        audio: whether to read sound.
        audio_bitrate: of the Opus packets, bit/s.
        threads: of the video decoder; None: as many as it likes.

    Attributes:
        width, height: of the pictures as shown, pixels.
        time_base: duration of a tick, seconds.
        frame_rate: nominal frames per second, None when the file states none.
        duration: ticks, None when the file states none.
        metadata: the file's tags.
        audio_parameters: of the Opus packets, None without sound.

    Raises:
        MediaError: cannot be opened, is not a video, or holds no readable frame.
    """

    def __init__(
        self,
        source: StrPath,
        *,
        audio: bool = True,
        audio_bitrate: int = DEFAULT_BITRATE,
        threads: int | None = None,
    ) -> None:
        self.name = "standard input" if str(source) == "-" else str(source)
        self._container: Any = self._open(source)
        try:
            self._prepare(audio, audio_bitrate, threads)
        except BaseException:
            self.close()
            raise

    def _open(self, source: StrPath) -> Any:
        target = sys.stdin.buffer if str(source) == "-" else str(source)
        try:
            return av.open(target, "r", metadata_errors="replace")
        except (av.error.InvalidDataError, av.error.EOFError):
            message = f"{self.name}: not a video, or damaged beyond reading"
        except (av.error.FFmpegError, OSError) as error:
            message = f"{self.name}: {error.strerror or error}"
        raise MediaError(message) from None

    def _prepare(self, audio: bool, audio_bitrate: int, threads: int | None) -> None:
        """Choose the streams, read the first frame and lay down the clock."""
        self._video = self._choose_video()
        self._video.thread_type = "AUTO"
        if threads is not None:
            self._video.codec_context.thread_count = threads
        self._sound = self._container.streams.best("audio") if audio else None
        self._opus: OpusEncoder | None = None
        if self._sound is not None and self._sound.codec_context is not None:
            self._opus = OpusEncoder(self._sound.codec_context.channels, audio_bitrate)
        self.time_base = Fraction(self._video.time_base)
        self.frame_rate: Fraction | None = self._video.average_rate or self._video.guessed_rate
        self.metadata: dict[str, str] = dict(self._container.metadata)
        self._origin = self._find_origin()
        self._packets: list[AudioPacket] = []
        self._faults: list[str] = []
        self._unreadable = self._corrupt = self._frames = 0
        self._last_pts = -1
        self._ends: dict[int, Fraction] = {}  # by stream, seconds of the file
        self._reformatter = VideoReformatter()
        self._orientation: Orientation | None = None
        self._decoded = self._decode()
        self._first = next(self._decoded, None)
        if self._first is None:
            raise MediaError(f"{self.name}: the video stream holds no readable frame")
        self.height, self.width = self._first.rgb.shape[:2]

    def _choose_video(self) -> Any:
        covers = av.stream.Disposition.attached_pic
        streams = [s for s in self._container.streams.video if not s.disposition & covers]
        if not streams:
            raise MediaError(f"{self.name}: there is no video stream in it")
        best = self._container.streams.best("video")
        stream = best if best in streams else streams[0]
        if stream.codec_context is None:
            raise MediaError(f"{self.name}: its video codec is not known here")
        return stream

    def _find_origin(self) -> Fraction:
        """Return the moment of the file, in seconds, that becomes time 0."""
        starts = [
            s.start_time * Fraction(s.time_base)
            for s in (self._video, self._sound if self._opus else None)
            if s is not None and s.start_time is not None
        ]
        if not starts:
            return Fraction(0)
        if self._video.start_time is not None and starts[0] < 0:
            return starts[0]
        # Sound often begins a few milliseconds early because of its encoder's priming: that is cut.
        return max(min(starts), Fraction(0))

    @property
    def has_audio(self) -> bool:
        """Whether Opus packets will come."""
        return self._opus is not None

    @property
    def audio_parameters(self) -> AudioParameters | None:
        """What the stream header says about the Opus packets."""
        return self._opus.parameters if self._opus is not None else None

    @property
    def duration(self) -> int | None:
        """Length in ticks as the file states it."""
        if self._video.duration is not None:
            return int(self._video.duration)
        if self._container.duration is not None:
            return round(Fraction(self._container.duration, av.time_base) / self.time_base)
        return None

    @property
    def damaged(self) -> str | None:
        """What could not be read, in words, or None; final after ``frames()`` ended."""
        faults = list(self._faults)
        if self._unreadable:
            faults.append(f"{self._unreadable} packets could not be decoded")
        if self._corrupt:
            faults.append(f"{self._corrupt} frames are damaged")
        return f"{self.name}: {'; '.join(faults)}" if faults else None

    def frames(self) -> Iterator[InputFrame]:
        """Yield every picture once, in order; what cannot be read is left out, see ``damaged``."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._decoded

    def take_audio(self) -> list[AudioPacket]:
        """Return the Opus packets that became ready since the last call.

        To be called after each frame, and once more after ``frames()`` ended.
        """
        packets, self._packets = self._packets, []
        return packets

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> VideoInput:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decode(self) -> Iterator[InputFrame]:
        for packet in self._demux():
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                self._unreadable += 1
                continue
            for frame in decoded:
                if isinstance(frame, av.VideoFrame):
                    yield self._input_frame(frame)
                elif self._opus is not None:
                    self._note_end(self._sound, frame.pts, 0)
                    self._packets += self._opus.encode(frame, self._origin)
        if self._opus is not None:
            self._packets += self._opus.flush()
        self._check_end()

    def _demux(self) -> Iterator[Any]:
        """Yield the packets of both streams, then the empty ones that flush the decoders."""
        streams = [self._video] + ([self._sound] if self._opus is not None else [])
        try:
            yield from self._container.demux(streams)
        except (av.error.FFmpegError, OSError) as error:
            self._faults.append(f"reading stopped early ({error.strerror or error})")
            for stream in streams:
                flush = av.Packet()
                flush.stream = stream
                yield flush

    def _input_frame(self, frame: Any) -> InputFrame:
        self._frames += 1
        self._corrupt += bool(frame.is_corrupt)
        duration = int(frame.duration or 0)
        if frame.pts is None:
            pts = self._last_pts + max(self._nominal_duration(), 1)
        else:
            pts = frame.pts - round(self._origin / self.time_base)
        pts = max(pts, self._last_pts + 1)
        self._last_pts = pts
        self._note_end(self._video, frame.pts, duration)
        return InputFrame(self._picture(frame), pts, duration)

    def _nominal_duration(self) -> int:
        return round(1 / self.frame_rate / self.time_base) if self.frame_rate else 1

    def _picture(self, frame: Any) -> np.ndarray:
        """Convert to upright RGB with square pixels, always of the first frame's size."""
        if self._orientation is None:
            self._orientation = orientation_of(frame)
            self._stored_size = _square_pixel_size(frame, self._video)
            if self._stored_size[0] * self._stored_size[1] > _MOST_PIXELS:
                size = f"{frame.width}x{frame.height}"
                raise MediaError(f"{self.name}: frames of {size} are too large")
        colours = None
        if frame.colorspace == _UNSPECIFIED:
            colours = Colorspace.ITU709 if frame.height >= _HD_HEIGHT else Colorspace.ITU601
        width, height = self._stored_size
        shown = self._reformatter.reformat(frame, width, height, "rgb24", src_colorspace=colours)
        return self._orientation.apply(shown.to_ndarray())

    def _note_end(self, stream: Any, pts: int | None, ticks: int) -> None:
        if pts is not None:
            end = (pts + ticks) * Fraction(stream.time_base)
            self._ends[stream.index] = max(end, self._ends.get(stream.index, end))

    def _check_end(self) -> None:
        """Note when the file stops well before the end that it announces."""
        if not self._ends or not self._container.format.name.startswith(_TRUE_DURATIONS):
            return
        video, everything = self._video, self._container
        if video.duration is not None:
            stated = (video.duration + (video.start_time or 0)) * self.time_base
            read = self._ends.get(video.index, Fraction(0))
        elif everything.duration is not None and (self._opus or not everything.streams.audio):
            stated = Fraction(everything.duration, av.time_base) + self._origin
            read = max(self._ends.values())
        else:
            return
        if read + _SHORTFALL < stated:
            lengths = f"{float(read - self._origin):.2f} of {float(stated - self._origin):.2f}"
            self._faults.append(f"it ends after {lengths} seconds")


def _square_pixel_size(frame: Any, stream: Any) -> tuple[int, int]:
    """Return (width, height) at which the stored picture has square pixels."""
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    if not aspect or not Fraction(1, 8) <= aspect <= 8:
        return frame.width, frame.height
    return max(1, round(frame.width * aspect)), frame.height

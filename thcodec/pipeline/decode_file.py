"""A .thv file in, a video file out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from typing import BinaryIO, Protocol, TypeVar

from thcodec.bitstream import AudioRecord, EndRecord, Packet, Reader, RecordType, StreamHeader
from thcodec.errors import (
    ChecksumError,
    LimitError,
    MalformedError,
    SequenceError,
    TimingError,
    TruncatedError,
)
from thcodec.media.opencv_threads import opencv_threads
from thcodec.media.video_output import VideoOutput
from thcodec.media.y4m import Y4mOutput
from thcodec.models.animator import Animator
from thcodec.pipeline.behind import Behind
from thcodec.pipeline.config import DecoderConfig
from thcodec.pipeline.decoder import Decoder, Frame
from thcodec.pipeline.summary import Meter, ProgressCallback, Summary

Path = str | os.PathLike[str]
_DAMAGE = (
    ChecksumError,
    LimitError,
    MalformedError,
    SequenceError,
    TimingError,
    TruncatedError,
)
_DEFAULT_RATE = Fraction(25)
_T = TypeVar("_T")
_R = TypeVar("_R", covariant=True)


def decode(
    source: Path | BinaryIO,
    target: Path | None = None,
    config: DecoderConfig | None = None,
    *,
    raw: Path | None = None,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
    animator: Animator | None = None,
) -> Summary:
    """Decode a stream; pictures are written while the next ones are made. Memory does not grow with
    its length.

    A damaged stream is decoded as far as it is whole; ``Summary.damage`` tells what was wrong.

    Args:
        source: a .thv file, "-" for standard input, or a binary file object.
        target: a video file with sound (.mp4, .mkv, .webm), or None.
        config: see DecoderConfig.
        raw: a .y4m file, or "-" for standard output; pictures only.
        overwrite: whether existing files may be replaced.
        progress: called after every packet.
        animator: a network that is loaded already; None loads what the stream names.

    Raises:
        OutputExistsError: an output exists and ``overwrite`` is not set.
        SignatureError, UnsupportedVersionError, MalformedError, TruncatedError: there is no
            stream in the file that this version can read, or not one frame of it.
        UnknownRecordError: the stream needs something this version does not know.
        UnknownModelError, WeightsError: a network that the stream names cannot be had; an upscaler
            only with ``config.strict``, else ``Summary.warnings`` tells of it.
        OSError: reading or writing failed.
    """
    config = config or DecoderConfig()
    meter = Meter(progress)
    size = _file_size(source)
    with Reader(source) as reader, ExitStack() as stack:
        stack.enter_context(opencv_threads(config.threads))
        outputs = _Outputs(stack, reader.header, target, raw, config, overwrite)
        writing = stack.enter_context(Behind())
        decoder = Decoder(replace(config, hold=0), animator=animator)  # files keep their order
        decoder.push(reader.header_packet)
        meter.count(reader.header_packet)
        for packet in reader:
            meter.count(packet)
            if packet.type == RecordType.AUDIO:
                for record in _tolerant(_parsed(AudioRecord, packet), packet, reader):
                    writing.do(outputs.add_audio, record)
            elif packet.type == RecordType.END:
                for end in _tolerant(_parsed(EndRecord, packet), packet, reader):
                    writing.do(outputs.end, end)
            else:
                for frame in _tolerant(decoder.frames(packet), packet, reader):
                    writing.do(outputs.add_frame, frame)
                    meter.frames += 1
            meter.report(min(1.0, meter.bytes.total / size) if size else None)
        writing.finish()
        damage = [str(fault) for fault in reader.damage] + decoder.notes
        if not meter.frames:
            reason = f": {damage[0]}" if damage else ""
            raise MalformedError(f"{_name(source)} holds no frame that can be decoded{reason}")
        outputs.close()
        seconds = float(outputs.duration * reader.header.time_base)
        notes = [f"{outputs.low_confidence} frames show no face: the last motion was held"]
        notes = notes if outputs.low_confidence else []
        return meter.summary(seconds, size, notes, damage, decoder.warnings)


class _Outputs:
    """The files that the pictures go to; they get their names in ``close``."""

    def __init__(
        self,
        stack: ExitStack,
        header: StreamHeader,
        target: Path | None,
        raw: Path | None,
        config: DecoderConfig,
        overwrite: bool,
    ) -> None:
        step = header.frame_duration
        rate = 1 / (step * header.time_base) if step else None
        side = header.coded_size
        self.low_confidence = 0
        self.duration = 0  # ticks
        self._step = step
        self._first: int | None = None
        self._waiting: Frame | None = None
        self._video: VideoOutput | None = None
        self._raw: Y4mOutput | None = None
        if target is not None:
            video = VideoOutput(
                target,
                side,
                header.time_base,
                crf=config.crf,
                audio=header.audio,
                frame_rate=rate,
                overwrite=overwrite,
                threads=config.threads,
            )
            self._video = stack.enter_context(video)
        if raw is not None:
            output = Y4mOutput(raw, side, rate or _DEFAULT_RATE, overwrite=overwrite)
            self._raw = stack.enter_context(output)

    def add_frame(self, frame: Frame) -> None:
        """Show a frame until the next one."""
        self._send(frame.pts)
        self._waiting = frame
        self.low_confidence += frame.low_confidence

    def add_audio(self, record: AudioRecord) -> None:
        """Pass sound on as it is."""
        pts = record.pts
        for data, duration in zip(record.packets, record.durations, strict=True):
            if self._video is not None:
                self._video.add_audio(pts, duration, data)
            pts += duration

    def end(self, record: EndRecord) -> None:
        """The stream says how long it is, which gives the last frame its duration."""
        if self._first is not None and self._waiting is not None:
            self._send(max(self._first + record.duration, self._waiting.pts + 1))

    def close(self) -> None:
        """Finish the files."""
        if self._waiting is not None:
            self._send(self._waiting.pts + max(self._step, 1))
        for output in (self._video, self._raw):
            if output is not None:
                output.close()

    def _send(self, until: int) -> None:
        """Write the frame that waited to learn how long it is shown."""
        frame, self._waiting = self._waiting, None
        if frame is None:
            return
        if self._first is None:
            self._first = frame.pts
        self.duration = until - self._first
        if self._video is not None:
            self._video.add_frame(frame.rgb, frame.pts, until - frame.pts)
        if self._raw is not None:
            self._raw.add_frame(frame.rgb, frame.pts)


class _Parsable(Protocol[_R]):
    def parse(self, payload: bytes, offset: int = 0) -> _R: ...


def _parsed(kind: _Parsable[_R], packet: Packet) -> Iterator[_R]:
    """The record in a packet; a generator, so that its faults come where they are handled."""
    yield kind.parse(packet.payload, packet.payload_offset)


def _tolerant(items: Iterator[_T], packet: Packet, reader: Reader) -> Iterator[_T]:
    """Pass on what can be decoded of a packet and note what cannot."""
    try:
        yield from items
    except _DAMAGE as fault:
        reader.note(fault.located(packet.offset))


def _name(source: Path | BinaryIO) -> str:
    return os.fspath(source) if isinstance(source, str | os.PathLike) else "the stream"


def _file_size(source: Path | BinaryIO) -> int:
    """Bytes of the file, 0 when it is a pipe."""
    if isinstance(source, str | os.PathLike) and os.path.isfile(source):
        return os.path.getsize(source)
    return 0

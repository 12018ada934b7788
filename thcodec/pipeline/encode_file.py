"""A video file in, a .thv file out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from fractions import Fraction
from typing import BinaryIO

from thcodec.bitstream import Packet, Writer
from thcodec.media.audio import AudioPacket
from thcodec.media.opencv_threads import opencv_threads
from thcodec.media.video_input import InputFrame, VideoInput
from thcodec.models.animator import Animator
from thcodec.pipeline.behind import Behind
from thcodec.pipeline.config import EncoderConfig
from thcodec.pipeline.encoder import Encoder
from thcodec.pipeline.summary import Meter, ProgressCallback, Summary

Path = str | os.PathLike[str]


def encode(
    source: Path,
    target: Path | BinaryIO,
    config: EncoderConfig | None = None,
    *,
    live: bool = False,
    in_place: bool = False,
    overwrite: bool = False,
    metadata: dict[str, str] | None = None,
    progress: ProgressCallback | None = None,
    animator: Animator | None = None,
) -> Summary:
    """Encode a video; it is read while the frames before are coded. Memory does not grow with its
    length. Until it is done OpenCV, whose number of threads is that of the whole process, has one;
    with ``live`` as many as ``config.threads`` says.

    Args:
        source: a video file, or "-" for standard input.
        target: the .thv file, "-" for standard output, or a binary file object. A file gets its
            name only when it is complete, unless ``in_place``.
        config: see EncoderConfig.
        live: one frame per packet and no look-ahead, for a reader that follows along.
        in_place: the file has its name from the start, so that a reader can follow along.
        overwrite: whether an existing target may be replaced.
        metadata: texts to carry along.
        progress: called after every frame, from another thread.
        animator: a network that is loaded already; None loads ``config.animator``.

    Raises:
        OutputExistsError: the target exists and ``overwrite`` is not set.
        MediaError: the source is no video, has no video stream or no frames.
        NoFaceError: no face in the whole clip, with crop "auto".
        UnknownModelError, WeightsError: a network cannot be had.
        OSError: reading or writing failed.
    """
    config = config or EncoderConfig()
    meter = Meter(progress)
    with (
        # Beside the coder's own threads a second one of OpenCV's mostly spins (two cores).
        opencv_threads(config.threads if live else 1),
        Writer(target, overwrite=overwrite, in_place=in_place) as writer,
        VideoInput(
            source,
            audio=config.audio,
            audio_bitrate=config.audio_bitrate,
            threads=config.threads,
        ) as video,
    ):
        frames, time_base, frame_duration = _timed(video, config.fps)
        encoder = Encoder(
            config,
            time_base=time_base,
            frame_duration=frame_duration,
            live=live,
            audio=video.audio_parameters,
            metadata=metadata,
            animator=animator,
        )
        total = video.duration * video.time_base if video.duration else None

        def code(frame: InputFrame, sound: list[AudioPacket]) -> None:
            _write(writer, meter, encoder.push(frame.rgb, frame.pts))
            push_audio(sound)
            meter.frames = encoder.frames
            meter.report(min(1.0, float(frame.pts * time_base / total)) if total else None)

        def push_audio(sound: list[AudioPacket]) -> None:
            for packet in sound:
                _write(writer, meter, encoder.push_audio(packet))

        first = last = None
        with closing(encoder), Behind() as coding:
            for frame in frames:
                first, last = first or frame, frame
                coding.do(code, frame, video.take_audio())
            coding.finish()
            push_audio(video.take_audio())
            _write(writer, meter, encoder.flush())
        meter.frames = encoder.frames
        end = last.pts + (last.duration or frame_duration) if last else 0
        duration = end - first.pts if first else 0
        writer.finish(duration)
        damage = [video.damaged] if video.damaged else []
        seconds = float(duration * time_base)
        return meter.summary(seconds, writer.bytes_written, encoder.notes, damage)


def _write(writer: Writer, meter: Meter, packets: Iterable[Packet]) -> None:
    for packet in packets:
        meter.count(packet)
        writer.write(packet)


def _timed(video: VideoInput, fps: Fraction | None) -> tuple[Iterator[InputFrame], Fraction, int]:
    """The frames with their time base and usual distance in ticks."""
    if fps is not None:
        return resample(video.frames(), video.time_base, fps), 1 / fps, 1
    usual = round(1 / video.frame_rate / video.time_base) if video.frame_rate else 0
    return video.frames(), video.time_base, usual


def resample(
    frames: Iterator[InputFrame], time_base: Fraction, fps: Fraction
) -> Iterator[InputFrame]:
    """Give the frames a constant rate: some are left out or repeated, each at the nearest time.

    Times of the result are in units of 1/fps from the same zero as before.
    """
    shown: InputFrame | None = None
    first = slot = 0
    for frame in frames:
        due = round(frame.pts * time_base * fps)
        if shown is None:
            first = slot = due
        else:
            yield from _repeat(shown, slot, due)
            slot = max(slot, due)
        shown = frame
    if shown is not None:
        end = round((shown.pts + shown.duration) * time_base * fps)
        # One frame at least, but none that begins after the end.
        yield from _repeat(shown, slot, max(end, first + 1))


def _repeat(frame: InputFrame, start: int, end: int) -> Iterator[InputFrame]:
    for number in range(start, end):
        yield InputFrame(frame.rgb, number, 1)

"""Original and decoded pictures next to each other, with the sound of the stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import thcodec
from thcodec.bitstream import AudioRecord, RecordType, SourceRecord
from thcodec.media.framing import cut_out
from thcodec.media.video_input import VideoInput
from thcodec.media.video_output import VideoOutput
from thcodec.pipeline.quality import psnr, ssim


@dataclass(frozen=True)
class Pair:
    """One frame as it was and as it came back: uint8 (S, S, 3) each."""

    pts: int
    original: np.ndarray
    decoded: np.ndarray
    is_source: bool


@dataclass
class Scores:
    """PSNR (dB) and SSIM of every frame: of what was decoded, and of repeating each source."""

    decoded: list[tuple[float, float]] = field(default_factory=list)
    repeated: list[tuple[float, float]] = field(default_factory=list)
    _held: np.ndarray | None = None

    def add(self, pair: Pair) -> None:
        """Score one frame; a source is what the decoder made of it."""
        if self._held is None or pair.is_source:
            self._held = pair.decoded
        for scores, picture in ((self.decoded, pair.decoded), (self.repeated, self._held)):
            scores.append((psnr(pair.original, picture), ssim(pair.original, picture)))


def pairs(clip: Path, stream: Path, decoded: Path) -> Iterator[Pair]:
    """Every frame of the clip, cut as the stream says, with its decoded picture."""
    with thcodec.Reader(stream) as reader:
        header = reader.header
        sources = [SourceRecord.parse(p.payload) for p in reader if p.type == RecordType.SOURCE]
    by_time = {source.pts: source for source in sources}
    crop = header.crop
    with VideoInput(clip, audio=False) as before, VideoInput(decoded, audio=False) as after:
        for one, other in zip(before.frames(), after.frames(), strict=False):
            source = by_time.get(one.pts)
            crop = source.crop if source is not None and source.crop is not None else crop
            original = cut_out(one.rgb, crop, header.coded_size)
            yield Pair(one.pts, original, other.rgb, source is not None)


def write(target: Path, stream: Path, frames: Iterator[Pair]) -> Iterator[Pair]:
    """Write the pairs to a video with the stream's sound, and pass them on."""
    with thcodec.Reader(stream) as reader:
        header = reader.header
        sound = (AudioRecord.parse(p.payload) for p in reader if p.type == RecordType.AUDIO)
        size = (2 * header.coded_size, header.coded_size)
        step = header.frame_duration * header.time_base
        with VideoOutput(
            target,
            size,
            header.time_base,
            audio=header.audio,
            frame_rate=1 / step if step else None,
            overwrite=True,
        ) as output:
            for pair in frames:
                output.add_frame(np.hstack([pair.original, pair.decoded]), pair.pts)
                yield pair
            for record in sound:
                pts = record.pts
                for data, duration in zip(record.packets, record.durations, strict=True):
                    output.add_audio(pts, duration, data)
                    pts += duration

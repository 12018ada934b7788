"""Opening what is compared: every file as pictures with times, whatever kind it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np

from thcodec.bitstream import Reader, RecordType
from thcodec.bitstream.header import Crop
from thcodec.bitstream.signature import SIGNATURE
from thcodec.bitstream.source import SourceHead
from thcodec.media.video_input import VideoInput
from thcodec.pipeline.config import DecoderConfig
from thcodec.pipeline.decoder import Decoder
from thcodec.pipeline.summary import ByteCount

_MOST_SWITCHES = 10_000
_STILL = Fraction(1)  # seconds that the picture of a file with only one is shown


@dataclass(frozen=True)
class Shown:
    """One picture of a file.

    rgb: uint8 (H, W, 3). time: seconds since the file's first picture. part: the rectangle of the
    original that it shows, where the file says so. source_id: of the still it was made from.
    """

    rgb: np.ndarray
    time: Fraction
    part: Crop | None = None
    source_id: int | None = None


@dataclass(frozen=True)
class Size:
    """Bytes of a file: all of it, what the pictures take, and where all of it goes.

    The pictures of a stream take all of it but the sound, those of a video its coded video packets.
    """

    file: int
    pictures: int
    kinds: dict[str, int]


class View(Protocol):
    """A file that is compared.

    name: of the file. side: of a stream's square pictures, None for a video. notes: what there is
    to say of it, complete when all pictures were read.
    """

    name: str
    side: int | None
    notes: list[str]

    def pictures(self) -> Iterator[Shown]:
        """All pictures in order of time, once."""
        ...

    def size(self) -> Size:
        """Its bytes; to be asked when all pictures were read."""
        ...


def open_view(path: Path, config: DecoderConfig) -> View:
    """A .thv stream, known by its signature, or a video.

    Raises OSError when there is no such file; ``pictures`` raises what reading it can raise.
    """
    with path.open("rb") as file:
        head = file.read(len(SIGNATURE))
    return StreamView(path, config) if head == SIGNATURE else VideoView(path)


class StreamView:
    """A .thv stream, decoded on the way."""

    def __init__(self, path: Path, config: DecoderConfig) -> None:
        self.name, self.notes = path.name, list[str]()
        self._path, self._config = path, config
        with Reader(path) as reader:
            self.side: int | None = reader.header.coded_size
        self._bytes = ByteCount()

    def pictures(self) -> Iterator[Shown]:
        """Every frame that the decoder shows, with the crop of its source."""
        decoder = Decoder(self._config)
        with Reader(self._path) as reader:
            self._bytes.add(reader.header_packet)
            decoder.push(reader.header_packet)
            part, parts, start = reader.header.crop, dict[int, Crop](), None
            for packet in reader:
                self._bytes.add(packet)
                if packet.type == RecordType.SOURCE:
                    head = SourceHead.parse(packet.payload, packet.payload_offset)
                    part = parts[head.source_id] = head.crop or part
                if packet.type == RecordType.AUDIO:
                    continue
                for frame in decoder.frames(packet):
                    time = frame.pts * frame.time_base
                    start = time if start is None else start
                    where = parts.get(frame.source_id, part)
                    yield Shown(frame.rgb, time - start, where, frame.source_id)
            self.notes += [f"damaged: {fault}" for fault in reader.damage[:1]]
        self.notes += decoder.warnings + decoder.notes

    def size(self) -> Size:
        """By kind of record."""
        count, total = self._bytes, os.path.getsize(self._path)
        kinds = {"sources": count.sources, "motion": count.motion, "sound": count.audio}
        kinds["framing"] = total - sum(kinds.values())
        return Size(total, total - count.audio, kinds)


class VideoView:
    """A video file."""

    side: int | None = None

    def __init__(self, path: Path) -> None:
        self.name, self.notes = path.name, list[str]()
        self._path = path

    def pictures(self) -> Iterator[Shown]:
        """Every frame."""
        with VideoInput(self._path, audio=False) as video:
            start = None
            for frame in video.frames():
                start = frame.pts if start is None else start
                yield Shown(frame.rgb, (frame.pts - start) * video.time_base)
            self.notes += [video.damaged] if video.damaged else []

    def size(self) -> Size:
        """By kind of packet."""
        kinds = {"pictures": 0, "sound": 0}
        names = {"video": "pictures", "audio": "sound"}
        with av.open(str(self._path)) as container:
            for packet in container.demux():
                if packet.stream.type in names:
                    kinds[names[packet.stream.type]] += packet.size
        total = os.path.getsize(self._path)
        kinds["framing"] = max(0, total - sum(kinds.values()))
        return Size(total, kinds["pictures"], kinds)


class Playback:
    """Shows a view at given times, as a player would: each picture until the next one.

    Attributes:
        distance: seconds between the pictures read last.
        switches: times in seconds at which another source takes over; at most 10000 are kept.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.distance = _STILL
        self.switches: list[float] = []
        self._pictures = view.pictures()
        self._now: Shown | None = None
        self._next = next(self._pictures, None)

    def at(self, time: Fraction, slack: Fraction) -> Shown | None:
        """The picture shown at a time, seconds, give or take `slack`; times must not fall.

        None when the pictures have ended before.
        """
        while self._next is not None and self._next.time <= time + slack:
            self._step(self._next)
        if self._now is None or (self._next is None and time >= self.end - slack):
            return None
        return self._now

    @property
    def end(self) -> Fraction:
        """When the picture read last goes, seconds: it stays as long as the one before."""
        return (self._now.time if self._now is not None else Fraction(0)) + self.distance

    def finish(self) -> None:
        """Read the rest, so that what the view tells is complete."""
        while self._next is not None:
            self._step(self._next)

    def _step(self, shown: Shown) -> None:
        if self._now is not None:
            self.distance = shown.time - self._now.time
            if shown.source_id != self._now.source_id and len(self.switches) < _MOST_SWITCHES:
                self.switches.append(float(shown.time))
        self._now, self._next = shown, next(self._pictures, None)

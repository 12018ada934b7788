"""Packets in, pictures out: the decoder of one stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

import numpy as np

from thcodec.bitstream import KeypointModel, Packet, RecordType, SourceRecord, StreamHeader
from thcodec.bitstream.header import ModelIdentity
from thcodec.bitstream.motion_head import MotionHead
from thcodec.errors import (
    MalformedError,
    SequenceError,
    UnknownModelError,
    UnknownRecordError,
    WeightsError,
)
from thcodec.models import registry
from thcodec.models.animator import Animator
from thcodec.models.upscaler import Upscaler
from thcodec.motion import MotionDecoder, MotionFrame, Quantiser
from thcodec.pipeline.config import DecoderConfig
from thcodec.pipeline.prepared import PreparedSources


@dataclass(frozen=True)
class Frame:
    """One decoded picture.

    Attributes:
        rgb: uint8 (S, S, 3), S being the stream's coded size.
        pts: presentation time, ticks of ``time_base``.
        time_base: duration of a tick, seconds.
        source_id: the source that was animated.
        low_confidence: the encoder saw no face here and held the motion.
        concealed: the source was lost, so the picture before is shown again.
    """

    rgb: np.ndarray
    pts: int
    time_base: Fraction
    source_id: int
    low_confidence: bool = False
    concealed: bool = False


class Decoder:
    """Turns the packets of one stream back into pictures.

    Lost packets cost the frames that need them, not the stream: without its source a frame repeats
    the picture before, a motion packet that builds on a lost one is left out, ``notes`` says so.

    Args:
        config: see DecoderConfig.
        animator, upscaler: networks that are loaded already; None loads those the stream names.
    """

    def __init__(
        self,
        config: DecoderConfig | None = None,
        *,
        animator: Animator | None = None,
        upscaler: Upscaler | None = None,
    ) -> None:
        self.config = config or DecoderConfig()
        self.header: StreamHeader | None = None
        self.frames_concealed = 0
        self.frames_lost = 0
        self.packets_lost = 0
        self.warnings: list[str] = []  # what the decoder does otherwise than the stream says
        self._given_animator = animator
        self._given_upscaler = upscaler
        self._shown: np.ndarray | None = None
        self._next_motion: int | None = None

    @property
    def notes(self) -> list[str]:
        """What could not be decoded as it was meant, one line each."""
        counts = {
            "motion packets could not be used: what they build on was lost": self.packets_lost,
            "frames repeat the picture before because their source was lost": self.frames_concealed,
            "frames could not be shown because their source was lost": self.frames_lost,
        }
        return [f"{count} {what}" for what, count in counts.items() if count]

    def push(self, packet: Packet) -> list[Frame]:
        """Take the next packet and return the pictures that it brings, in order of time.

        Raises:
            UnknownModelError, WeightsError: a network that the header names cannot be had; an
                upscaler only with ``config.strict``.
            UnknownRecordError: a critical record of a type this version does not know.
            SequenceError: the stream does not begin with a header.
            ThvError: another subclass, with a byte offset, for a payload that is malformed. The
                decoder can go on with the next packet.
        """
        return list(self.frames(packet))

    def frames(self, packet: Packet) -> Iterator[Frame]:
        """As ``push``, one batch of pictures at a time: a packet may hold a thousand frames."""
        if packet.type == RecordType.HEADER:
            self._begin(packet)
            return
        if self.header is None:
            raise SequenceError(f"{packet.name} comes before the stream header", packet.offset)
        if packet.type == RecordType.SOURCE:
            record = SourceRecord.parse(packet.payload, packet.payload_offset)
            still_at = packet.payload_offset + len(packet.payload) - len(record.data)
            self._motion.add_source(self._sources.add(record, still_at))
        elif packet.type == RecordType.MOTION:
            yield from self._decode_motion(packet)
        elif packet.critical:
            raise UnknownRecordError(f"{packet.name} is critical and not known", packet.offset)

    def _begin(self, packet: Packet) -> None:
        header = StreamHeader.parse(packet.payload, packet.payload_offset)
        if self.header is not None:
            if header != self.header:
                raise SequenceError("a second header differs from the first", packet.offset)
            return
        self._animator = self._given_animator or registry.load_animator(
            header.animator.name,
            size=header.coded_size,
            weights=self.config.weights,
            device=self.config.device,
            expected=header.animator,
        )
        _check_model(header, self._animator)
        upscaler = self._given_upscaler or self._load_upscaler(header.upscaler)
        self._sources = PreparedSources(header, self._animator, upscaler)
        self._quantiser = Quantiser(header.keypoint_model)
        self._motion = MotionDecoder(header)
        self.header = header

    def _load_upscaler(self, identity: ModelIdentity) -> Upscaler:
        """What the stream names, or Lanczos and a warning where that may stand in for it."""
        config = self.config
        try:
            return registry.load_upscaler(
                identity.name,
                weights=config.upscaler_weights,
                device=config.device,
                expected=identity,
            )
        except (UnknownModelError, WeightsError) as error:
            if config.strict:
                raise
            self.warnings.append(f"stills are enlarged by lanczos, softer than meant: {error}")
            return registry.load_upscaler("lanczos")

    def _decode_motion(self, packet: Packet) -> Iterator[Frame]:
        if self._next_motion not in (None, packet.sequence):
            self._motion.lost()
        self._next_motion = (packet.sequence + 1) % 256
        try:
            frames = self._motion.decode(packet.payload, packet.payload_offset)
        except SequenceError:
            self.packets_lost += 1
            yield from self._conceal(self._frames_without_values(packet))
        else:
            yield from self._animate(frames)

    def _frames_without_values(self, packet: Packet) -> list[MotionFrame]:
        """What the head of a packet tells; times are known only where a group starts."""
        head = MotionHead.parse(packet.payload, packet.payload_offset)
        if not head.starts_group:
            return []
        step = self.header.frame_duration if self.header else 0
        source_id = head.segments[0].source_id or 0
        nothing = np.zeros(0, np.int32)
        return [MotionFrame(pts, source_id, nothing) for pts in head.times(None, step)]

    def _animate(self, frames: list[MotionFrame]) -> Iterator[Frame]:
        for source_id, run in groupby(frames, key=lambda frame: frame.source_id):
            source = self._sources.prepared(source_id)
            for batch in _batches(list(run), self.config.batch):
                if source is None:
                    yield from self._conceal(batch)
                    continue
                motions = [self._quantiser.dequantise(frame.values) for frame in batch]
                pictures = self._animator.animate(source, motions)
                self._shown = pictures[-1]
                for frame, picture in zip(batch, pictures, strict=True):
                    yield self._frame(frame, picture)

    def _conceal(self, batch: Sequence[MotionFrame]) -> Iterator[Frame]:
        if self._shown is None:
            self.frames_lost += len(batch)
            return
        self.frames_concealed += len(batch)
        for frame in batch:
            yield self._frame(frame, self._shown, concealed=True)

    def _frame(self, frame: MotionFrame, rgb: np.ndarray, concealed: bool = False) -> Frame:
        time_base = self.header.time_base if self.header else Fraction(0)
        return Frame(rgb, frame.pts, time_base, frame.source_id, frame.low_confidence, concealed)


def _check_model(header: StreamHeader, animator: Animator) -> None:
    """Refuse a header whose keypoints are not those of the network it names."""
    stream, network = header.keypoint_model, animator.keypoint_model
    if (stream.keypoints, stream.jacobians) != (network.keypoints, network.jacobians):
        raise MalformedError(
            f"the stream has {_points(stream)}, its animator {header.animator.name} "
            f"has {_points(network)}"
        )


def _points(model: KeypointModel) -> str:
    return f"{model.keypoints} keypoints {'with' if model.jacobians else 'without'} Jacobians"


def _batches(frames: Sequence[MotionFrame], size: int) -> Iterator[Sequence[MotionFrame]]:
    for start in range(0, len(frames), size):
        yield frames[start : start + size]

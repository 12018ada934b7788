"""Packets in, pictures out: the decoder of one stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from thcodec.bitstream import (
    Feedback,
    KeypointModel,
    ModelIdentity,
    Packet,
    PacketNumbering,
    RecordType,
    SourceRecord,
    StreamHeader,
)
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
from thcodec.motion import MotionDecoder, MotionFrame
from thcodec.pipeline.arrivals import Arrivals, Lost
from thcodec.pipeline.config import DecoderConfig
from thcodec.pipeline.prepared import PreparedSources
from thcodec.pipeline.synthesis import Synthesis
from thcodec.pipeline.timeline import Timeline
from thcodec.pipeline.view import View

_EARLY = 32  # packets


@dataclass(frozen=True)
class Frame:
    """One decoded picture.

    Attributes:
        rgb: uint8 (S, S, 3), S being the stream's coded size.
        pts: presentation time, ticks of ``time_base``.
        time_base: duration of a tick, seconds.
        source_id: the source that was animated.
        low_confidence: the encoder saw no face here and held the motion.
        concealed: what it needs was lost, so the picture before is shown again.
    """

    rgb: np.ndarray
    pts: int
    time_base: Fraction
    source_id: int
    low_confidence: bool = False
    concealed: bool = False


class Decoder:
    """Turns the packets of one stream back into pictures.

    Packets may be lost, repeated, late or out of order, and cut in fragments. A frame that cannot
    be decoded repeats the picture before and is marked as concealed; ``notes`` sums up.

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
        self.frames_late = 0
        self.packets_lost = 0
        self.warnings: list[str] = []  # what the decoder does otherwise than the stream says
        self._given_animator = animator
        self._given_upscaler = upscaler
        self._arrivals = Arrivals(self.config.hold)
        self._numbering = PacketNumbering()
        self._timeline = Timeline()
        angles = self.config.yaw, self.config.pitch, self.config.roll
        self._view = View(*angles, relative=self.config.motion == "relative")
        self._early: deque[Packet] = deque(maxlen=_EARLY)
        self._shown: Frame | None = None
        self._broken = False  # what motion builds on was lost

    @property
    def notes(self) -> list[str]:
        """What could not be decoded as it was meant, one line each."""
        counts = {
            "motion packets were lost, or build on what was lost": self.packets_lost,
            "frames repeat the picture before, since theirs was lost": self.frames_concealed,
            "frames could not be shown: no picture had come before them": self.frames_lost,
            "frames were left out: their times had been filled": self.frames_late,
        }
        return [f"{count} {what}" for what, count in counts.items() if count]

    def push(self, packet: Packet) -> list[Frame]:
        """Take the next packet and return the pictures that it brings, in order of time.

        A little of what arrives before the header waits for it. Raises:
            UnknownModelError, WeightsError: a network that the header names cannot be had; an
                upscaler only with ``config.strict``.
            UnknownRecordError: a critical record of a type this version does not know.
            ThvError: another subclass, with a byte offset, for a payload that is malformed. The
                decoder can go on with the next packet.
        """
        return list(self.frames(packet))

    def flush(self) -> list[Frame]:
        """The pictures of packets that waited for one before them; the stream has ended."""
        return [frame for item in self._arrivals.flush() for frame in self._take(item)]

    def frames(self, packet: Packet) -> Iterator[Frame]:
        """As ``push``, one batch of pictures at a time: a packet may hold a thousand frames."""
        for item in self._arrivals.push(packet):
            yield from self._take(item)

    def feedback(self) -> Packet:
        """What a transport may send back to the encoder at any time; see ``Encoder.feedback``."""
        state = Feedback(
            no_header=self.header is None,
            broken=self._broken,
            newest=self._arrivals.newest,
            loss=round(255 * self._arrivals.loss),
            held=self._sources.held if self.header is not None else (),
        )
        return self._numbering.packet(RecordType.FEEDBACK, state.to_payload())

    def _take(self, item: Packet | Lost) -> Iterator[Frame]:
        if isinstance(item, Lost):
            if self.header is not None:
                yield from self._lose(item.count)
        elif item.type == RecordType.HEADER:
            self._begin(item)
            early, self._early = self._early, deque(maxlen=_EARLY)
            for packet in early:
                yield from self._take(packet)
        elif item.critical and not isinstance(item.type, RecordType):
            raise UnknownRecordError(f"{item.name} is critical and not known", item.offset)
        elif self.header is None:
            self._early.append(item)
        elif item.type == RecordType.SOURCE:
            self._take_source(item)
        elif item.type == RecordType.MOTION:
            yield from self._decode_motion(item)

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
            runtime=self.config.runtime,
            threads=self.config.threads,
            live=header.live,
        )
        _check_model(header, self._animator)
        upscaler = self._given_upscaler or self._load_upscaler(header.upscaler)
        self._sources = PreparedSources(header, self._animator, upscaler)
        shown = self.config.shown_transition(header.transition)
        self._synthesis = Synthesis(self._animator, self._sources, self._view, shown)
        self._motion = MotionDecoder(header)
        self._timeline.step = header.frame_duration
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
                runtime=config.runtime,
                threads=config.threads,
            )
        except (UnknownModelError, WeightsError) as error:
            if config.strict:
                raise
            self.warnings.append(f"stills are enlarged by lanczos, softer than meant: {error}")
            return registry.load_upscaler("lanczos")

    def _take_source(self, packet: Packet) -> None:
        record = SourceRecord.parse(packet.payload, packet.payload_offset)
        taken = self._sources.add(record, packet.sequence, record.still_at(packet))
        if taken is not None:
            self._motion.add_source(taken)

    def _lose(self, packets: int) -> Iterator[Frame]:
        """Motion packets are missing. In a live stream each of them was a frame."""
        self.packets_lost += packets
        self._broken = True
        self._motion.lost()
        self._timeline.broken = True
        if self.header is not None and self.header.live:
            yield from self._conceal(self._timeline.guess(packets))

    def _decode_motion(self, packet: Packet) -> Iterator[Frame]:
        try:
            frames = self._motion.decode(packet.payload, packet.payload_offset)
        except SequenceError:
            self.packets_lost += 1
            self._broken = True
            head = MotionHead.parse(packet.payload, packet.payload_offset)
            times = self._timeline.of(head)
            yield from self._conceal(self._timeline.gap(times) + self._timeline.after(times))
        else:
            self._broken = False
            yield from self._conceal(self._timeline.gap([frame.pts for frame in frames]))
            shown = set(self._timeline.after([frame.pts for frame in frames]))
            self.frames_late += len(frames) - len(shown)
            yield from self._animate([frame for frame in frames if frame.pts in shown])

    def _animate(self, frames: list[MotionFrame]) -> Iterator[Frame]:
        planned = self._synthesis.plan(frames)
        for batch, pictures in self._synthesis.pictures(planned, self.config.batch):
            if pictures is None:
                yield from self._conceal([frame.pts for frame in batch], batch[0].source_id)
                continue
            for frame, picture in zip(batch, pictures, strict=True):
                self._shown = self._frame(frame, picture)
                yield self._shown

    def _conceal(self, times: Sequence[int], source_id: int | None = None) -> Iterator[Frame]:
        """The picture before once more at each of some times."""
        if self._shown is None:
            self.frames_lost += len(times)
            return
        self.frames_concealed += len(times)
        source = self._shown.source_id if source_id is None else source_id
        for pts in times:
            yield replace(self._shown, pts=pts, source_id=source, concealed=True)

    def _frame(self, frame: MotionFrame, rgb: np.ndarray) -> Frame:
        time_base = self.header.time_base if self.header else Fraction(0)
        return Frame(rgb, frame.pts, time_base, frame.source_id, frame.low_confidence)


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

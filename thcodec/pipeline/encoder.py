"""Pictures in, packets out: the encoder of one stream."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from thcodec.bitstream import (
    AudioParameters,
    Metadata,
    Packet,
    PacketNumbering,
    RecordType,
    SourceRecord,
    StreamHeader,
)
from thcodec.bitstream.header import Crop
from thcodec.bitstream.limits import MAX_TICKS
from thcodec.errors import ThvError
from thcodec.media.audio import AudioPacket
from thcodec.media.crop import CroppedFrame, CropTracker, parse_crop
from thcodec.models import registry
from thcodec.models.animator import Animator
from thcodec.models.runtime import default_threads
from thcodec.motion import Motion, MotionEncoder, MotionFrame, PredictionMode, Quantiser
from thcodec.pipeline.audio_track import AudioTrack
from thcodec.pipeline.coded_source import CodedSource, SourceMaker
from thcodec.pipeline.config import EncoderConfig
from thcodec.pipeline.incoming import Incoming
from thcodec.pipeline.link import Link, LinkConfig, feedback_of
from thcodec.pipeline.look_ahead import LookAhead
from thcodec.pipeline.seen import Observer, SeenFrame
from thcodec.pipeline.source_choice import Chosen, SourceChoice
from thcodec.sources.policy import LeakyBucket

_BATCH = 8  # frames the extractor sees at a time in file mode
_FEWEST_SOURCES = 2  # the decoder needs the current source, and the one before during a switch
_MOTION_BYTES = 12.0  # a frame, until the first packet shows
_LIVE_RESET = 250  # packets after which a live decoder can join; learning anew costs bytes


class Encoder:
    """Codes one stream of pictures as packets.

    In live mode every frame leaves ``push`` as its own packet at once. Otherwise up to a second of
    pictures is looked at before the crop is laid down, as many frames again as the policy wants
    before a source is picked, and motion is coded in groups.

    Args:
        config: see EncoderConfig.
        time_base: duration of a tick of all presentation times, seconds.
        frame_duration: usual distance of two frames in ticks; 0 when it varies.
        live: see above.
        audio: set-up of the sound that ``push_audio`` will bring, or None.
        metadata: texts to carry along, e.g. ``{"title": "..."}``.
        animator: a network that is loaded already; None loads ``config.animator``.
        link: how the packets are sent over a link that loses some, which takes ``live``; None
            where none is lost. See ``feedback``.

    Raises:
        UnknownModelError, WeightsError: a network of the configuration cannot be had.
        MediaError: ``config.crop`` cannot be read.
        ValueError: a policy that looks ahead with ``live``, or a link without.
    """

    def __init__(
        self,
        config: EncoderConfig | None = None,
        *,
        time_base: Fraction = Fraction(1, 25),
        frame_duration: int = 1,
        live: bool = True,
        audio: AudioParameters | None = None,
        metadata: dict[str, str] | None = None,
        animator: Animator | None = None,
        link: LinkConfig | None = None,
    ) -> None:
        self.config = config = config or EncoderConfig()
        self.time_base = Fraction(time_base)
        self.frame_duration = frame_duration
        self.live = live
        self._animator = animator or registry.load_animator(
            config.animator,
            size=config.size,
            weights=config.weights,
            device=config.device,
            runtime=config.runtime,
            threads=config.threads,
            live=live,
        )
        self._upscaler = registry.load_upscaler(
            config.stills(live).upscaler,
            weights=config.upscaler_weights,
            device=config.device,
            runtime=config.runtime,
            threads=config.threads,
        )
        self._metadata = metadata or {}
        self._audio_parameters = audio
        self._audio = AudioTrack(audio.sample_rate if audio else 48000, grouped=not live)
        self._tracker = CropTracker(
            config.size,
            parse_crop(config.crop),
            time_base=self.time_base,
            look_ahead=0 if live else 1,
        )
        self._quantiser = Quantiser(self._animator.keypoint_model, config.hysteresis)
        self._maker = SourceMaker(config, self._animator, self._quantiser, live=live)
        self._numbering = PacketNumbering()
        if link is not None and not live:
            raise ValueError("a link that loses packets takes a live stream")
        if live:
            config.check_live()
        self._link = Link(link, self._numbering) if link is not None else None
        self._waiting: list[CroppedFrame] = []
        self._ahead: LookAhead | None = None  # from the first crop on
        self._group: list[MotionFrame] = []
        self._alignment = config.alignment_rounds(live)
        self._bucket = LeakyBucket(125 * (config.bitrate or 0))
        self._incoming = Incoming(frame_duration)
        self._first_pts: int | None = None
        self._coded_pts = 0  # of the last coded frame
        self._values: np.ndarray | None = None  # the last coded frame's
        self._served_by: CodedSource | None = None  # that frame's source, if it was sure
        self._drift = np.zeros(0)  # what alignment added to that frame
        self._motion_bytes = _MOTION_BYTES
        self._since_reset = 0  # motion frames
        self._sources = 0
        self.frames = 0
        self.low_confidence_frames = 0

    @property
    def sources(self) -> int:
        """Sources sent so far."""
        return self._sources

    @property
    def notes(self) -> list[str]:
        """Things a user should know about the input, one line each."""
        notes = list(self._tracker.notes)
        if self.low_confidence_frames:
            share = f"{self.low_confidence_frames} of {self.frames} frames"
            notes.append(f"no face to be seen in {share}: the last motion was held")
        return notes

    def push(self, picture: np.ndarray, pts: int | None = None) -> list[Packet]:
        """Code one picture and return the packets that became ready.

        Args:
            picture: uint8 (H, W, 3) RGB, every one of the same size.
            pts: presentation time in ticks, increasing; None follows the picture before.

        Raises:
            TimingError: ``pts`` does not increase.
            MediaError: the explicit crop does not fit the picture.
            ValueError: the picture has another shape or type.
        """
        pts = self._incoming.check(picture, pts)
        return self._sent(self._code(self._tracker.push(picture, pts), end=self.live))

    def push_audio(self, packet: AudioPacket) -> list[Packet]:
        """Take one Opus packet; it is sent when the pictures have come to its time."""
        if self._audio_parameters is None:
            raise ThvError("audio packets need an encoder that was made with audio parameters")
        self._audio.add(packet)
        return self._sent(self._due_audio(self._coded_pts) if self.frames else [])

    def flush(self) -> list[Packet]:
        """End the stream and return its last packets.

        Raises:
            NoFaceError: no picture showed a face (file mode with crop "auto").
        """
        packets = self._code(self._tracker.flush(), end=True)
        packets += self._close_group()
        if self._ahead is not None:
            packets += self._due_audio(None)
            packets += self._last_metadata()
        self.close()
        return self._sent(packets)

    def close(self) -> None:
        """Give the stream up, which ``flush`` has not ended: wait for the thread that looks ahead
        in files, and end it. Nothing may be pushed or flushed after it.
        """
        if self._ahead is not None:
            self._ahead.close()

    def feedback(self, packet: Packet) -> list[Packet]:
        """Take what ``Decoder.feedback`` told; return what must be sent again at once.

        Where motion was lost, the next packet starts a group. Raises ThvError subclasses for a
        packet that is no feedback, ThvError for an encoder that was made without a link.
        """
        if self._link is None:
            raise ThvError("feedback needs an encoder that was made with a link")
        return self._link.answer(feedback_of(packet))

    def _sent(self, packets: list[Packet]) -> list[Packet]:
        return packets if self._link is None else self._link.send(packets)

    def _code(self, cropped: list[CroppedFrame], end: bool) -> list[Packet]:
        """Code the frames that fill a batch, or all of them at the end."""
        self._waiting += cropped
        packets: list[Packet] = []
        while len(self._waiting) >= _BATCH or (end and self._waiting):
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            if self._ahead is None:
                self._ahead, packets = self._begin(batch[0].crop)
            packets += self._code_frames(
                self._ahead.take(batch, self._affordable), self._ahead.choice
            )
        if end and self._ahead is not None:
            packets += self._code_frames(self._ahead.rest(self._affordable), self._ahead.choice)
        return packets

    def _code_frames(
        self, frames: Iterable[tuple[SeenFrame, Chosen]], choice: SourceChoice
    ) -> list[Packet]:
        packets: list[Packet] = []
        for at, chosen in frames:
            packets += self._code_frame(at, chosen)
            choice.coded(at)
        return packets

    def _code_frame(self, at: SeenFrame, chosen: Chosen) -> list[Packet]:
        """Code a frame, and its source if that is new."""
        frame, packets = at.frame, list[Packet]()
        source, first, last = chosen.source, chosen.record, None
        if self.live and first is not None and first.source_id != source.id:
            # The receiver makes it ready while nobody waits for a picture.
            first, last = None, first
        if first is not None:
            packets += self._close_group()  # its frames may need what the new source evicts
            packets.append(self._send_source(first))
        elif frame.pts - self._coded_pts > MAX_TICKS:
            # No time step is that long; a group gives the time of its first frame in full.
            packets += self._close_group()
            self._since_reset = 0
        if chosen.starts and self.live:
            self._since_reset = 0
        mode = self._next_mode()
        if mode == PredictionMode.PREVIOUS and self._values is not None:
            source.values = self._values
        if chosen.motion is not None:
            motion = self._aligned(chosen.motion, at, source)
            source.values = self._quantiser.quantise(motion, source.values)
        self._values, self._served_by = source.values, source if at.sure else None
        self._group.append(
            MotionFrame(frame.pts, source.id, source.values, mode=mode, low_confidence=not at.sure)
        )
        self.frames += 1
        self.low_confidence_frames += not at.sure
        self._coded_pts = frame.pts
        most = 1 if self.live else min(self.config.group, self._motion.most_frames)
        if len(self._group) >= most:
            packets += self._close_group()
        if last is not None:
            packets.append(self._send_source(last))
        return packets + self._due_audio(frame.pts)

    def _aligned(self, motion: Motion, at: SeenFrame, source: CodedSource) -> Motion:
        """The motion of a frame relative to its source, aligned with it."""
        before, drift = self._quantiser.dequantise(source.values), self._drift
        if source is not self._served_by:
            # Free keypoints of two sources are unrelated, and what was held is old.
            before, drift = motion, np.zeros_like(motion.expression)
        aligned = self._animator.align(
            motion,
            before,
            drift,
            at.seen,
            source.canonical,
            source.own,
            source.seen,
            self._alignment,
        )
        self._drift = aligned.expression - motion.expression
        return aligned

    def _begin(self, crop: Crop) -> tuple[LookAhead, list[Packet]]:
        """What chooses the sources, and the packets that open the stream, from the first crop."""
        config = self.config
        width, height = self._incoming.size or (crop.width, crop.height)
        header = StreamHeader(
            width=width,
            height=height,
            coded_size=config.size,
            crop=crop,
            time_base=self.time_base,
            frame_duration=self.frame_duration,
            keypoint_model=self._animator.keypoint_model,
            animator=self._animator.identity,
            upscaler=self._upscaler.identity,
            coder=config.coder,
            live=self.live,
            bank_size=max(_FEWEST_SOURCES, config.bank_size),
            still_codec=self._maker.stills.codec,
            jpeg_tables=self._maker.stills.tables,
            audio=self._audio_parameters,
            transition=config.header_transition,
        )
        self._motion = MotionEncoder(header)
        choice = SourceChoice(
            config,
            header,
            self._animator,
            self._upscaler,
            self._maker,
            self._link,
            # Who has time to align frames has time to compare sources.
            compares=bool(self._alignment) and self._animator.compares,
        )
        ahead = LookAhead(
            Observer(self._animator),
            choice,
            0 if self.live else config.frames_ahead,
            thread=not self.live and (config.threads or default_threads()) > 1,
        )
        self._bank_size = header.bank_size
        packets = [self._packet(RecordType.HEADER, header.to_payload())]
        if self._metadata:
            payload = Metadata(dict(self._metadata)).to_payload()
            packets.append(self._packet(RecordType.METADATA, payload))
        return ahead, packets

    def _send_source(self, record: SourceRecord) -> Packet:
        self._sources += 1
        self._motion.add_source(record)
        payload = record.to_payload()
        if self._link is not None:
            self._link.send_source(record.source_id, payload, self._bank_size)
        return self._packet(RecordType.SOURCE, payload)

    def _affordable(self, pts: int) -> float:
        """Sources that the bitrate leaves bytes for, with the motion that waits for its packet."""
        if self._first_pts is None:
            self._first_pts = pts
        seconds = (pts - self._first_pts + self.frame_duration) * self.time_base
        return self._bucket.affordable(float(seconds), len(self._group) * self._motion_bytes)

    def _next_mode(self) -> PredictionMode:
        """How the next frame is predicted; a group begins from its source."""
        link = self._link
        if link is not None and (link.restart or self._since_reset >= link.group):
            self._since_reset = 0
        if link is None and self.live and self._since_reset >= _LIVE_RESET:
            self._since_reset = 0
        self._since_reset += 1
        if self._since_reset > 1:
            return PredictionMode.PREVIOUS
        if link is not None:
            link.starts_group()
        return PredictionMode.SOURCE

    def _close_group(self) -> list[Packet]:
        if not self._group:
            return []
        packet = self._packet(RecordType.MOTION, self._motion.encode(self._group))
        self._motion_bytes = len(packet) / len(self._group)
        self._group = []
        if not self.live:
            self._since_reset = 0
        return [packet]

    def _due_audio(self, until: int | None) -> list[Packet]:
        """The sound up to a time in ticks, or all of it."""
        seconds = None if until is None else until * self.time_base
        return [
            self._packet(RecordType.AUDIO, record.to_payload())
            for record in self._audio.take(seconds)
        ]

    def _last_metadata(self) -> list[Packet]:
        """What is only known at the end: how good the sources are. Spec section 10."""
        if self.live or self._ahead is None or not self._ahead.choice.scores:
            return []
        payload = Metadata({"source_scores": self._ahead.choice.scores}).to_payload()
        return [self._packet(RecordType.METADATA, payload)]

    def _packet(self, kind: RecordType, payload: bytes) -> Packet:
        packet = self._numbering.packet(kind, payload)
        if kind != RecordType.AUDIO:
            self._bucket.spend(len(packet), source=kind == RecordType.SOURCE)
        return packet

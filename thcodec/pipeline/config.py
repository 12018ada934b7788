"""What a caller can choose, checked once, before any work is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from thcodec.bitstream.header import StillCodec, Transition, TransitionKind
from thcodec.bitstream.limits import MAX_TRANSITION
from thcodec.models.runtime import MAX_THREADS, RUNTIMES
from thcodec.sources.policy import LOOK_AHEAD_ONLY, POLICIES

SIZES = (256, 512)
SMALL_STILLS = {256: 128, 512: 256}  # sides, by that of the picture
SMALL_QUALITY, WHOLE_QUALITY, LIVE_QUALITY = 60, 25, 10  # in live streams each stands alone
DEFAULT_POLICY = "threshold"
DEFAULT_TRANSITION = 4  # frames: speakers move on while a switch is hidden
DEFAULT_INTERVAL = 100
DEFAULT_BANK = 8
ALIGNMENT = 1  # rounds, in files
MOST_AHEAD = 250  # frames that may be held back
MOTIONS = ("absolute", "relative")
TRANSITIONS = ("cut", *(kind.name.lower() for kind in TransitionKind))


@dataclass(frozen=True)
class StillSettings:
    """Codec, side in pixels and quality of a stream's stills, and what enlarges them."""

    codec: StillCodec
    size: int
    quality: int
    upscaler: str


@dataclass(frozen=True)
class EncoderConfig:
    """Options of the encoder. Raises ``ValueError`` for a value out of its range.

    Attributes:
        size: side of the coded square picture, 256 or 512 pixels.
        fps: frames per second to resample to; None keeps every frame and its time.
        source_size: side of the coded stills, 16..``size`` pixels; None: with AV1, where no
            upscaler is named, ``size``, else half of it.
        source_quality: quality of the stills, 1..100; None: 60, of AV1 stills of full size 25,
            in live streams 10: there they cost more.
        policy: when sources are sent, see ``thcodec.sources.policy``: "interval", "first",
            "threshold", "quality", "budget" or, in files only, "best-frame". None: "budget" with a
            bitrate, "interval" with an interval ("first" with 0), else the default.
        interval: frames from one source to the next (interval), or of a window (best-frame, at
            most 250).
        limit: distance (threshold) or running error (quality) at which a source is sent,
            thousandths of ST-LPIPS.
        bitrate: of all but the sound, kbit/s (budget).
        bank: sources that stay valid, 1..64, of which each frame takes the nearest; 1 takes the
            newest. None: 1 for interval and first, else 8.
        look_ahead: frames among which a source is picked in files, 0..250; not for interval, and
            best-frame has its windows.
        crop: "auto" (follow the face), "none" (largest central square) or "x,y,w,h" in pixels.
        audio: whether sound is coded.
        audio_bitrate: bit/s of Opus, 6000..256000.
        upscaler: name of the network or filter that brings stills to ``size``; None: "face", for
            stills of full size "lanczos", which leaves them as they are, and in live streams too:
            the network would hold up the frame that a still comes with.
        upscaler_weights: its file, for tfhub a folder or handle; None looks as for ``weights``.
        animator: name of the network that moves them.
        weights: file of the animator's weights; None looks in THCODEC_HOME and the package.
        device: torch device of the networks, e.g. "cpu", "cuda".
        runtime: what the compact animator and the upscaler face run on: "torch", "openvino", "int8"
            (OpenVINO with what was quantised) or "auto", the fastest that is here.
        threads: of each network, 1..256; 1: of the work in all; None: as many as the process may
            use.
        still_codec: 1 JPEG with shared tables, 2 WebP, 3 complete JPEG, 5 AV1, where each still
            builds on those before it, except in live streams, which viewers join later.
        coder: entropy coder of the motion: 0 raw, 1 zstd, 2 adaptive range coder.
        group: frames per motion packet in file mode, 1..1024; live mode always sends one.
        hysteresis: quantiser steps a value must move before it changes, 0.5 or more.
        alignment: rounds in which each frame's motion is bettered by how the source's picture
            lies on the frame, 0..8; with any, sources are chosen by pictures too. None: 1, in live
            streams 0.
        transition: how the decoder shows a switch between sources: "cut", "fade", "blend", "flow".
        transition_frames: frames that show both sources, 1..64; None: 4, but at most a quarter of
            an interval, else pictures would hardly show a source alone.
    """

    size: int = 256
    fps: Fraction | None = None
    source_size: int | None = None
    source_quality: int | None = None
    policy: str | None = None
    interval: int | None = None
    limit: float = 30.0
    bitrate: float | None = None
    bank: int | None = None
    look_ahead: int = 60
    crop: str = "auto"
    audio: bool = True
    audio_bitrate: int = 24000
    upscaler: str | None = None
    upscaler_weights: str | None = None
    animator: str = "compact"
    weights: Path | None = None
    device: str = "cpu"
    runtime: str = "auto"
    threads: int | None = None
    still_codec: int = StillCodec.AV1
    coder: int = 2
    group: int = 100
    hysteresis: float = 1.1
    alignment: int | None = None
    transition: str = "flow"
    transition_frames: int | None = None

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"size is {self.size}, allowed is {' or '.join(map(str, SIZES))}")
        if self.fps is not None:
            _check("fps", self.fps, Fraction(1), Fraction(240))
        if self.source_size is not None:
            _check("source size", self.source_size, 16, self.size)
        if self.source_quality is not None:
            _check("source quality", self.source_quality, 1, 100)
        _check("limit", self.limit, 0.1, 1000)
        _check("look-ahead", self.look_ahead, 0, MOST_AHEAD)
        if self.bank is not None:
            _check("bank", self.bank, 1, 64)
        self._check_policy()
        _check("audio bitrate", self.audio_bitrate, 6000, 256_000)
        if self.still_codec not in list(StillCodec):
            allowed = ", ".join(str(int(codec)) for codec in StillCodec)
            raise ValueError(f"still codec is {self.still_codec}, allowed is {allowed}")
        _check("coder", self.coder, 0, 2)
        _check("group", self.group, 1, 1024)
        if self.alignment is not None:
            _check("alignment", self.alignment, 0, 8)
        _check("hysteresis", self.hysteresis, 0.5, 100)
        _check_choice("transition", self.transition, TRANSITIONS)
        if self.transition_frames is not None:
            _check("transition frames", self.transition_frames, 1, MAX_TRANSITION)
        _check_runtime(self.runtime, self.threads)

    def _check_policy(self) -> None:
        if self.policy is not None and self.policy not in POLICIES:
            raise ValueError(f"policy is {self.policy!r}, allowed is {', '.join(POLICIES)}")
        name = self.policy_name
        if self.interval is not None:
            _check("interval", self.interval, 0 if name == "first" else 1, 1_000_000)
            if name not in ("interval", "first", "best-frame"):
                raise ValueError(f"policy {name} has no interval")
        if name == "best-frame":
            _check("interval", self.frames_apart, 1, MOST_AHEAD)
        if self.bitrate is not None:
            _check("bitrate", self.bitrate, 0.1, 100_000)
        if (self.bitrate is None) == (name == "budget"):
            raise ValueError("a bitrate goes with policy budget, and policy budget with a bitrate")

    def check_live(self) -> None:
        """Raise ``ValueError`` for a policy that a live stream cannot have."""
        if self.policy_name in LOOK_AHEAD_ONLY:
            raise ValueError(f"policy {self.policy_name} looks ahead, which a live stream cannot")

    @property
    def policy_name(self) -> str:
        """The policy that the options ask for."""
        if self.policy is not None:
            return self.policy
        if self.bitrate is not None:
            return "budget"
        if self.interval is None:
            return DEFAULT_POLICY
        return "interval" if self.interval else "first"

    @property
    def frames_apart(self) -> int:
        """Frames from one source to the next, or of a window."""
        return self.interval or DEFAULT_INTERVAL

    @property
    def bank_size(self) -> int:
        """Sources that frames choose from."""
        alone = self.policy_name in ("interval", "first")
        return self.bank or (1 if alone else DEFAULT_BANK)

    @property
    def frames_ahead(self) -> int:
        """Frames that are looked at in files before a frame is coded."""
        if self.policy_name == "interval":
            return 0
        return self.frames_apart - 1 if self.policy_name == "best-frame" else self.look_ahead

    def stills(self, live: bool) -> StillSettings:
        """What stills are like. Coded with AV1, whole ones of low quality look better than small
        ones of the same bytes that are enlarged: see benchmarks/README.md.
        """
        codec = StillCodec(self.still_codec)
        # Who names an upscaler means to use it.
        whole = codec is StillCodec.AV1 and self.upscaler is None
        size = self.source_size or (self.size if whole else SMALL_STILLS[self.size])
        quality = SMALL_QUALITY
        if codec is StillCodec.AV1 and size == self.size:
            quality = LIVE_QUALITY if live else WHOLE_QUALITY
        return StillSettings(
            codec,
            size,
            self.source_quality or quality,
            self.upscaler or ("lanczos" if live or size == self.size else "face"),
        )

    def alignment_rounds(self, live: bool) -> int:
        """Rounds in which a frame's motion is bettered."""
        return (0 if live else ALIGNMENT) if self.alignment is None else self.alignment

    @property
    def header_transition(self) -> Transition | None:
        """The transition as the header has it."""
        frames = self.transition_frames or DEFAULT_TRANSITION
        if self.transition_frames is None and self.policy_name in ("interval", "best-frame"):
            frames = min(frames, max(1, self.frames_apart // 4))
        return transition_named(self.transition, frames)


@dataclass(frozen=True)
class DecoderConfig:
    """Options of the decoder. Raises ``ValueError`` for a value out of its range.

    Attributes:
        device: torch device of the networks, e.g. "cpu", "cuda".
        runtime: what the compact animator and the upscaler face run on: "torch", "openvino", "int8"
            (OpenVINO with what was quantised) or "auto", the fastest that is here.
        threads: of each network, 1..256; None: as many as the process may use. Sources are made
            ready, and files written, beside them.
        weights: file of the animator's weights; None looks in THCODEC_HOME and the package.
        upscaler_weights: the upscaler's file, for tfhub a folder or handle; None looks as above.
        strict: refuse a stream whose upscaler cannot be had, instead of using Lanczos.
        batch: frames that are animated at a time when a packet holds several.
        crf: quality of the written video, 0 (lossless) .. 51.
        hold: motion packets that may wait for one that is late, 0..64; each delays by a frame,
            and only after a loss.
        yaw, pitch, roll: degrees by which the head is turned further, -90..90.
        motion: "absolute", or "relative": each frame's change since the first frame, laid upon
            its source.
        transition: shows switches between sources by this kind, whatever the stream says; None:
            as it says.
    """

    device: str = "cpu"
    runtime: str = "auto"
    threads: int | None = None
    weights: Path | None = None
    upscaler_weights: str | None = None
    strict: bool = False
    batch: int = 8
    crf: int = 18
    hold: int = 2
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    motion: str = "absolute"
    transition: str | None = None

    def __post_init__(self) -> None:
        _check_runtime(self.runtime, self.threads)
        _check("batch", self.batch, 1, 256)
        _check("crf", self.crf, 0, 51)
        _check("hold", self.hold, 0, 64)
        for angle in ("yaw", "pitch", "roll"):
            _check(angle, getattr(self, angle), -90, 90)
        _check_choice("motion", self.motion, MOTIONS)
        if self.transition is not None:
            _check_choice("transition", self.transition, TRANSITIONS)

    def shown_transition(self, stream: Transition | None) -> Transition | None:
        """The transition to show a stream with; `stream` is that of its header."""
        if self.transition is None:
            return stream
        frames = stream.frames if stream else DEFAULT_TRANSITION
        return transition_named(self.transition, frames)


def transition_named(name: str, frames: int) -> Transition | None:
    """A transition by one of the names in TRANSITIONS."""
    return None if name == "cut" else Transition(TransitionKind[name.upper()], frames)


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, allowed is {' or '.join(choices)}")


def _check_runtime(runtime: str, threads: int | None) -> None:
    if runtime not in RUNTIMES:
        raise ValueError(f"runtime is {runtime!r}, allowed is {' or '.join(RUNTIMES)}")
    if threads is not None:
        _check("threads", threads, 1, MAX_THREADS)


def _check(
    name: str, value: float | Fraction, low: float | Fraction, high: float | Fraction
) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, allowed is {low}..{high}")

"""What a caller can choose, checked once, before any work is done."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

SIZES = (256, 512)
SOURCE_SIZES = {256: 128, 512: 256}
DEFAULT_INTERVAL = 100
MOTIONS = ("absolute", "relative")


@dataclass(frozen=True)
class EncoderConfig:
    """Options of the encoder. Raises ``ValueError`` for a value out of its range.

    Attributes:
        size: side of the coded square picture, 256 or 512 pixels.
        fps: frames per second to resample to; None keeps every frame and its time.
        source_size: side of the coded stills, 16..``size`` pixels; None: 128 for 256, 256 for 512.
        source_quality: JPEG or WebP quality of the stills, 1..100.
        interval: a new source every so many frames; 0 sends one per shot only.
        crop: "auto" (follow the face), "none" (largest central square) or "x,y,w,h" in pixels.
        audio: whether sound is coded.
        audio_bitrate: bit/s of Opus, 6000..256000.
        upscaler: name of the network or filter that brings stills to ``size``.
        upscaler_weights: its file, for tfhub a folder or handle; None looks as for ``weights``.
        animator: name of the network that moves them.
        weights: file of the animator's weights; None looks in THCODEC_HOME and the package.
        device: torch device of the extractor, e.g. "cpu", "cuda".
        still_codec: 1 JPEG with shared tables, 2 WebP, 3 complete JPEG.
        coder: entropy coder of the motion: 0 raw, 1 zstd, 2 adaptive range coder.
        group: frames per motion packet in file mode, 1..1024; live mode always sends one.
        hysteresis: quantiser steps a value must move before it changes, 0.5 or more.
    """

    size: int = 256
    fps: Fraction | None = None
    source_size: int | None = None
    source_quality: int = 60
    interval: int = DEFAULT_INTERVAL
    crop: str = "auto"
    audio: bool = True
    audio_bitrate: int = 24000
    upscaler: str = "lanczos"
    upscaler_weights: str | None = None
    animator: str = "compact"
    weights: Path | None = None
    device: str = "cpu"
    still_codec: int = 2
    coder: int = 2
    group: int = 100
    hysteresis: float = 1.1

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"size is {self.size}, allowed is {' or '.join(map(str, SIZES))}")
        if self.fps is not None:
            _check("fps", self.fps, Fraction(1), Fraction(240))
        _check("source size", self.still_size, 16, self.size)
        _check("source quality", self.source_quality, 1, 100)
        _check("interval", self.interval, 0, 1_000_000)
        _check("audio bitrate", self.audio_bitrate, 6000, 256_000)
        _check("still codec", self.still_codec, 1, 3)
        _check("coder", self.coder, 0, 2)
        _check("group", self.group, 1, 1024)
        _check("hysteresis", self.hysteresis, 0.5, 100)

    @property
    def still_size(self) -> int:
        """Side of the coded stills in pixels."""
        return SOURCE_SIZES[self.size] if self.source_size is None else self.source_size


@dataclass(frozen=True)
class DecoderConfig:
    """Options of the decoder. Raises ``ValueError`` for a value out of its range.

    Attributes:
        device: torch device of the networks, e.g. "cpu", "cuda".
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
    """

    device: str = "cpu"
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

    def __post_init__(self) -> None:
        _check("batch", self.batch, 1, 256)
        _check("crf", self.crf, 0, 51)
        _check("hold", self.hold, 0, 64)
        for angle in ("yaw", "pitch", "roll"):
            _check(angle, getattr(self, angle), -90, 90)
        if self.motion not in MOTIONS:
            raise ValueError(f"motion is {self.motion!r}, allowed is {' or '.join(MOTIONS)}")


def _check(
    name: str, value: float | Fraction, low: float | Fraction, high: float | Fraction
) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, allowed is {low}..{high}")

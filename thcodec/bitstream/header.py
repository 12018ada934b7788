"""The stream header: all that is said once. Spec section 5."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple, TypeVar

import construct as c

from thcodec.bitstream import limits
from thcodec.bitstream.fields import (
    Blob,
    Flags,
    Listed,
    Ranged,
    Text,
    Varint,
    Zigzag,
    build_fields,
    parse_fields,
)
from thcodec.errors import LimitError

_T = TypeVar("_T")
_LIVE, _AUDIO, _JACOBIANS, _FREE, _TRANSITION = 1, 2, 4, 8, 32
STEPS = ("rotation", "translation", "scale", "expression", "depth", "canonical")


@dataclass(frozen=True)
class KeypointModel:
    """What one frame of motion consists of, and its quantiser steps.

    A step of n means n * 2**-24 of the value's unit: degrees for rotation, half the picture side
    for translation and x, y of keypoints, ln for scale. `expression_step` serves x and y,
    `depth_step` z, and `canonical_step` all canonical keypoints; Jacobians use `expression_step`.
    The last `free` keypoints do not follow the head.
    """

    keypoints: int
    dimensions: int = 3
    jacobians: bool = False
    rotation_step: int = 1 << 22
    translation_step: int = 1 << 16
    scale_step: int = 1 << 16
    expression_step: int = 1 << 16
    depth_step: int = 1 << 17
    canonical_step: int = 1 << 16
    free: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.keypoints <= limits.MAX_KEYPOINTS:
            raise LimitError(f"{self.keypoints} keypoints, allowed is 1..{limits.MAX_KEYPOINTS}")
        if self.dimensions != 3:
            raise LimitError(f"keypoints have {self.dimensions} dimensions, allowed is 3")
        if not 0 <= self.free <= self.keypoints:
            raise LimitError(f"{self.free} of {self.keypoints} keypoints are free")
        for name in STEPS:
            step = getattr(self, f"{name}_step")
            if not 1 <= step <= limits.MAX_STEP:
                raise LimitError(f"{name}_step is {step}, allowed is 1..{limits.MAX_STEP}")

    @property
    def size(self) -> int:
        """Integers per frame: rotation 3, translation 3, scale 1, expression 3K, Jacobians 9K."""
        return 7 + (12 if self.jacobians else 3) * self.keypoints


@dataclass(frozen=True)
class ModelIdentity:
    """Which network a stream needs: name, version and SHA-256 of the weights (zeros: none)."""

    name: str
    version: str
    sha256: bytes = bytes(32)


@dataclass(frozen=True)
class AudioParameters:
    """Audio set-up. `codec` 1 is Opus, with `extradata` its OpusHead and times in 1/sample_rate."""

    codec: int = 1
    sample_rate: int = 48000
    channels: int = 1
    pre_skip: int = 0
    extradata: bytes = b""


class StillCodec(IntEnum):
    """How a still is coded (ids of spec section 6.1; 4 is reserved).

    ``JPEG``: the bare scan of a 4:2:0 baseline JPEG whose tables stand in the stream header.
    ``WEBP``: the VP8 key frame (RFC 6386) out of a simple lossy WebP file. ``COMPLETE_JPEG``: a
    baseline JPEG file of one scan. ``AV1``: a frame that may build on the still before it.
    """

    JPEG = 1
    WEBP = 2
    COMPLETE_JPEG = 3
    AV1 = 5

    @property
    def label(self) -> str:
        """What users call it."""
        return "jpeg-complete" if self is StillCodec.COMPLETE_JPEG else self.name.lower()


class TransitionKind(IntEnum):
    """How two sources are mixed (ids of spec section 7.4)."""

    FADE = 1
    BLEND = 2
    FLOW = 3


@dataclass(frozen=True)
class Transition:
    """How a switch between sources is shown: `frames` of 1..64 show both of them."""

    kind: int
    frames: int


class Crop(NamedTuple):
    """The rectangle of the input picture that is coded, in pixels; it may reach outside."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class StreamHeader:
    """The first record.

    Attributes:
        width, height: input picture, pixels.
        coded_size: side of the square picture that the animator makes, pixels.
        crop: part of the input picture that is coded, until a source record changes it.
        time_base: duration of a tick, seconds.
        frame_duration: usual distance of two frames in ticks; 0 when there is none.
        keypoint_model: shape and steps of the motion.
        coder: entropy coder of the motion: 0 raw, 1 zstd, 2 adaptive range coder.
        live: one frame per motion packet.
        bank_size: sources that are valid at one time.
        animator, upscaler: networks that the decoder needs.
        still_codec: a StillCodec.
        jpeg_tables: DQT and DHT segments for codec 1, as in an abbreviated JPEG stream.
        audio: set-up of the audio, or None.
        transition: how a switch between sources is shown; None: as a cut.
    """

    width: int
    height: int
    coded_size: int
    crop: Crop
    time_base: Fraction
    frame_duration: int
    keypoint_model: KeypointModel
    animator: ModelIdentity
    upscaler: ModelIdentity
    coder: int = 2
    live: bool = False
    bank_size: int = 16
    still_codec: int = 1
    jpeg_tables: bytes = b""
    audio: AudioParameters | None = field(default=None)
    transition: Transition | None = None

    @classmethod
    def parse(cls, payload: bytes, offset: int = 0) -> StreamHeader:
        """Read a HEADER payload that begins at byte `offset`. Raises ThvError subclasses."""
        got = parse_fields(_LAYOUT, payload, offset)
        steps = {f"{name}_step": got.steps[name] for name in STEPS}
        jacobians, free = bool(got.flags & _JACOBIANS), got.free or 0
        try:
            model = KeypointModel(got.keypoints, got.dimensions, jacobians, **steps, free=free)
        except LimitError as error:  # the one limit that depends on another field
            raise error.located(offset + len(payload) - 1) from None
        return cls(
            width=got.width,
            height=got.height,
            coded_size=got.coded_size,
            crop=crop_from(got.crop),
            time_base=Fraction(got.time_num, got.time_den),
            frame_duration=got.frame_duration,
            keypoint_model=model,
            animator=_dataclass(ModelIdentity, got.animator),
            upscaler=_dataclass(ModelIdentity, got.upscaler),
            coder=got.coder,
            live=bool(got.flags & _LIVE),
            bank_size=got.bank_size,
            still_codec=got.still_codec,
            jpeg_tables=got.jpeg_tables,
            audio=None if got.audio is None else _dataclass(AudioParameters, got.audio),
            transition=got.transition and _dataclass(Transition, got.transition),
        )

    def to_payload(self) -> bytes:
        """The payload of a HEADER record. Raises LimitError for a field out of range."""
        model = self.keypoint_model
        flags = _LIVE * self.live | _AUDIO * (self.audio is not None)
        flags |= _JACOBIANS * model.jacobians | _FREE * bool(model.free)
        return build_fields(
            _LAYOUT,
            {
                **vars(self),
                "flags": flags | _TRANSITION * (self.transition is not None),
                "crop": Crop(*self.crop)._asdict(),
                "time_num": self.time_base.numerator,
                "time_den": self.time_base.denominator,
                "keypoints": model.keypoints,
                "dimensions": model.dimensions,
                "free": model.free or None,
                "steps": {name: getattr(model, f"{name}_step") for name in STEPS},
                "animator": vars(self.animator),
                "upscaler": vars(self.upscaler),
                "audio": self.audio and vars(self.audio),
                "transition": self.transition and vars(self.transition),
            },
        )


def crop_from(got: c.Container) -> Crop:
    """The Crop that the layout CROP parsed."""
    return Crop(got.x, got.y, got.width, got.height)


def _dataclass(kind: type[_T], got: c.Container) -> _T:
    return kind(**{item.name: got[item.name] for item in fields(kind)})  # type: ignore[arg-type]


CROP = c.Struct(
    "x" / Ranged(Zigzag, -limits.MAX_PICTURE, limits.MAX_PICTURE),
    "y" / Ranged(Zigzag, -limits.MAX_PICTURE, limits.MAX_PICTURE),
    "width" / Ranged(Varint, 1, limits.MAX_PICTURE),
    "height" / Ranged(Varint, 1, limits.MAX_PICTURE),
)
_IDENTITY = c.Struct(
    "name" / Text(limits.MAX_NAME),
    "version" / Text(limits.MAX_NAME),
    "sha256" / c.Bytes(32),
)
_AUDIO_SETUP = c.Struct(
    "codec" / Ranged(c.Int8ub, 1, 1),
    "sample_rate" / Ranged(Varint, 8000, 192000),
    "channels" / Ranged(c.Int8ub, 1, 8),
    "pre_skip" / Ranged(Varint, 0, 65535),
    "extradata" / Blob(limits.MAX_EXTRADATA),
)
_TRANSITION_SETUP = c.Struct(
    "kind" / Ranged(c.Int8ub, min(TransitionKind), max(TransitionKind)),
    "frames" / Ranged(Varint, 1, limits.MAX_TRANSITION),
)
_LAYOUT = c.Struct(
    "flags" / Flags(_LIVE | _AUDIO | _JACOBIANS | _FREE | _TRANSITION),
    "width" / Ranged(Varint, 1, limits.MAX_PICTURE),
    "height" / Ranged(Varint, 1, limits.MAX_PICTURE),
    "coded_size" / Ranged(Varint, limits.MIN_CODED, limits.MAX_CODED),
    "crop" / CROP,
    "time_num" / Ranged(Varint, 1, limits.MAX_TICKS),
    "time_den" / Ranged(Varint, 1, limits.MAX_TICKS),
    "frame_duration" / Ranged(Varint, 0, limits.MAX_TICKS),
    "keypoints" / Ranged(c.Int8ub, 1, limits.MAX_KEYPOINTS),
    "dimensions" / Ranged(c.Int8ub, 3, 3),
    "steps" / c.Struct(*(name / Ranged(Varint, 1, limits.MAX_STEP) for name in STEPS)),
    "coder" / Ranged(c.Int8ub, 0, 2),
    "bank_size" / Ranged(c.Int8ub, 1, limits.MAX_BANK),
    "still_codec" / Listed(c.Int8ub, list(StillCodec)),
    "animator" / _IDENTITY,
    "upscaler" / _IDENTITY,
    "jpeg_tables" / Blob(limits.MAX_TABLES),
    "audio" / c.If(lambda this: this.flags & _AUDIO, _AUDIO_SETUP),
    "free" / c.If(lambda this: this.flags & _FREE, Ranged(c.Int8ub, 1, limits.MAX_KEYPOINTS)),
    "transition" / c.If(lambda this: this.flags & _TRANSITION, _TRANSITION_SETUP),
)

"""The source record: one still picture and the keypoints that belong to it. Spec section 6."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import construct as c

from thcodec.bitstream import limits
from thcodec.bitstream.fields import (
    Blob,
    Flags,
    Listed,
    Ranged,
    Varint,
    Zigzag,
    build_fields,
    parse_fields,
)
from thcodec.bitstream.header import CROP, Crop, StillCodec, crop_from
from thcodec.bitstream.packet import Packet
from thcodec.entropy.coders import CoderId, VectorCoder
from thcodec.entropy.tables import Kind, canonical_kinds, motion_kinds
from thcodec.errors import LimitError, MalformedError, SequenceError, ThvError

_CROP, _BASE, _JACOBIANS = 1, 2, 4
_CODER_SHIFT = 4


@dataclass(frozen=True)
class SourceRecord:
    """One source.

    Attributes:
        source_id: 0..65535. It takes the bank's slot `source_id % bank_size` and evicts what was
            there.
        pts: presentation time of the frame that the still shows, ticks.
        codec: a StillCodec.
        width, height: size of the still, pixels.
        canonical: (3K,) quantised canonical keypoints.
        motion: quantised motion vector of the source frame itself.
        data: the coded still.
        crop: new crop rectangle when a new shot begins, else None.
        base_id: when set, `canonical` and `motion` are differences from that source; `resolved`
            adds them up.
        coder: entropy coder of the integers.
    """

    source_id: int
    pts: int
    codec: int
    width: int
    height: int
    canonical: tuple[int, ...]
    motion: tuple[int, ...]
    data: bytes
    crop: Crop | None = None
    base_id: int | None = None
    coder: int = CoderId.RANGE

    def __post_init__(self) -> None:
        object.__setattr__(self, "canonical", tuple(int(value) for value in self.canonical))
        object.__setattr__(self, "motion", tuple(int(value) for value in self.motion))

    @classmethod
    def parse(cls, payload: bytes, offset: int = 0) -> SourceRecord:
        """Read a SOURCE payload that begins at byte `offset`. Raises ThvError subclasses."""
        got = SourceHead.parse(payload, offset)
        jacobians = bool(got.flags & _JACOBIANS)
        kinds = _kinds(got.keypoints, jacobians)
        try:
            (values,) = VectorCoder(got.coder, kinds).decode(got.parameters, [False])
            _check(values, got.base_id is not None)
        except ThvError as error:
            raise error.moved(offset + got.parameters_at) from None
        split = len(kinds) - 3 * got.keypoints
        return cls(
            source_id=got.source_id,
            pts=got.pts,
            codec=got.codec,
            width=got.width,
            height=got.height,
            canonical=tuple(values[split:]),
            motion=tuple(values[:split]),
            data=got.data,
            crop=got.crop,
            base_id=got.base_id,
            coder=got.coder,
        )

    def to_payload(self) -> bytes:
        """The payload of a SOURCE record. Raises LimitError for a field out of range."""
        keypoints, rest = divmod(len(self.canonical), 3)
        jacobians = len(self.motion) == 7 + 12 * keypoints
        if rest or len(self.motion) != 7 + (12 if jacobians else 3) * keypoints:
            raise LimitError(
                f"{len(self.canonical)} canonical and {len(self.motion)} motion values do not "
                "belong to one keypoint model"
            )
        values = self.motion + self.canonical
        _check(values, self.base_id is not None)
        parameters = VectorCoder(self.coder, _kinds(keypoints, jacobians)).encode([values], [False])
        flags = _CROP * (self.crop is not None) | _BASE * (self.base_id is not None)
        return build_fields(
            _LAYOUT,
            {
                **vars(self),
                "flags": flags | _JACOBIANS * jacobians | int(self.coder) << _CODER_SHIFT,
                "crop": self.crop and Crop(*self.crop)._asdict(),
                "keypoints": keypoints,
                "parameters": parameters,
            },
        )

    def still_at(self, packet: Packet) -> int:
        """Where the still begins in the file that `packet`, from which this was parsed, is from."""
        return packet.payload_offset + len(packet.payload) - len(self.data)

    def relative_to(self, base: SourceRecord) -> SourceRecord:
        """This source coded as differences from `base`, which must itself be resolved."""
        return replace(
            self,
            base_id=base.source_id,
            canonical=_combine(self.canonical, base.canonical, -1),
            motion=_combine(self.motion, base.motion, -1),
        )

    def resolved(self, base: SourceRecord) -> SourceRecord:
        """The inverse of `relative_to`. Raises SequenceError when `base` is another source."""
        if self.base_id != base.source_id:
            raise SequenceError(f"source {self.source_id} needs source {self.base_id}")
        full = replace(
            self,
            base_id=None,
            canonical=_combine(self.canonical, base.canonical, 1),
            motion=_combine(self.motion, base.motion, 1),
        )
        _check(full.canonical + full.motion, False)
        return full


@dataclass(frozen=True)
class SourceHead:
    """A source record whose integers are still coded: all that `thcodec info` wants to know."""

    flags: int
    source_id: int
    pts: int
    codec: int
    width: int
    height: int
    keypoints: int
    crop: Crop | None
    base_id: int | None
    parameters: bytes
    parameters_at: int
    data: bytes

    @property
    def coder(self) -> int:
        """Entropy coder of the integers."""
        return self.flags >> _CODER_SHIFT

    @classmethod
    def parse(cls, payload: bytes, offset: int = 0) -> SourceHead:
        """Read a SOURCE payload that begins at byte `offset`. Raises ThvError subclasses."""
        got = parse_fields(_LAYOUT, payload, offset)
        if got.flags >> _CODER_SHIFT > max(CoderId):
            raise MalformedError("entropy coder 3 is reserved", offset)
        return cls(
            flags=got.flags,
            source_id=got.source_id,
            pts=got.pts,
            codec=got.codec,
            width=got.width,
            height=got.height,
            keypoints=got.keypoints,
            crop=None if got.crop is None else crop_from(got.crop),
            base_id=got.base_id,
            parameters=got.parameters,
            parameters_at=len(payload) - len(got.data) - len(got.parameters),
            data=got.data,
        )


def _kinds(keypoints: int, jacobians: bool) -> list[Kind]:
    return motion_kinds(keypoints, jacobians) + canonical_kinds(keypoints)


def _combine(values: Sequence[int], base: Sequence[int], sign: int) -> tuple[int, ...]:
    if len(values) != len(base):
        raise MalformedError("a source and its base have different keypoint models")
    return tuple(value + sign * other for value, other in zip(values, base, strict=True))


def _check(values: Sequence[int], difference: bool) -> None:
    cap = limits.MAX_VALUE * (2 if difference else 1)
    if any(abs(value) > cap for value in values):
        raise LimitError(f"a parameter of a source exceeds {cap}")


_LAYOUT = c.Struct(
    "flags" / Flags(_CROP | _BASE | _JACOBIANS | 3 << _CODER_SHIFT),
    "source_id" / Ranged(Varint, 0, 65535),
    "pts" / Ranged(Zigzag, -limits.MAX_TIME, limits.MAX_TIME),
    "codec" / Listed(c.Int8ub, list(StillCodec)),
    "width" / Ranged(Varint, 1, limits.MAX_CODED),
    "height" / Ranged(Varint, 1, limits.MAX_CODED),
    "keypoints" / Ranged(c.Int8ub, 1, limits.MAX_KEYPOINTS),
    "crop" / c.If(lambda this: this.flags & _CROP, CROP),
    "base_id" / c.If(lambda this: this.flags & _BASE, Ranged(Varint, 0, 65535)),
    "parameters" / Blob(limits.MAX_PARAMETERS),
    "data" / c.GreedyBytes,
)

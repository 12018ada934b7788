"""The other records: audio, metadata, index and end. Spec sections 9 to 12."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import construct as c

from thcodec.bitstream import limits
from thcodec.bitstream.fields import Flags, Ranged, Varint, Zigzag, build_fields, parse_fields
from thcodec.entropy.zstd import compress, decompress
from thcodec.errors import LimitError, MalformedError, ThvError, TruncatedError

_TIME = Ranged(Zigzag, -limits.MAX_TIME, limits.MAX_TIME)
_TIME_STEP = Ranged(Zigzag, -2 * limits.MAX_TIME, 2 * limits.MAX_TIME)
_TYPE = Ranged(c.Int8ub, 1, 127)
_SAME_DURATION, _SAME_LENGTH = 1, 2


@dataclass(frozen=True)
class AudioRecord:
    """Consecutive codec packets.

    Attributes:
        pts: time of the first sample that the first packet decodes to, in 1/sample_rate; a stream
            whose sound begins at 0 has its first packet at -pre_skip.
        packets: the codec's packets, each 1..65535 bytes.
        durations: of each packet in 1/sample_rate, 1..2**31-1.
    """

    pts: int
    packets: tuple[bytes, ...]
    durations: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "packets", tuple(self.packets))
        object.__setattr__(self, "durations", tuple(self.durations))
        if len(self.packets) != len(self.durations):
            raise LimitError(f"{len(self.packets)} packets have {len(self.durations)} durations")

    @classmethod
    def parse(cls, payload: bytes, offset: int = 0) -> AudioRecord:
        """Read an AUDIO payload that begins at byte `offset`. Raises ThvError subclasses."""
        got = parse_fields(_AUDIO, payload, offset)
        lengths = list(got.lengths) * (got.count if got.flags & _SAME_LENGTH else 1)
        durations = list(got.durations) * (got.count if got.flags & _SAME_DURATION else 1)
        ends = list(accumulate(lengths, initial=0))
        if ends[-1] != len(got.data):
            fault = TruncatedError if ends[-1] > len(got.data) else MalformedError
            message = f"audio packets of {ends[-1]} bytes in {len(got.data)} bytes"
            raise fault(message, offset + len(payload))
        packets = [got.data[start:end] for start, end in pairwise(ends)]
        return cls(got.pts, tuple(packets), tuple(durations))

    def to_payload(self) -> bytes:
        """The payload of an AUDIO record. Raises LimitError for a field out of range."""
        lengths = [len(packet) for packet in self.packets]
        same_duration = len(set(self.durations)) == 1
        same_length = len(set(lengths)) == 1
        return build_fields(
            _AUDIO,
            {
                "flags": _SAME_DURATION * same_duration | _SAME_LENGTH * same_length,
                "pts": self.pts,
                "count": len(lengths),
                "durations": self.durations[:1] if same_duration else self.durations,
                "lengths": lengths[:1] if same_length else lengths,
                "data": b"".join(self.packets),
            },
        )


@dataclass(frozen=True)
class Metadata:
    """A JSON object about the stream; readers ignore keys that they do not know."""

    values: dict[str, Any]

    @classmethod
    def parse(cls, payload: bytes, offset: int = 0) -> Metadata:
        """Read a METADATA payload that begins at byte `offset`. Raises ThvError subclasses."""
        gathered = GatheredMetadata()
        gathered.add(payload, offset)
        return cls(gathered.values)

    def to_payload(self) -> bytes:
        """The payload of a METADATA record. Raises LimitError when there is too much of it,
        MalformedError for what JSON cannot say."""
        try:
            data = _json(self.values)
        except (TypeError, ValueError) as error:
            raise MalformedError(f"the metadata does not fit JSON: {error}") from None
        if len(data) > limits.MAX_METADATA:
            raise LimitError(f"metadata of {len(data)} bytes, allowed is {limits.MAX_METADATA}")
        return compress(data)


class GatheredMetadata:
    """All metadata of a stream: its records share one limit of size.

    Attributes:
        values: what was said so far; later records replace keys of earlier ones.
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._room = limits.MAX_METADATA  # bytes, spent by what proves to be malformed too

    def add(self, payload: bytes, offset: int = 0) -> None:
        """Read a METADATA payload that begins at byte `offset`. Raises ThvError subclasses."""
        try:
            data = decompress(payload, self._room)
            self._room -= len(data)
            values = json.loads(data.decode("utf-8"))
            _json(values)  # Python reads more than JSON is: NaN, 1e999, half a surrogate pair
        except ThvError as error:
            raise error.moved(offset) from None
        except (ValueError, RecursionError):
            raise MalformedError("the metadata is not JSON in UTF-8", offset) from None
        if not isinstance(values, dict):
            raise MalformedError("the metadata is not a JSON object", offset)
        self.values |= values


def _json(values: dict[str, Any]) -> bytes:
    """Values as JSON in UTF-8. Raises TypeError or ValueError for what these cannot say."""
    text = json.dumps(
        values, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
    )
    return text.encode("utf-8")


@dataclass(frozen=True)
class IndexEntry:
    """Where decoding can start: a source, or the first motion packet of a group.

    Attributes:
        type: SOURCE or MOTION.
        pts: presentation time in ticks.
        offset: of the record from the first byte of the file.
    """

    type: int
    pts: int
    offset: int


@dataclass(frozen=True)
class IndexRecord:
    """Entries in the order of the file; it can be rebuilt from the records themselves."""

    entries: tuple[IndexEntry, ...]

    @classmethod
    def parse(cls, payload: bytes, offset: int = 0) -> IndexRecord:
        """Read an INDEX payload that begins at byte `offset`. Raises ThvError subclasses."""
        entries = []
        pts = at = 0
        for item in parse_fields(_INDEX, payload, offset).entries:
            pts += item.pts
            at += item.distance
            if abs(pts) > limits.MAX_TIME or at > limits.MAX_TIME:
                raise LimitError("an index entry lies beyond every file", offset)
            entries.append(IndexEntry(item.type, pts, at))
        return cls(tuple(entries))

    def to_payload(self) -> bytes:
        """The payload of an INDEX record. Raises LimitError for a field out of range."""
        items = []
        pts = at = 0
        for entry in self.entries:
            items.append(
                {"type": entry.type, "pts": entry.pts - pts, "distance": entry.offset - at}
            )
            pts, at = entry.pts, entry.offset
        return build_fields(_INDEX, {"count": len(items), "entries": items})


@dataclass(frozen=True)
class Totals:
    """Sum over the records of one type: how many, and their bytes with framing."""

    records: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class EndRecord:
    """The last record: what the file should hold.

    Attributes:
        frames: motion frames.
        duration: from the first frame's presentation time to the end of the last frame, ticks.
        totals: by record type, of all records before this one.
        index_offset: where the index record begins, 0 when there is none.
    """

    frames: int
    duration: int
    totals: dict[int, Totals] = field(default_factory=dict)
    index_offset: int = 0

    @property
    def sources(self) -> int:
        """Source records."""
        return self.totals.get(2, Totals()).records

    @classmethod
    def parse(cls, payload: bytes, offset: int = 0) -> EndRecord:
        """Read an END payload that begins at byte `offset`. Raises ThvError subclasses."""
        got = parse_fields(_END, payload, offset)
        totals = {item.type: Totals(item.records, item.bytes) for item in got.totals}
        if list(totals) != sorted(item.type for item in got.totals):
            raise MalformedError("the totals are not in ascending order of type", offset)
        return cls(got.frames, got.duration, totals, got.index_offset)

    def to_payload(self) -> bytes:
        """The payload of an END record. Raises LimitError for a field out of range."""
        totals = [{"type": kind, **vars(total)} for kind, total in sorted(self.totals.items())]
        return build_fields(_END, {**vars(self), "count": len(totals), "totals": totals})


_AUDIO = c.Struct(
    "flags" / Flags(_SAME_DURATION | _SAME_LENGTH),
    "pts" / _TIME,
    "count" / Ranged(Varint, 1, limits.MAX_AUDIO_PACKETS),
    "durations"
    / c.Array(
        lambda this: 1 if this.flags & _SAME_DURATION else this.count,
        Ranged(Varint, 1, limits.MAX_TICKS),
    ),
    "lengths"
    / c.Array(
        lambda this: 1 if this.flags & _SAME_LENGTH else this.count,
        Ranged(Varint, 1, 65535),
    ),
    "data" / c.GreedyBytes,
)
_INDEX = c.Struct(
    "count" / Ranged(Varint, 0, limits.MAX_INDEX),
    "entries"
    / c.Array(
        lambda this: this.count,
        c.Struct("type" / Ranged(c.Int8ub, 2, 3), "pts" / _TIME_STEP, "distance" / Varint),
    ),
)
_END = c.Struct(
    "frames" / Varint,
    "duration" / Varint,
    "count" / Ranged(Varint, 0, 127),
    "totals"
    / c.Array(
        lambda this: this.count,
        c.Struct("type" / _TYPE, "records" / Varint, "bytes" / Varint),
    ),
    "index_offset" / Varint,
)

"""The head of a motion packet: times, sources and prediction modes. Spec section 7.2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from thcodec.bitstream import limits
from thcodec.entropy.varint import read_varint, unzigzag, write_varint, zigzag
from thcodec.errors import LimitError, MalformedError, TimingError, TruncatedError

PREVIOUS = 2
_MODE, _LOW, _SOURCE, _SECOND, _TIMES, _RUN, _MORE = 3, 4, 8, 16, 32, 64, 128


@dataclass(frozen=True)
class Segment:
    """Consecutive frames that differ in their values and times only.

    Attributes:
        mode: 0 absolute, 1 from source, 2 from previous.
        count: frames, 1..1024.
        source_id: None when it is that of the frame before.
        second: second source's id and its weight in 1/255, or None.
        low_confidence: the extractor was unsure.
        steps: distance of each frame from the one before, ticks; None when each is the header's
            frame_duration. The first frame of a group has no step.
    """

    mode: int
    count: int = 1
    source_id: int | None = None
    second: tuple[int, int] | None = None
    low_confidence: bool = False
    steps: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        second_id, weight = self.second or (0, 0)
        for name, value, low, high in (
            ("source id", self.source_id or 0, 0, 65535),
            ("second source id", second_id, 0, 65535),
            ("blend", weight, 0, 255),
            *(("time step", step, 1, limits.MAX_TICKS) for step in self.steps or ()),
        ):
            _check(name, value, low, high)


@dataclass(frozen=True)
class MotionHead:
    """Head of a packet. `pts` is the first frame's time where a group starts, else None."""

    pts: int | None
    segments: tuple[Segment, ...]
    size: int = 0  # bytes, when parsed

    def __post_init__(self) -> None:
        _check("presentation time", self.pts or 0, -limits.MAX_TIME, limits.MAX_TIME)

    @property
    def frames(self) -> int:
        """Number of frames in the packet."""
        return sum(segment.count for segment in self.segments)

    @property
    def starts_group(self) -> bool:
        """Whether the packet needs no packet before it."""
        return self.segments[0].mode != PREVIOUS

    def check_work(self, values: int, body: int, offset: int | None = None) -> None:
        """Refuse what asks for more work than its bytes pay for, before it is decoded.

        `values` are the integers of a frame, `body` is the length of the coded ones in bytes,
        `offset` where they begin. Raises LimitError.
        """
        most = limits.FREE_MOTION_VALUES + limits.MOTION_VALUES_PER_BYTE * body
        most = min(most, limits.MAX_MOTION_VALUES)
        _check("number of values in a motion packet", self.frames * values, 1, most, offset)

    def times(self, previous: int | None, frame_duration: int) -> list[int]:
        """Presentation time of each frame.

        `previous` is that of the last frame of the packet before; ignored where a group starts.
        Raises TimingError when times leave their range or cannot be told.
        """
        now = previous
        out: list[int] = []
        for step in self._steps(frame_duration):
            if step is None:
                now = self.pts
            elif now is not None:
                now += step
            if now is None or not -limits.MAX_TIME <= now <= limits.MAX_TIME or step == 0:
                raise TimingError(f"no presentation time for frame {len(out)} of the packet")
            out.append(now)
        return out

    def _steps(self, frame_duration: int) -> Iterator[int | None]:
        first = self.starts_group
        for segment in self.segments:
            given = iter(segment.steps or ())
            for _ in range(segment.count):
                yield None if first else next(given, frame_duration)
                first = False

    @classmethod
    def parse(cls, payload: bytes, offset: int = 0) -> MotionHead:
        """Read the head of a MOTION payload that begins at byte `offset`.

        Raises TruncatedError, MalformedError or LimitError.
        """
        scan = _Scan(payload, offset)
        segments: list[Segment] = []
        frames = 0
        pts = None
        more = True
        while more:
            start = scan.at + offset
            flags = scan.byte()
            more = bool(flags & _MORE)
            mode = flags & _MODE
            if mode > PREVIOUS:
                raise MalformedError("prediction mode 3 is reserved", start)
            first_of_group = not segments and mode != PREVIOUS
            if first_of_group:
                pts = unzigzag(scan.number(0, 2 * limits.MAX_TIME, "presentation time"))
                if not flags & _SOURCE:
                    raise MalformedError("a group starts without a source id", start)
            room = limits.MAX_MOTION_FRAMES - frames
            count = scan.number(2, room, "frames in a motion packet") if flags & _RUN else 1
            frames += count
            if frames > limits.MAX_MOTION_FRAMES:
                raise LimitError(f"{frames} frames in a motion packet", start)
            source_id = scan.number(0, 65535, "source id") if flags & _SOURCE else None
            second = None
            if flags & _SECOND:
                second = (scan.number(0, 65535, "second source id"), scan.byte())
            steps = None
            if flags & _TIMES:
                if first_of_group and count == 1:
                    raise MalformedError("a step for an absolute time", start)
                needed = count - first_of_group
                steps = tuple(scan.number(1, limits.MAX_TICKS, "time step") for _ in range(needed))
            low = bool(flags & _LOW)
            segments.append(Segment(mode, count, source_id, second, low, steps))
        return cls(pts, tuple(segments), scan.at)

    def to_bytes(self) -> bytes:
        """The head's bytes; the coded values follow them."""
        out = bytearray()
        for index, segment in enumerate(self.segments):
            flags = segment.mode
            flags |= _LOW * segment.low_confidence
            flags |= _SOURCE * (segment.source_id is not None)
            flags |= _SECOND * (segment.second is not None)
            flags |= _TIMES * (segment.steps is not None)
            flags |= _RUN * (segment.count > 1)
            flags |= _MORE * (index + 1 < len(self.segments))
            out.append(flags)
            if index == 0 and self.pts is not None:
                out += write_varint(zigzag(self.pts))
            if segment.count > 1:
                out += write_varint(segment.count)
            if segment.source_id is not None:
                out += write_varint(segment.source_id)
            if segment.second is not None:
                out += write_varint(segment.second[0])
                out.append(segment.second[1])
            for step in segment.steps or ():
                out += write_varint(step)
        return bytes(out)


class _Scan:
    """A position in a payload; errors speak of bytes of the file."""

    def __init__(self, payload: bytes, offset: int) -> None:
        self._payload, self._offset, self.at = payload, offset, 0

    def byte(self) -> int:
        if self.at >= len(self._payload):
            raise TruncatedError("the motion packet ends in its head", self._offset + self.at)
        self.at += 1
        return self._payload[self.at - 1]

    def number(self, low: int, high: int, name: str) -> int:
        start = self.at
        try:
            value, self.at = read_varint(self._payload, start)
        except (TruncatedError, MalformedError) as error:
            raise error.moved(self._offset) from None
        _check(name, value, low, high, self._offset + start)
        return value


def _check(name: str, value: int, low: int, high: int, offset: int | None = None) -> None:
    if not low <= value <= high:
        raise LimitError(f"{name} is {value}, allowed is {low}..{high}", offset)

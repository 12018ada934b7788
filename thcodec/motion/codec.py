"""Frames of motion to packet payloads and back. Spec section 7."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from thcodec.bitstream.header import StreamHeader
from thcodec.bitstream.limits import (
    FREE_MOTION_VALUES,
    MAX_MOTION_FRAMES,
    MAX_MOTION_VALUES,
    MAX_VALUE,
    MOTION_VALUES_PER_BYTE,
)
from thcodec.bitstream.motion_head import MotionHead, Segment
from thcodec.bitstream.source import SourceRecord
from thcodec.entropy.coders import VectorCoder
from thcodec.entropy.tables import motion_kinds
from thcodec.errors import LimitError, MalformedError, SequenceError, ThvError, TimingError
from thcodec.motion.frame import MotionFrame, PredictionMode

Integers = NDArray[np.int32]


@dataclass
class _Previous:
    """The last frame of the packet before."""

    pts: int
    source_id: int
    values: Integers


class SourceBank:
    """Motion vectors of the sources that are valid, as sender and receiver both know them.

    A source takes slot `source_id % bank_size` and evicts what was there (spec section 6.2).
    """

    def __init__(self, header: StreamHeader) -> None:
        self._size = header.bank_size
        self._width = header.keypoint_model.size
        self._slots: dict[int, tuple[int, Integers]] = {}

    def add(self, source: SourceRecord) -> None:
        """Enter a source whose integers are resolved."""
        if source.base_id is not None or len(source.motion) != self._width:
            raise MalformedError(f"source {source.source_id} does not fit the keypoint model")
        values = np.array(source.motion, np.int32)
        self._slots[source.source_id % self._size] = source.source_id, values

    def __getitem__(self, source_id: int) -> Integers:
        """The source's own motion vector. Raises SequenceError when it is not in the bank."""
        held, values = self._slots.get(source_id % self._size, (None, None))
        if values is None or held != source_id:
            raise SequenceError(f"source {source_id} is not in the bank")
        return values


class _Codec:
    """What both directions share: the bank, the previous frame and the entropy coder."""

    def __init__(self, header: StreamHeader) -> None:
        self._model = header.keypoint_model
        self._frame_duration = header.frame_duration
        self._bank = SourceBank(header)
        kinds = motion_kinds(self._model.keypoints, self._model.jacobians)
        self._coder = VectorCoder(header.coder, kinds)
        self._previous: _Previous | None = None

    def add_source(self, source: SourceRecord) -> None:
        """Make a source known; SOURCE records come before the motion that names them."""
        self._bank.add(source)

    def _prediction(self, mode: int, source_id: int, previous: Integers | None) -> Integers:
        if mode == PredictionMode.SOURCE:
            return self._bank[source_id]
        if mode == PredictionMode.PREVIOUS and previous is not None:
            return previous
        return np.zeros(self._model.size, np.int32)


class MotionEncoder(_Codec):
    """Turns frames into MOTION payloads.

    Args:
        header: the stream's header: keypoint model, coder, frame duration, bank size.
    """

    @property
    def most_frames(self) -> int:
        """Frames that a packet can hold. Spec section 3."""
        return min(MAX_MOTION_FRAMES, MAX_MOTION_VALUES // self._model.size)

    def encode(self, frames: Sequence[MotionFrame]) -> bytes:
        """The payload of one packet of consecutive frames, 1..`most_frames`.

        The packet starts a group when its first frame is not predicted from the previous one;
        the first packet must. Raises SequenceError when a frame needs what is not there,
        TimingError when times do not increase, LimitError for values out of range.
        """
        if not 1 <= len(frames) <= self.most_frames:
            raise LimitError(f"{len(frames)} frames in a packet, allowed is 1..{self.most_frames}")
        starts = frames[0].mode != PredictionMode.PREVIOUS
        if not starts and self._previous is None:
            raise SequenceError("the first frame of a stream is predicted from the previous one")
        times = [] if self._previous is None else [self._previous.pts]
        times += [frame.pts for frame in frames]
        if any(late <= early for early, late in pairwise(times)):
            raise TimingError(f"presentation times do not increase: {times}")
        residuals = list(self._residuals(frames))
        head = MotionHead(frames[0].pts if starts else None, tuple(self._segments(frames, starts)))
        if starts:
            self._coder.reset()
        steps = [frame.mode == PredictionMode.PREVIOUS for frame in frames]
        body = self._coder.encode(residuals, steps)
        unpaid = self._model.size * len(frames) - FREE_MOTION_VALUES
        body = self._coder.padded(body, -(-unpaid // MOTION_VALUES_PER_BYTE))
        last = frames[-1]
        self._previous = _Previous(last.pts, last.source_id, np.array(last.values, np.int32))
        return head.to_bytes() + body

    def _residuals(self, frames: Sequence[MotionFrame]) -> Iterator[list[int]]:
        previous = self._previous.values if self._previous else None
        for frame in frames:
            values = np.asarray(frame.values, np.int64)
            if values.shape != (self._model.size,) or np.abs(values).max() > MAX_VALUE:
                raise LimitError(f"a motion vector has a wrong shape or exceeds {MAX_VALUE}")
            prediction = self._prediction(frame.mode, frame.source_id, previous)
            yield (values - prediction).tolist()
            previous = values.astype(np.int32)

    def _segments(self, frames: Sequence[MotionFrame], starts: bool) -> Iterator[Segment]:
        """Runs of frames that can share one segment of the head."""
        source_id = None if starts or self._previous is None else self._previous.source_id
        start = frames[0].pts if self._previous is None else self._previous.pts
        steps = [late - early for early, late in pairwise([start, *(f.pts for f in frames)])]
        if starts:
            steps[0] = self._frame_duration  # its time is absolute, nothing is to be said

        def shared(at: int) -> tuple[object, ...]:
            frame = frames[at]
            regular = steps[at] == self._frame_duration
            second = frame.second_source_id, frame.blend
            return frame.mode, frame.source_id, second, frame.low_confidence, regular

        for (*_, regular), run in groupby(range(len(frames)), shared):
            places = list(run)
            frame = frames[places[0]]
            second = frame.second_source_id
            yield Segment(
                mode=frame.mode,
                count=len(places),
                source_id=None if frame.source_id == source_id else frame.source_id,
                second=None if second is None else (second, frame.blend),
                low_confidence=frame.low_confidence,
                steps=None if regular else tuple(steps[at] for at in places),
            )
            source_id = frame.source_id


class MotionDecoder(_Codec):
    """Turns MOTION payloads back into frames, bit for bit.

    Args:
        header: the stream's header.
    """

    def __init__(self, header: StreamHeader) -> None:
        super().__init__(header)
        self._last_pts: int | None = None  # also of frames that a loss has cut off

    def lost(self) -> None:
        """A motion packet was lost: what depends on it is refused until the next group."""
        self._previous = None

    def decode(self, payload: bytes, offset: int = 0) -> list[MotionFrame]:
        """The frames of a payload that begins at byte `offset`.

        Raises SequenceError when a packet or source that it needs is missing, TimingError when
        times do not increase, and other ThvError for damaged data; after any of these, packets are
        refused until the next group starts.
        """
        previous, self._previous = self._previous, None
        head = MotionHead.parse(payload, offset)
        if previous is None and not head.starts_group:
            raise SequenceError("a motion packet before this one is missing", offset)
        head.check_work(self._model.size, len(payload) - head.size, offset + head.size)
        if head.starts_group:
            self._coder.reset()
        steps = [
            segment.mode == PredictionMode.PREVIOUS
            for segment in head.segments
            for _ in range(segment.count)
        ]
        try:
            times = head.times(previous.pts if previous else None, self._frame_duration)
            if self._last_pts is not None and times[0] <= self._last_pts:
                raise TimingError(f"presentation time {times[0]} follows {self._last_pts}")
            residuals = self._coder.decode(payload[head.size :], steps)
            frames = list(self._frames(head, times, residuals, previous))
        except ThvError as error:
            raise error.moved(offset + head.size) from None
        last = frames[-1]
        self._previous = _Previous(last.pts, last.source_id, last.values)
        self._last_pts = last.pts
        return frames

    def _frames(
        self,
        head: MotionHead,
        times: list[int],
        residuals: list[list[int]],
        before: _Previous | None,
    ) -> Iterator[MotionFrame]:
        source_id = before.source_id if before else 0
        previous = before.values if before else None
        rest = iter(zip(times, residuals, strict=True))
        for segment in head.segments:
            if segment.source_id is not None:
                source_id = segment.source_id
            second, blend = segment.second or (None, 0)
            mode = PredictionMode(segment.mode)
            for _ in range(segment.count):
                pts, residual = next(rest)
                prediction = self._prediction(mode, source_id, previous)
                values = prediction + np.array(residual, np.int64)
                if np.abs(values).max() > MAX_VALUE:
                    raise LimitError(f"a motion value at time {pts} exceeds {MAX_VALUE}")
                previous = values.astype(np.int32)
                yield MotionFrame(
                    pts, source_id, previous, second, blend, mode, segment.low_confidence
                )

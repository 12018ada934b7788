"""Which source each frame is made from, and which frames become sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from thcodec.bitstream import SourceRecord, StreamHeader
from thcodec.models.animator import Animator
from thcodec.models.upscaler import Upscaler
from thcodec.motion import Motion
from thcodec.pipeline.bank import Bank
from thcodec.pipeline.closed_loop import ClosedLoop
from thcodec.pipeline.coded_source import CodedSource, SourceMaker
from thcodec.pipeline.comparison import Comparison
from thcodec.pipeline.config import EncoderConfig
from thcodec.pipeline.link import Link
from thcodec.pipeline.seen import SeenFrame
from thcodec.sources.distance import distances
from thcodec.sources.look import likeness, strangeness
from thcodec.sources.policy import FrameView, make_policy

# Thousandths of ST-LPIPS by which another source must be nearer: a switch shows and costs bytes.
_MARGIN = 5.0
# What a score of 0, and a source that looks quite unlike the frame, count beside distances.
_FAULT = 20.0
_POOR, _FAIR = 0.3, 0.7  # scores of a source that is better replaced, and of one that may replace
_SCORES = 1 << 16  # that are kept for the stream's metadata
_WAIT = 12  # frames that a live stream waits for a fair score
_REST = 6  # frames from one search for a source that does not pay to the next
# What a poor or late source must save: as much as lies in so many frames at the limit. From limit
# 30 to 20, sources of ten development clips save 10 such frames each, from 40 to 30 they save 21.
_WORTH = 17
_SERVED = 60  # frames that a source may serve, where the shot is not seen to end

Pictured = CodedSource | SeenFrame


@dataclass(frozen=True)
class Chosen:
    """The source of a frame.

    Attributes:
        source: what the frame is made from.
        record: a new source, to be sent before the frame; it may be another one than ``source``,
            and is sent after the frame then in live streams.
        starts: the source is shown for the first time, so a group starts.
        motion: of the frame relative to the source, as the animator has it; None without a face.
    """

    source: CodedSource
    record: SourceRecord | None
    starts: bool
    motion: Motion | None


class SourceChoice:
    """Chooses the sources of one stream, frame by frame.

    Every policy but ``interval`` avoids shut eyes, blur and covered faces: in files the source is
    the best frame of a window that begins with the frame that wants it, and none where one that
    is held does as well, or nearly, if the frame is poor or the shot all but over; a live stream
    waits a little, replaces a poor source once a fair one comes along, and shows a source from
    the frame after its own on.

    Args:
        config: see EncoderConfig.
        header: of the stream.
        animator, upscaler: of the stream.
        maker: makes the sources.
        link: over which they may be lost, or None.
        compares: pictures tell how far sources are from frames; otherwise keypoints do alone.
    """

    def __init__(
        self,
        config: EncoderConfig,
        header: StreamHeader,
        animator: Animator,
        upscaler: Upscaler,
        maker: SourceMaker,
        link: Link | None,
        *,
        compares: bool,
    ) -> None:
        self._comparison = Comparison(animator)
        self._compares = compares
        self._plain = config.policy_name == "interval"
        self._policy = make_policy(
            config.policy_name, interval=config.frames_apart, limit=config.limit
        )
        self._limit = config.limit
        self._one = config.bank_size == 1
        self._live = header.live
        self._ahead = 0 if header.live else config.frames_ahead
        self._free = header.keypoint_model.free
        self._bank = Bank(header.bank_size)
        self._maker = maker
        self._link = link
        self._crop = header.crop
        self._loop: ClosedLoop | None = None
        if config.policy_name == "quality":
            self._loop = ClosedLoop(header, animator, upscaler)
        self._source: CodedSource | None = None
        self._coming: CodedSource | None = None  # sent, to be shown when the receiver is ready
        self._due: int | None = None  # since when a live stream waits for a fair score
        self._refused = -_REST  # the frame that wanted a source last which did not pay
        self.scores: list[int] = []  # of the sources sent, in hundredths

    @property
    def waits(self) -> bool:
        """Whether a frame's source depends on how the frames before were coded."""
        return self._policy.waits

    def choose(self, at: SeenFrame, ahead: Sequence[SeenFrame], affordable: float) -> Chosen:
        """The source of the next frame.

        Args:
            at: the frame.
            ahead: frames that follow it and may become its source.
            affordable: see FrameView.
        """
        if at.frame.new_shot:
            self._bank.begin_shot()
            self._coming = None
        before, record = self._source, None
        self._show_best(at, before)
        if self._wanted(at, affordable) and (self._must(at) or at.index >= self._refused + _REST):
            window = self._window(at, ahead)
            still = self._pick(window)
            if self._must(at) or self._pays(still, window, ends=self._ends(ahead)):
                record = self._send(still, at)
                if self._coming is None and not at.frame.new_shot:
                    self._show_nearest(at, before)
            else:
                self._refused = at.index
        source = self._source
        if source is None:
            raise RuntimeError("a policy wants no source for the first frame")
        self._bank.use(source)
        starts, source.shown = not source.shown and source is not before, True
        motion = self._comparison.motion(at, source) if at.sure else None
        return Chosen(source, record, starts, motion)

    def coded(self, at: SeenFrame) -> None:
        """Take note of the integers that a frame was coded with; they stand in its source."""
        if self._loop is not None and at.sure and self._source is not None:
            picture = at.frame.picture
            self._loop.watch(at.index, self._source.id, self._source.values, picture)

    def _show_best(self, at: SeenFrame, before: CodedSource | None) -> None:
        """Go over to a source that was sent and is ready, or to another that is held."""
        looks = not self._compares or self._comparison.is_due(at)
        if self._coming is not None and self._is_ready(self._coming):
            self._show(self._coming)
            looks = self._link is None
        if looks and not at.frame.new_shot:
            self._show_nearest(at, before)

    def _is_ready(self, source: CodedSource) -> bool:
        """Whether the receiver may be shown a source that was sent with a frame before."""
        link = self._link
        return link is None or not link.heard or link.holds(source.id)

    def _show(self, source: CodedSource) -> None:
        self._source, self._coming = source, None
        if self._link is not None:
            self._link.wanted = {source.id}

    def _show_nearest(self, at: SeenFrame, before: CodedSource | None) -> None:
        """Go over to another source that is held, where that is much nearer.

        By pictures it must be nearer than that of the frame before, even if it was just sent.
        """
        now = self._source
        if now is None or not at.sure:
            return
        shown = [now, *self._others(at)]
        if len(shown) == 1:
            return
        away = self._away(at, shown, before)
        stays = before if self._compares and before in shown else now
        away[shown.index(stays)] -= _MARGIN
        self._source = shown[int(away.argmin())]
        if self._source is not now and self._link is not None:
            self._link.wanted = {self._source.id, *([self._coming.id] if self._coming else [])}

    def _away(
        self, at: SeenFrame, shown: Sequence[CodedSource], before: CodedSource | None
    ) -> np.ndarray:
        """How far a frame is from each source, that is shown first, with what counts beside it."""
        near = distances([one.pose for one in shown], [at.pose], self._free)[:, 0]
        if self._compares:
            near = self._comparison.unlikeness(at, shown, near, before)
        # A hand that only the source has is more than its few pixels: hence also with pictures.
        return near + self._faults(shown) + self._strange(shown, [at])[:, 0]

    def _others(self, at: SeenFrame) -> list[CodedSource]:
        """The other sources that a frame may be made from; the poor ones serve poor frames only."""
        if self._one:
            return []
        return [
            source
            for source in self._bank.candidates
            if source is not self._source and source is not self._coming
            if source.sure and (self._plain or source.score >= min(_POOR, at.score))
            if self._link is None or self._link.holds(source.id)
        ]

    def _wanted(self, at: SeenFrame, affordable: float) -> bool:
        """Whether a source is sent now."""
        now = self._source
        distance = 0.0
        looked_at = self._policy.by_distance and at.sure and not at.frame.new_shot
        if now is not None and looked_at:
            distance = self._distance(at, now)
        error = self._loop.error if self._loop is not None else None
        view = FrameView(at.index, at.frame.new_shot, at.sure, distance, error, affordable)
        wanted = self._policy.decide(view)
        if now is None or self._must(at):
            self._due = None
            return True
        if self._coming is not None:
            return False
        if self._plain:
            return wanted
        if wanted and self._due is None:
            self._due = at.index
        if now.score < _POOR and at.score >= _FAIR:
            wanted = True
        elif self._due is not None:
            late = at.index - self._due >= _WAIT
            wanted = at.sure and (not self._live or at.score >= _FAIR or late)
        if wanted:
            self._due = None
        return wanted

    def _distance(self, at: SeenFrame, now: CodedSource) -> float:
        """How far a frame is from its source: by keypoints, which see no hand that another source
        would not show either, and no more than by pictures, which know what looks alike.
        """
        near = distances([now.pose], [at.pose], self._free) + self._missed([now], [at])
        distance = float(near[0, 0])
        if self._compares:
            distance = min(distance, self._comparison.shown(at, now))
        return distance

    def _must(self, at: SeenFrame) -> bool:
        """Whether there is nothing else to show. Without a face a source is only a stopgap."""
        now = self._source
        return now is None or at.frame.new_shot or (at.sure and not now.sure)

    def _window(self, at: SeenFrame, ahead: Sequence[SeenFrame]) -> list[SeenFrame]:
        """Frames that a source may be made of, and will serve: faces of the same shot."""
        same = takewhile(lambda frame: not frame.frame.new_shot, ahead)
        return [at] if self._plain else [frame for frame in (at, *same) if frame.sure] or [at]

    def _ends(self, ahead: Sequence[SeenFrame]) -> bool:
        """Whether the shot is seen to end."""
        return len(ahead) < self._ahead or any(frame.frame.new_shot for frame in ahead)

    def _pick(self, window: Sequence[SeenFrame]) -> SeenFrame:
        """The frame that serves the window best: near to all of it, and a good source."""
        costs = self._costs(window, window) + self._missed(window, window)
        return window[int(costs.mean(1).argmin())]

    def _pays(self, still: SeenFrame, window: Sequence[SeenFrame], *, ends: bool) -> bool:
        """Whether a source is worth its bytes."""
        held = [self._source] if self._source is not None else []
        held += self._others(window[0])
        if not self._ahead or not held:
            return True
        if any(source.pose is still.pose for source in self._bank.candidates):
            return False
        if not ends and still.score >= _POOR:
            return True
        costs = self._costs([still, *held], window) + self._missed([still, *held], window)
        saved = float((costs[1:].min(0) - costs[0]).mean())
        if self._loop is not None:
            saved = max(saved, self._loop.error or 0.0)
        served = len(window) if ends else max(_SERVED, len(window))
        return saved * served > _WORTH * self._limit

    def _costs(self, stills: Sequence[Pictured], frames: Sequence[SeenFrame]) -> np.ndarray:
        """What it costs (n, m) to show m frames by n stills; faults count like distances."""
        poses = [still.pose for still in stills], [frame.pose for frame in frames]
        return distances(*poses, self._free) + self._faults(stills)[:, None]

    def _faults(self, stills: Sequence[Pictured]) -> np.ndarray:
        """What the faults of n stills count beside distances, (n,)."""
        return np.array([0.0 if self._plain else _FAULT * (1 - still.score) for still in stills])

    def _missed(self, stills: Sequence[Pictured], frames: Sequence[SeenFrame]) -> np.ndarray:
        """As ``_strange``, but what comes before a face wants no source; what has gone does."""
        return self._strange(stills, frames) * [frame.score for frame in frames]

    def _strange(self, stills: Sequence[Pictured], frames: Sequence[SeenFrame]) -> np.ndarray:
        """What it counts (n, m), beside distances, that m frames look unlike n stills."""
        looks = [[one.look for one in each if one.look is not None] for each in (stills, frames)]
        if self._plain or len(looks[0]) < len(stills) or len(looks[1]) < len(frames):
            return np.zeros((len(stills), len(frames)))
        return _FAULT * strangeness(likeness(*looks))

    def _send(self, still: SeenFrame, at: SeenFrame) -> SourceRecord:
        """Make a source of ``still``, to be sent with ``at``; show it. A live stream waits, where
        it can, for the next frame, for which the receiver has it ready, or, where it may be lost,
        until it has arrived.
        """
        now = self._source
        made = self._maker.make(self._bank.next_id(now), still)
        frame = still.frame
        opens = frame.crop != self._crop or (at.frame.new_shot and now is not None)
        record = self._maker.record(made, frame, frame.crop if opens else None)
        self._crop = frame.crop
        if not self._plain and len(self.scores) < _SCORES:
            self.scores.append(round(100 * still.score))
        self._bank.enter(made)
        if self._loop is not None:
            self._loop.add(record, frame.picture)
        link = self._link
        may_wait = (self._live and not self._plain) or (link is not None and link.heard)
        if now is not None and now.sure and not at.frame.new_shot and may_wait:
            self._coming = made
            if link is not None:
                link.wanted = {now.id, made.id}
        else:
            self._show(made)
        return record

"""Which source each frame is made from, and which frames become sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from thcodec.bitstream import SourceRecord, StreamHeader
from thcodec.models.animator import Animator
from thcodec.models.upscaler import Upscaler
from thcodec.pipeline.bank import Bank
from thcodec.pipeline.closed_loop import ClosedLoop
from thcodec.pipeline.coded_source import CodedSource, SourceMaker
from thcodec.pipeline.config import EncoderConfig
from thcodec.pipeline.link import Link
from thcodec.pipeline.seen import SeenFrame
from thcodec.sources.distance import distances
from thcodec.sources.policy import FrameView, make_policy

# Thousandths of ST-LPIPS by which another source must be nearer: a switch shows and costs bytes.
_MARGIN = 5.0
_FAULT = 20.0  # what a score of 0 counts, beside distances, when a frame is picked as source
_POOR, _FAIR = 0.3, 0.7  # scores of a source that is better replaced, and of one that may replace
_SCORES = 1 << 16  # that are kept for the stream's metadata
_WAIT = 12  # frames that a live stream waits for a fair score


@dataclass(frozen=True)
class Chosen:
    """The source of a frame.

    Attributes:
        source: what the frame is made from.
        record: a new source, to be sent before the frame; it may be another one than ``source``.
        starts: the source is shown for the first time, so a group starts.
    """

    source: CodedSource
    record: SourceRecord | None
    starts: bool


class SourceChoice:
    """Chooses the sources of one stream, frame by frame.

    Every policy but ``interval`` avoids shut eyes, blur and covered faces: in files the source is
    the best frame of a window that begins with the frame that wants it; a live stream waits a
    little, and replaces a poor source once a fair one comes along.

    Args:
        config: see EncoderConfig.
        header: of the stream.
        animator, upscaler: of the stream.
        maker: makes the sources.
        link: over which they may be lost, or None.
    """

    def __init__(
        self,
        config: EncoderConfig,
        header: StreamHeader,
        animator: Animator,
        upscaler: Upscaler,
        maker: SourceMaker,
        link: Link | None,
    ) -> None:
        self._plain = config.policy_name == "interval"
        self._policy = make_policy(
            config.policy_name, interval=config.frames_apart, limit=config.limit
        )
        self._one = config.bank_size == 1
        self._live = header.live
        self._free = header.keypoint_model.free
        self._bank = Bank(header.bank_size)
        self._maker = maker
        self._link = link
        self._crop = header.crop
        self._loop: ClosedLoop | None = None
        if config.policy_name == "quality":
            self._loop = ClosedLoop(header, animator, upscaler)
        self._source: CodedSource | None = None
        self._coming: CodedSource | None = None  # sent, and not known to have arrived
        self._due: int | None = None  # since when a live stream waits for a fair score
        self.scores: list[int] = []  # of the sources sent, in hundredths

    def choose(self, at: SeenFrame, ahead: Sequence[SeenFrame], affordable: float) -> Chosen:
        """The source of the next frame.

        Args:
            at: the frame.
            ahead: frames that follow it and may become its source.
            affordable: see FrameView.
        """
        if at.frame.new_shot:
            self._bank.begin_shot()
        before, record = self._source, None
        if self._coming is not None and self._link and self._link.holds(self._coming.id):
            self._show(self._coming)
        elif self._source is not None and not at.frame.new_shot:
            self._show_nearest(at)
        if self._wanted(at, affordable):
            record = self._send(self._pick(at, ahead), at)
            if not self._one and self._coming is None and not at.frame.new_shot:
                self._show_nearest(at)
        source = self._source
        if source is None:
            raise RuntimeError("a policy wants no source for the first frame")
        self._bank.use(source)
        starts, source.shown = not source.shown and source is not before, True
        return Chosen(source, record, starts)

    def coded(self, at: SeenFrame) -> None:
        """Take note of the integers that a frame was coded with; they stand in its source."""
        if self._loop is not None and at.sure and self._source is not None:
            picture = at.frame.picture
            self._loop.watch(at.index, self._source.id, self._source.values, picture)

    def _show(self, source: CodedSource) -> None:
        self._source, self._coming = source, None
        if self._link is not None:
            self._link.wanted = {source.id}

    def _show_nearest(self, at: SeenFrame) -> None:
        """Go over to another source that is held, where that is much nearer."""
        now = self._source
        if now is None or self._one or not at.sure:
            return
        others = [source for source in self._bank.candidates if self._shows(source)]
        if not others:
            return
        away = distances([s.pose for s in (now, *others)], [at.pose], self._free)[:, 0]
        nearest = int(away.argmin())
        if nearest and away[nearest] + _MARGIN < away[0]:
            self._source = others[nearest - 1]
            if self._link is not None:
                self._link.wanted = {self._source.id, *([self._coming.id] if self._coming else [])}

    def _shows(self, source: CodedSource) -> bool:
        """Whether a source that was sent is a choice: another one, no poor one, at the receiver."""
        poor = not source.sure or (source.score < _POOR and not self._plain)
        if poor or source is self._source or source is self._coming:
            return False
        return self._link is None or self._link.holds(source.id)

    def _wanted(self, at: SeenFrame, affordable: float) -> bool:
        """Whether a source is sent now."""
        now = self._source
        distance = 0.0
        if now is not None and at.sure and not at.frame.new_shot:
            distance = float(distances([now.pose], [at.pose], self._free)[0, 0])
        error = self._loop.error if self._loop is not None else None
        view = FrameView(at.index, at.frame.new_shot, at.sure, distance, error, affordable)
        wanted = self._policy.decide(view)
        # A source without a face is only a stopgap until one is seen.
        if now is None or at.frame.new_shot or (at.sure and not now.sure):
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

    def _pick(self, at: SeenFrame, ahead: Sequence[SeenFrame]) -> SeenFrame:
        """The frame that serves the window best: near to all of it, and a good source."""
        same = takewhile(lambda frame: not frame.frame.new_shot, ahead)
        window = [frame for frame in (at, *same) if frame.sure]
        if not window or self._plain:
            return at
        poses = [frame.pose for frame in window]
        cost = distances(poses, poses, self._free).mean(1)
        cost += [_FAULT * (1 - frame.score) for frame in window]
        return window[int(cost.argmin())]

    def _send(self, still: SeenFrame, at: SeenFrame) -> SourceRecord:
        """Make a source of ``still``, to be sent before ``at``; show it, unless it may be lost."""
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
        if now is not None and now.sure and not at.frame.new_shot and link and link.heard:
            self._coming = made
            link.wanted = {now.id, made.id}
        else:
            self._show(made)
        return record

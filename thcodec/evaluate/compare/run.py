"""The comparison itself: files in, figures and a few pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from thcodec.bitstream.header import Crop
from thcodec.errors import MediaError
from thcodec.evaluate.compare.alignment import Alignment
from thcodec.evaluate.compare.metrics import METRICS, Curves, Meters, Watcher, too_small
from thcodec.evaluate.compare.moments import Keeper, Kept, Moment
from thcodec.evaluate.compare.views import Playback, Size, open_view
from thcodec.evaluate.shimmer import ClipShimmer
from thcodec.media.video_input import VideoInput
from thcodec.pipeline.config import DecoderConfig
from thcodec.pipeline.summary import Progress, ProgressCallback


@dataclass(frozen=True)
class Candidate:
    """What was found of one file.

    kbits: rate of its pictures, kbit/s over its own duration. matched, missing: frames of the
    original for which it shows a picture, and for which it has ended. switches: times in seconds
    at which another source takes over. lost: frames in which no face was found where the original
    shows one.
    """

    name: str
    size: Size
    kbits: float
    matched: int
    missing: int
    curves: Curves
    shimmer: ClipShimmer | None
    switches: list[float]
    lost: int
    notes: list[str]


@dataclass(frozen=True)
class Comparison:
    """All of it. seconds: duration of the original. side: (width, height) of what is compared."""

    original: str
    frames: int
    seconds: float
    side: tuple[int, int]
    step: int
    candidates: list[Candidate]
    moments: list[Kept]
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: means, what one frame in twenty is worse than, and every scored frame."""
        return {
            "original": self.original,
            "frames": self.frames,
            "seconds": self.seconds,
            "compared_at": list(self.side),
            "scored_every": self.step,
            "metrics": {m.key: {"more_is_better": m.more, "about": m.about} for m in METRICS},
            "candidates": [_candidate(candidate) for candidate in self.candidates],
            "notes": self.notes,
        }


def compare(
    original: Path,
    candidates: Sequence[Path],
    *,
    step: int = 1,
    crop: Crop | None = None,
    config: DecoderConfig | None = None,
    progress: ProgressCallback | None = None,
) -> Comparison:
    """Compare videos and .thv streams with their original, frame by frame of the original.

    A candidate is judged by the picture it shows at the time of each frame of the original, give or
    take half a frame; times count from each file's first picture. Which part of the picture is
    compared, and at what size, is told in ``alignment``. All files are read once, side by side:
    besides some 64 bytes of figures a frame, memory does not grow with their length.

    Args:
        original: a video.
        candidates: at least one file.
        step: frames of the original from one that is scored to the next; flicker, shimmer and the
            face mesh take every frame.
        crop: the part of the original that is compared when no candidate is a stream.
        config: how streams are decoded.
        progress: called after every frame.

    Raises:
        MediaError: a file is no video, shows another part of the picture, or has no frame at the
            time of any of the original's.
        ThvError: other subclasses, for a stream that cannot be decoded.
        OSError: a file cannot be read.
    """
    views = [open_view(path, config or DecoderConfig()) for path in candidates]
    meters, keeper = Meters(), Keeper(len(views))
    with VideoInput(original, audio=False) as video:
        alignment = Alignment(views, video.width, video.height, crop)
        session = _Session(alignment, [Playback(view) for view in views], meters, keeper, step)
        total = video.duration * video.time_base if video.duration else None
        slack = 1 / video.frame_rate / 2 if video.frame_rate else Fraction(1, 50)
        start = None
        for number, frame in zip(count(), video.frames()):
            start = frame.pts if start is None else start
            time = (frame.pts - start) * video.time_base
            session.push(frame.rgb, number, time, slack)
            if progress is not None:
                share = min(1.0, float(time / total)) if total else None
                progress(Progress(number + 1, 0, share))
        notes = [video.damaged] if video.damaged else []
    seconds = float(time + 2 * slack)
    small = too_small(alignment.size)
    notes += meters.notes + ([small] if small else [])
    found = session.finish()
    kept = keeper.kept([candidate.name for candidate in found])
    return Comparison(
        Path(original).name, number + 1, seconds, alignment.size, step, found, kept, notes
    )


class _Session:
    """The files while they are read."""

    def __init__(
        self,
        alignment: Alignment,
        playbacks: list[Playback],
        meters: Meters,
        keeper: Keeper,
        step: int,
    ) -> None:
        self._alignment, self._playbacks, self._keeper = alignment, playbacks, keeper
        self._views = [playback.view for playback in playbacks]
        self._watchers = [Watcher(meters) for _ in playbacks]
        self._tracker = meters.tracker()
        self._step = step
        self._matched = [0] * len(playbacks)
        self._missing = [0] * len(playbacks)

    def push(self, rgb: np.ndarray, number: int, time: Fraction, slack: Fraction) -> None:
        """The next frame of the original."""
        shown = [playback.at(time, slack) for playback in self._playbacks]
        part = self._alignment.part(self._views, shown)
        original = self._alignment.original(rgb, part)
        points = None if self._tracker is None else self._tracker.follow(original)
        pictures = [
            None if picture is None else self._alignment.candidate(view.name, picture, part)
            for view, picture in zip(self._views, shown, strict=True)
        ]
        figures = [
            self._look(index, number, float(time), (original, picture), points)
            for index, picture in enumerate(pictures)
        ]
        if number % self._step == 0:
            moment = Moment(number, float(time), original, tuple(pictures), tuple(figures))
            self._keeper.offer(moment)

    def _look(
        self,
        index: int,
        number: int,
        time: float,
        both: tuple[np.ndarray, np.ndarray | None],
        points: np.ndarray | None,
    ) -> dict[str, float | None] | None:
        """Show a candidate's picture to its watcher; its figures where the frame is scored."""
        watcher, (original, picture) = self._watchers[index], both
        if picture is None:
            self._missing[index] += 1
            watcher.miss()
            return None
        self._matched[index] += 1
        if number % self._step:
            watcher.watch((original, picture), points)
            return None
        return watcher.look(number, time, (original, picture), points)

    def finish(self) -> list[Candidate]:
        """Read what is left of the candidates and add everything up."""
        found = []
        for index, (playback, watcher) in enumerate(
            zip(self._playbacks, self._watchers, strict=True)
        ):
            playback.finish()
            view, size = playback.view, playback.view.size()
            if not self._matched[index]:
                raise MediaError(f"{view.name} shows nothing at the times of the original")
            seconds = float(playback.end)
            found.append(
                Candidate(
                    view.name,
                    size,
                    size.pictures * 8 / 1000 / seconds,
                    self._matched[index],
                    self._missing[index],
                    watcher.curves,
                    watcher.shimmer(),
                    playback.switches,
                    watcher.lost,
                    view.notes,
                )
            )
        return found


def _candidate(candidate: Candidate) -> dict[str, Any]:
    curves = candidate.curves
    shimmer = candidate.shimmer
    regions = {} if shimmer is None else {"face": shimmer.face, "background": shimmer.background}
    return {
        "name": candidate.name,
        "bytes": {"file": candidate.size.file, "pictures": candidate.size.pictures},
        "bytes_by_kind": candidate.size.kinds,
        "kbit_per_s": candidate.kbits,
        "frames_matched": candidate.matched,
        "frames_missing": candidate.missing,
        "frames_without_face": candidate.lost,
        "mean": {metric.key: curves.mean(metric) for metric in METRICS},
        "one_in_twenty_is_worse": {metric.key: curves.low(metric) for metric in METRICS},
        "shimmer": {
            name: None if region is None or not region.original else region.ratio
            for name, region in regions.items()
        },
        "source_switches": candidate.switches,
        "per_frame": {
            "frame": curves.frames.tolist(),
            "time": curves.times.tolist(),
            **{key: [_known(value) for value in row] for key, row in curves.values.items()},
        },
        "notes": candidate.notes,
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value

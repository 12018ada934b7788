"""Rate and distortion: thcodec against H.264, H.265 and AV1, on clips of people never trained on.

Every codec goes through its settings on every clip of at least eight seconds, at most 250 frames at
25 a second; one frame in seven is scored. Bytes of conventional codecs are those of their coded
packets; bytes of thcodec are all records, header included. A curve is what a codec's settings reach
at best (sizes and presets together); BD-rate is taken clip by clip.

Sizes of the conventional codecs are checked against those in ``../shared/eval/baselines``. They are
kept in ``.cache``, so that only the first run takes long.

``python -m benchmarks.rate_distortion --clips lp_d3_s0 --limit 50 --quick`` is a quick look.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import anchors, common, rd_plot
from benchmarks.anchors import ANCHORS, TWO_SLICES, Anchor, Point
from benchmarks.bd_rate import Curve, bd_rate, envelope
from benchmarks.interval import measure
from benchmarks.quality import STEP
from benchmarks.sampling import SharedEyes
from thcodec.errors import ThvError
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.perceptual import Distance, load_stlpips
from thcodec.models import registry
from thcodec.pipeline.config import EncoderConfig

SHORTEST = 200  # frames of a clip that counts
OURS = "thcodec"
METRICS = ("psnr", "ssim", "stlpips")
BASELINES = common.ROOT.parent / "shared" / "eval" / "baselines"
TOLERANCE = 0.05  # by which bytes may differ from the baselines'
# Against which codec ST-LPIPS at equal quality shall cost how much less.
BD_TARGETS = {"libx265": -0.8, "libsvtav1": -0.6}
RATE_TARGETS = {5.0: 0.06, 3.0: 0.09}  # kbit/s in all -> ST-LPIPS
# What is spelt out stays when a default moves: points of different days can be compared.
_USUAL = EncoderConfig(crop="none", look_ahead=60)
# The family of settings, from few bytes to many; one more line is one more point.
SETTINGS = {
    f"{size} px q{quality}, {upscaler}, {policy} {value}{'' if align else ', align 0'}": replace(
        _USUAL,
        alignment=align,
        source_size=size,
        source_quality=quality,
        upscaler=upscaler,
        policy=policy,
        **({"limit": value} if policy == "threshold" else {"interval": value}),  # type: ignore[arg-type]
    )
    for size, quality, upscaler, policy, value, align in (
        (128, 10, "face", "best-frame", 250, 0),
        (128, 25, "face", "best-frame", 250, 0),
        (256, 1, "lanczos", "best-frame", 250, 0),
        (256, 10, "lanczos", "best-frame", 250, 0),
        (256, 10, "lanczos", "best-frame", 250, 1),
        (256, 25, "lanczos", "best-frame", 250, 1),
        (256, 25, "lanczos", "best-frame", 60, 1),
        (256, 25, "lanczos", "threshold", 30, 1),
        (256, 25, "lanczos", "threshold", 12, 1),
        (256, 25, "lanczos", "best-frame", 16, 1),
        (256, 25, "lanczos", "best-frame", 10, 1),
        (256, 45, "lanczos", "best-frame", 10, 1),
        (256, 80, "lanczos", "best-frame", 10, 1),
    )
}
QUICK = (
    "256 px q1, lanczos, best-frame 250, align 0",
    "256 px q25, lanczos, threshold 30",
    "256 px q80, lanczos, best-frame 10",
)


def main() -> None:
    """Measure all clips, save the figures, draw the curves."""
    parser = common.parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="few settings of every codec")
    options = parser.parse_args()
    network = common.load_network(options.weights)
    settings = usable({k: v for k, v in SETTINGS.items() if not options.quick or k in QUICK})
    chosen = [few(anchor) for anchor in ANCHORS] if options.quick else list(ANCHORS)
    stlpips = load_stlpips()
    clips: dict[str, dict[str, list[Point]]] = {}
    for clip in common.clips(options.data, options.clips):
        frames = read_frames(clip, options.limit)
        if len(frames) < min(SHORTEST, options.limit):
            print(f"{clip.stem}: shorter than {SHORTEST} frames, left out")
            continue
        found = clips[clip.stem] = {OURS: list(ours(frames, network, settings, stlpips))}
        for anchor in (*chosen, TWO_SLICES):
            found[anchor.name] = list(anchors.points(anchor, frames, STEP, stlpips))
            print(clip.stem, anchor.name, found[anchor.name][0], flush=True)
        check({clip.stem: found}, BASELINES, options.limit)  # now, not after the last clip
    if not clips:
        raise SystemExit("no clip is long enough")
    figures = {
        "frames": options.limit,
        "scored_every": STEP,
        "settings": {name: _setting(config) for name, config in settings.items()},
        **summary(clips),
        "baselines": check(clips, BASELINES, options.limit),
        "clips": {
            name: {codec: [asdict(point) for point in row] for codec, row in found.items()}
            for name, found in clips.items()
        },
    }
    print(json.dumps({key: figures[key] for key in ("targets", "bd_rate", "baselines")}, indent=1))
    common.save("rate_distortion", figures, options.results)
    rd_plot.draw(figures["mean"], options.results, stlpips is not None)


def usable(settings: dict[str, EncoderConfig]) -> dict[str, EncoderConfig]:
    """Those whose upscaler can be had here; says which cannot."""
    found = {}
    for name, config in settings.items():
        try:
            registry.load_upscaler(config.stills(live=False).upscaler)
        except ThvError as error:
            print(f"left out: {name}: {error}")
        else:
            found[name] = config
    return found


def few(anchor: Anchor) -> Anchor:
    """The same codec at the ends of its CRFs."""
    full, half, quarter = anchor.crfs
    return replace(anchor, crfs=((full[0], full[-1]), half[-1:], quarter[-1:]))


def ours(
    frames: list[np.ndarray],
    network: Any,
    settings: dict[str, EncoderConfig],
    stlpips: Distance | None,
) -> Iterator[Point]:
    """thcodec's points on a clip."""
    animator = SharedEyes(network)
    for name, config in settings.items():
        row = measure(frames, animator, config, stlpips)
        size = int(row["bytes"] or 0)
        kbps = size * 8 / 1000 / (len(frames) / common.FRAME_RATE)
        scores = {metric: row[metric] for metric in METRICS}
        point = Point(name, kbps, size, **scores)  # type: ignore[arg-type]
        print(point, flush=True)
        yield point


def summary(clips: dict[str, dict[str, list[Point]]]) -> dict[str, Any]:
    """Means over clips of every point, thcodec's against the targets, BD-rates."""
    codecs = [codec for codec in next(iter(clips.values())) if codec != TWO_SLICES.name]
    means = {codec: _means([found[codec] for found in clips.values()]) for codec in codecs}
    return {
        "mean": {codec: [asdict(point) for point in row] for codec, row in means.items()},
        "targets": [_target(means[OURS], rate, goal) for rate, goal in RATE_TARGETS.items()],
        "bd_rate": [
            _difference(clips, family, names, metric)
            for metric in METRICS
            for family, names in _families(codecs).items()
        ],
    }


def _families(codecs: Sequence[str]) -> dict[str, list[str]]:
    """Encoder -> all its presets: a user takes the best of them."""
    families: dict[str, list[str]] = {}
    for codec in codecs:
        if codec != OURS:
            families.setdefault(codec.split()[0], []).append(codec)
    return families


def _means(rows: list[list[Point]]) -> list[Point]:
    """Setting by setting over the clips, each counting the same."""
    return [
        Point(
            points[0].setting,
            float(np.mean([p.kbps for p in points])),
            round(float(np.mean([p.bytes for p in points]))),
            *(_mean([getattr(p, metric) for p in points]) for metric in METRICS),  # type: ignore[arg-type]
        )
        for points in zip(*rows, strict=True)
    ]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _target(points: list[Point], rate: float, goal: float) -> dict[str, Any]:
    """The best setting that keeps within a rate on average: one that was run, no interpolation."""
    within = [point for point in points if point.kbps <= rate and point.stlpips is not None]
    best = min(within, key=lambda point: point.stlpips or 0.0, default=None)
    reached = None if best is None else best.stlpips
    return {
        "kbps_at_most": rate,
        "stlpips_goal": goal,
        "setting": None if best is None else best.setting,
        "kbps": None if best is None else best.kbps,
        "stlpips": reached,
        "met": reached is not None and reached <= goal,
    }


def _difference(
    clips: dict[str, dict[str, list[Point]]], family: str, names: list[str], metric: str
) -> dict[str, Any]:
    """BD-rate of thcodec against an encoder: the mean over the clips that have a common range."""
    found, left_out = [], []
    for clip, codecs in clips.items():
        anchor = curve([point for name in names for point in codecs[name]], metric)
        own = curve(codecs[OURS], metric)
        result = bd_rate(anchor, own) if anchor and own else None
        if result is None:
            left_out.append(clip)
        else:
            found.append(result)
    goal = BD_TARGETS.get(family) if metric == "stlpips" else None
    rate = _mean([item.rate for item in found])
    return {
        "metric": metric,
        "against": family,
        "rate": rate,
        "clips": len(found),
        "no_common_range": left_out,
        "overlap_of_ours": _mean([item.overlap[0] for item in found]),
        "overlap_of_theirs": _mean([item.overlap[1] for item in found]),
        "goal": goal,
        "met": None if goal is None else rate is not None and rate <= goal,
    }


def curve(points: Sequence[Point], metric: str) -> Curve | None:
    """What some settings reach at best; ST-LPIPS is turned round, so that more is better."""
    known = [(p.kbps, getattr(p, metric)) for p in points if getattr(p, metric) is not None]
    if not known:
        return None
    sign = -1 if metric == "stlpips" else 1
    rates, values = zip(*known, strict=True)
    return envelope(rates, [sign * value for value in values])


def check(
    clips: dict[str, dict[str, list[Point]]], folder: Path, frames: int
) -> dict[str, Any] | None:
    """Bytes against those that others measured; None where there are none for these clips.

    Raises SystemExit when one differs by more than 5 %.
    """
    compared, worst = 0, 0.0
    names = {"x264": TWO_SLICES.name, "x265": "libx265 slow", "svtav1": "libsvtav1 4"}
    for clip, codecs in clips.items():
        path = folder / f"{clip}.json"
        for row in json.loads(path.read_text()) if path.is_file() else []:
            codec, _, divisor = row["codec"].partition("/")
            setting = f"1/{divisor or 1} crf {row['crf']}"
            same = [p for p in codecs.get(names[codec], []) if p.setting == setting]
            if not same or row["frames_ref"] != min(frames, row["frames_ref"]):
                continue
            away = abs(same[0].bytes / row["bytes"] - 1)
            compared, worst = compared + 1, max(worst, away)
            if away > TOLERANCE:
                raise SystemExit(f"{clip} {row}: {same[0]} differs by {away:.1%}")
    return {"points": compared, "largest_difference": worst} if compared else None


def _setting(config: EncoderConfig) -> dict[str, Any]:
    stills = config.stills(live=False)
    return {
        "still_codec": stills.codec.label,
        "source_size": stills.size,
        "source_quality": stills.quality,
        "policy": config.policy,
        "interval": config.interval,
        "limit": config.limit,
        "upscaler": stills.upscaler,
    }


if __name__ == "__main__":
    main()

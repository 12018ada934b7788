"""Which policy sends sources where they help: rate against quality, and eyes that start shut.

Each clip goes whole through Encoder and Decoder, once for each setting; every 13th frame is scored
against the original, the others are not synthesised. A setting is a point: bytes of source records
against ST-LPIPS, means over the clips. The intervals draw a curve; a setting's saving is how many
source bytes fewer it takes than that curve at its ST-LPIPS, and the same for all bytes.

Shut eyes: each clip where a blink is seen is cut, and played backwards where that leaves more of
it, so that it begins with shut eyes. What is measured is how far the decoded eyes open
(thcodec.evaluate.face, extra ``[train]``) where the original's are open.

``python -m benchmarks.policies [--limit 100 --clips vr5_s0]`` is a quick look.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks import common
from benchmarks.sampling import SharedEyes, Stream, encoded, kbit_rates
from thcodec.bitstream import RecordType
from thcodec.errors import ThvError
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.perceptual import Distance, load_stlpips
from thcodec.evaluate.scores import score
from thcodec.pipeline.config import EncoderConfig

STEP = 13  # frames between two scored ones: it divides no interval
INTERVALS = (10, 20, 30, 45, 60, 100)
AHEAD = {"look_ahead": 25}  # where the name says nothing else
SETTINGS: dict[str, dict[str, Any]] = {
    "first": {"policy": "first"} | AHEAD,
    **{f"interval {n}": {"interval": n} for n in INTERVALS},
    "interval 45, bank": {"interval": 45, "bank": 8},
    **{f"best-frame {n}": {"policy": "best-frame", "interval": n} for n in (60, 100)},
    **{f"threshold {n}": {"policy": "threshold", "limit": n} | AHEAD for n in (20, 30)},
    **{f"quality {n}": {"policy": "quality", "limit": n} | AHEAD for n in (20, 30)},
    "budget 6": {"policy": "budget", "bitrate": 6} | AHEAD,
    "default: threshold 30, 60 ahead": {},
}
SHUT_SETTINGS: dict[str, dict[str, Any]] = {
    "the first frame, whatever it is": {"interval": 1_000_000},
    **{name: SETTINGS[name] for name in ("first", "interval 100", "best-frame 100")},
    **{name: SETTINGS[name] for name in ("threshold 30", "quality 30")},
    "threshold 30, live": {"policy": "threshold", "limit": 30},
}
SHUT_FRAMES, SHUT_STEP = 100, 4  # length of a clip that begins with shut eyes, and frames scored
_SHUT, _OPEN = 0.55, 0.8  # of the clip's median opening


def main() -> None:
    """Measure all clips and save the figures."""
    parser = common.parser(__doc__)
    parser.add_argument("--only", nargs="*", help="settings whose names begin so")
    parser.add_argument("--no-eyes", action="store_true", help="leave out shut eyes")
    options = parser.parse_args()
    wanted = tuple(options.only or [""])
    settings = {name: kind for name, kind in SETTINGS.items() if name.startswith(wanted)}
    network = common.load_network(options.weights)
    stlpips = load_stlpips()
    clips: dict[str, dict[str, dict[str, Any]]] = {}
    eyes: dict[str, dict[str, float]] = {}
    for path in common.clips(options.data, options.clips):
        frames, animator = read_frames(path, options.limit), SharedEyes(network)
        rows = clips[path.stem] = {}
        for name, kind in settings.items():
            rows[name] = measure(frames, animator, kind, stlpips)
            print(path.stem, name, rows[name], flush=True)
        found = None if options.no_eyes else shut_eyes(frames, animator)
        if found is not None:
            eyes[path.stem] = found
            print(path.stem, "eyes", found, flush=True)
        figures = {"clips": clips, "frames": options.limit, **summary(clips), "eyes": eyes}
        common.save("policies", figures, options.results)  # after each clip: it takes long


def measure(
    frames: list[np.ndarray], animator: SharedEyes, kind: dict[str, Any], stlpips: Distance | None
) -> dict[str, Any]:
    """kbit/s of sources and motion, sources, switches, and the scores of one clip."""
    packets = encoded(frames, animator, EncoderConfig(crop="none", **kind))
    stream = Stream(packets, animator)
    rate = kbit_rates(packets, len(frames))
    scores = score(frames[::STEP], stream.sampled(STEP), stlpips)
    return {
        "kbps": sum(rate.values()),
        **rate,
        "sources": sum(packet.type == RecordType.SOURCE for packet in packets),
        "switches": sum(one != other for one, other in pairwise(stream.source_ids)),
        **scores.as_dict(),
    }


def shut_eyes(frames: list[np.ndarray], animator: SharedEyes) -> dict[str, float] | None:
    """Setting -> opening of the decoded eyes over the original's, where the original's are open.

    None where the original's are never shut, or where the face mesh is not installed.
    """
    try:
        from thcodec.evaluate.face import FaceTracker

        tracker = FaceTracker()
    except (ImportError, ThvError):
        return None
    opening = tracker.track(frames).eyes_open()
    at = shut_first(opening)
    if at is None:
        return None
    usual = float(np.nanmedian(opening))
    cut, original = [frames[index] for index in at], opening[at][::SHUT_STEP]
    is_open = original > _OPEN * usual
    ratios = {"first frame of the original": float(original[0] / usual)}
    for name, kind in SHUT_SETTINGS.items():
        config = EncoderConfig(crop="none", **kind)
        packets = encoded(cut, animator, config, live=name.endswith("live"))
        decoded = tracker.track(Stream(packets, animator).sampled(SHUT_STEP)).eyes_open()
        ratios[name] = float(np.nanmean(decoded[is_open]) / np.nanmean(original[is_open]))
    return ratios


def shut_first(opening: np.ndarray) -> list[int] | None:
    """Frames of a part that begins where the eyes are shut most, forwards or backwards, whichever
    is longer; None where they are never shut. opening: (n,), NaN where no face was found.
    """
    first = int(np.nanargmin(opening))
    if not opening[first] < _SHUT * np.nanmedian(opening):
        return None
    ways = range(first, len(opening)), range(first, -1, -1)
    return list(max(ways, key=len)[:SHUT_FRAMES])


def summary(clips: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Means over the clips, and what each setting saves against the curve of intervals."""
    names = next(iter(clips.values()))
    means: dict[str, dict[str, float | None]] = {}
    for name in names:
        rows = [clip[name] for clip in clips.values()]
        fields = {field: [row[field] for row in rows] for field in rows[0]}
        means[name] = {
            field: None if None in values else float(np.mean(values))
            for field, values in fields.items()
        }
    curve = [means[f"interval {n}"] for n in INTERVALS if f"interval {n}" in means]
    for row in means.values():
        for key, rate in (("source_saving", "source"), ("saving", "kbps")):
            row[key] = saving(curve, row, rate)
    return {"mean": means}


def saving(
    curve: list[dict[str, float | None]], row: dict[str, float | None], rate: str
) -> float | None:
    """Share of `rate` that a setting needs less than the curve at its ST-LPIPS; None where it is
    worse than all of the curve, and a lower bound where it is better.

    Between two points of the curve the rate's logarithm is linear in ST-LPIPS.
    """
    points = sorted(
        (far, float(np.log(bytes_)))
        for far, bytes_ in ((point["stlpips"], point[rate]) for point in curve)
        if far is not None and bytes_ is not None
    )
    value, own = row["stlpips"], row[rate]
    if len(points) < 2 or value is None or own is None:
        return None
    if value > points[-1][0]:
        return None
    distances, rates = zip(*points, strict=True)
    return float(1 - own / np.exp(np.interp(value, distances, rates)))


if __name__ == "__main__":
    main()

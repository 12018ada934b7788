"""Conventional codecs on a clip: coded, decoded and scored; points that were made once are kept.

A point is a codec at a size and a CRF. Its bytes are those of the coded packets alone, without a
container. Smaller pictures are made and enlarged again by Lanczos. Points lie in a work folder
under a name that says all they depend on, so a second run takes seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from benchmarks import common
from thcodec.evaluate.compare.alignment import scaled
from thcodec.evaluate.perceptual import Distance
from thcodec.evaluate.scores import score
from thcodec.media.scheduling import scheduling_kept

KEEP = common.ROOT / ".cache" / "anchors"
_DECODERS = {"libx264": "h264", "libx265": "hevc", "libsvtav1": "libdav1d"}
_ENDLESS = 250  # frames between key frames: one in a clip
# x264 left alone cuts a picture into a slice for each core it is given, which costs it up to 15 %
# of bytes at these sizes. One slice is what it does best; with two, others made their baselines.
_X264 = f"keyint={_ENDLESS}:scenecut=0"
ONE_SLICE = "threads=1"


@dataclass(frozen=True)
class Anchor:
    """A codec with its preset, and the CRFs at full, half and quarter size; name: for figures."""

    name: str
    encoder: str
    options: tuple[tuple[str, str], ...]
    crfs: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


ANCHORS = (
    Anchor(
        "libx264 veryslow",
        "libx264",
        (("preset", "veryslow"), ("x264-params", f"{_X264}:{ONE_SLICE}")),
        ((31, 41, 51), (31, 38, 45), (26, 34, 42)),
    ),
    Anchor(
        "libx265 slow",
        "libx265",
        (("preset", "slow"), ("x265-params", f"keyint={_ENDLESS}:log-level=none")),
        ((33, 38, 43, 48), (31, 36, 41, 46), (26, 33, 40)),
    ),
    Anchor(
        "libx265 veryslow",
        "libx265",
        (("preset", "veryslow"), ("x265-params", f"keyint={_ENDLESS}:log-level=none")),
        ((33, 38, 43, 48), (31, 36, 41, 46), (26, 33, 40)),
    ),
    Anchor(
        "libsvtav1 4",
        "libsvtav1",
        (("preset", "4"), ("svtav1-params", f"keyint={_ENDLESS}")),
        ((40, 50, 58, 63), (40, 50, 58, 63), (40, 52, 63)),
    ),
)
# No competitor: only there to be checked against others' baselines.
TWO_SLICES = Anchor(
    "libx264 veryslow, two slices",
    "libx264",
    (("preset", "veryslow"), ("x264-params", f"{_X264}:threads=2:sliced-threads=1")),
    ((41, 51), (), ()),
)
DIVISORS = (1, 2, 4)


@dataclass(frozen=True)
class Point:
    """Rate and quality of a clip at one setting."""

    setting: str
    kbps: float
    bytes: int
    psnr: float
    ssim: float
    stlpips: float | None


def points(
    anchor: Anchor, frames: Sequence[np.ndarray], step: int, stlpips: Distance | None
) -> Iterator[Point]:
    """All points of a codec on a clip of uint8 (S, S, 3) frames; every ``step``-th is scored."""
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(frame.tobytes())
    for divisor, crfs in zip(DIVISORS, anchor.crfs, strict=True):
        for crf in crfs:
            what = [digest.hexdigest(), asdict(anchor) | {"crfs": [divisor, crf]}, step]
            what += [av.library_versions["libavcodec"], stlpips is not None]
            key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:24]
            yield _kept(key) or _keep(key, _measure(anchor, frames, divisor, crf, step, stlpips))


def _measure(
    anchor: Anchor,
    frames: Sequence[np.ndarray],
    divisor: int,
    crf: int,
    step: int,
    stlpips: Distance | None,
) -> Point:
    side = len(frames[0])
    small = [scaled(frame, (side // divisor,) * 2) for frame in frames]
    packets = encode(small, anchor.encoder, {**dict(anchor.options), "crf": str(crf)})
    decoded = decode(packets, anchor.encoder)
    if len(decoded) != len(frames):
        raise SystemExit(f"{anchor.name} gave back {len(decoded)} of {len(frames)} frames")
    pictures = [scaled(picture, (side, side)) for picture in decoded[::step]]
    size = sum(map(len, packets))
    kbps = size * 8 / 1000 / (len(frames) / common.FRAME_RATE)
    scores = score(list(frames[::step]), pictures, stlpips).as_dict()
    return Point(f"1/{divisor} crf {crf}", kbps, size, **scores)  # type: ignore[arg-type]


def encode(frames: Sequence[np.ndarray], encoder: str, options: dict[str, str]) -> list[bytes]:
    """The coded packets of uint8 (H, W, 3) frames, 25 a second, 4:2:0."""
    coder: Any = av.CodecContext.create(encoder, "w")
    coder.height, coder.width = frames[0].shape[:2]
    coder.pix_fmt = "yuv420p"
    coder.time_base, coder.framerate = Fraction(1, common.FRAME_RATE), Fraction(common.FRAME_RATE)
    coder.options = options
    with scheduling_kept():
        coder.open()
    packets = []
    for number, picture in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        packets += coder.encode(frame)
    packets += coder.encode(None)
    return [bytes(packet) for packet in packets]


def decode(packets: Sequence[bytes], encoder: str) -> list[np.ndarray]:
    """The pictures of packets in the order they are shown: uint8 (H, W, 3)."""
    coder: Any = av.CodecContext.create(_DECODERS[encoder], "r")
    frames = []
    for data in packets:
        frames += coder.decode(av.Packet(data))
    frames += coder.decode(None)
    return [frame.to_ndarray(format="rgb24") for frame in frames]


def _kept(key: str) -> Point | None:
    path = KEEP / f"{key}.json"
    return Point(**json.loads(path.read_text())) if path.is_file() else None


def _keep(key: str, point: Point) -> Point:
    KEEP.mkdir(parents=True, exist_ok=True)
    (KEEP / f"{key}.json").write_text(json.dumps(asdict(point)))
    return point

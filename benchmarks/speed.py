"""Frames a second and delay of encoder and decoder, against their targets.

Everything runs in this process, one thing after the other, but for a call's two directions, so that
ratios hold where absolute times do not: against the published-size network (its architecture with
random weights, which cost the same), our own torch path, other thread counts, picture sizes and
lengths. Networks run on what ``--runtime auto`` takes. The number of keypoints is fixed by the
network and therefore no axis here. Start-up is that of the command line in processes of its own;
memory has a benchmark of its own (``benchmarks.memory``).

``python -m benchmarks.speed --clips lp_d3_s0 --limit 20 --published-frames 0`` is a quick look.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch

from benchmarks import common, live
from benchmarks.live import CONFIG
from benchmarks.memory import THCODEC
from benchmarks.sampling import BATCH, encoded, warm
from benchmarks.startup import start
from thcodec import decode, encode
from thcodec.bitstream.header import ModelIdentity
from thcodec.evaluate.clips import read_frames
from thcodec.models import registry
from thcodec.models.animator import Animator
from thcodec.models.face_vid2vid.animator import CompactAnimator
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.network import FaceVid2Vid
from thcodec.models.face_vid2vid.published.animator import PublishedAnimator
from thcodec.models.face_vid2vid.published.config import VOX_256
from thcodec.models.face_vid2vid.published.network import PublishedNet
from thcodec.models.face_vid2vid.torch_networks import TorchNetworks
from thcodec.models.runtime import default_threads
from thcodec.pipeline.config import ALIGNMENT, EncoderConfig
from thcodec.pipeline.decoder import Decoder
from thcodec.pipeline.encoder import Encoder
from thcodec.sources.stills import StillEncoder, decode_still, resize_still

LARGE_SHARE = 4  # so many times fewer frames of pictures larger than the clip's
UNALIGNED = replace(CONFIG, alignment=0)
FACE = "enlarge a still by the network, 64 to 256"
# Compact 4, the network as it was when its speed became a matter of its own.
BEFORE = replace(
    COMPACT,
    depth=4,
    volume_channels=16,
    motion_widths=(32, 48, 64, 96),
    picture_channels=32,
    bottleneck_channels=96,
)


def main() -> None:
    """Measure one clip and save the figures."""
    parser = common.parser(__doc__)
    parser.set_defaults(limit=100)
    parser.add_argument(
        "--published-frames", type=int, default=2, help="0 leaves out what large ones take"
    )
    parser.add_argument("--sizes", nargs="*", type=int, default=(256, 512))
    parser.add_argument("--lengths", nargs="*", type=int, default=(1, 2, 4), help="times the clip")
    parser.add_argument("--devices", nargs="*", default=["cpu"], help="cuda where there is one")
    parser.add_argument("--command", default=" ".join(THCODEC), help="what to run for thcodec")
    options = parser.parse_args()
    clip = common.clips(options.data, options.clips)[0]
    frames = read_frames(clip, options.limit)
    figures: dict[str, Any] = {
        "clip": clip.stem,
        "frames": len(frames),
        "threads": default_threads(),
    }
    for name, value in _figures(clip, frames, options):
        figures[name] = value
        print(name, value, flush=True)
    figures["targets"] = targets(figures)
    common.save("speed", figures, options.results)


def _figures(
    clip: Path, frames: list[np.ndarray], options: argparse.Namespace
) -> Iterator[tuple[str, Any]]:
    """Each table as soon as it is measured."""

    def load(size: int = 256, **where: Any) -> Animator:
        where = {"runtime": "auto", **where}
        return registry.load_animator(CONFIG.animator, size=size, weights=options.weights, **where)

    animator = load()
    command = options.command.split()
    yield "stages_ms", stages(frames, animator)
    yield "files", files(clip, animator)
    yield "live", live.alone(frames, load(live=True))
    yield "start_s", start(clip, command)
    if options.published_frames:
        yield "published", published(frames[: options.published_frames + 1])
        yield "torch_before", {"decode": before(frames, animator)}
    yield "torch", work(frames, load(runtime="torch"))
    devices = {device: load(device=device) for device in options.devices if device != "cpu"}
    yield "devices", {device: work(frames, network) for device, network in devices.items()}
    threads = sorted({1, 2, len(os.sched_getaffinity(0))})
    yield "by_threads", {str(n): work(frames, load(threads=n)) for n in threads}
    yield (
        "by_size",
        {str(size): work(_enlarged(frames, size), load(size)) for size in options.sizes},
    )
    lengths = options.lengths
    yield "by_length", {str(n * len(frames)): work(frames * n, animator) for n in lengths}
    half = max(1, default_threads() // 2)  # last: torch would keep to so few threads
    yield "call", live.call(frames, *(load(live=True, threads=half) for _ in range(2)))


def work(frames: Sequence[np.ndarray], animator: Animator) -> dict[str, float]:
    """Frames a second of encoding, of decoding, and of both in turn, frame by frame."""
    config = EncoderConfig(crop="none", size=animator.size)
    warm(frames, animator)
    start = perf_counter()
    stream = encoded(frames, animator, config)
    coded = perf_counter()
    decoder = Decoder(animator=animator)
    shown = sum(1 for packet in stream for _ in decoder.frames(packet))
    decoded = perf_counter()
    encoder, other = Encoder(config, animator=animator), Decoder(animator=animator)
    for frame in frames:
        for packet in encoder.push(frame):
            other.push(packet)
    both = perf_counter()
    if shown != len(frames):
        raise SystemExit(f"{shown} of {len(frames)} frames came back")
    return {
        "encode": len(frames) / (coded - start),
        "decode": len(frames) / (decoded - coded),
        "both": len(frames) / (both - decoded),
    }


def files(clip: Path, animator: Animator) -> dict[str, float]:
    """Frames a second of whole files with reading and writing, networks loaded before;
    and processor seconds for a minute of video.
    """
    with tempfile.TemporaryDirectory() as name:
        stream, out = Path(name) / "a.thv", Path(name) / "a.mp4"
        unaligned = encode(clip, Path(name) / "b.thv", UNALIGNED, animator=animator)
        begun = process_time()
        coded = encode(clip, stream, CONFIG, animator=animator)
        between = process_time()
        shown = decode(stream, out, animator=animator)
        ended = process_time()
    return {
        "encode": coded.frames / coded.elapsed,
        "encode_unaligned": unaligned.frames / unaligned.elapsed,
        "decode": shown.frames / shown.elapsed,
        "encode_cpu_s_per_minute": 60 * (between - begun) / coded.duration,
        "decode_cpu_s_per_minute": 60 * (ended - between) / coded.duration,
    }


def targets(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """What was to be reached, and what was: name, value, goal, whether more is better."""
    files, alone, call = figures["files"], figures["live"], figures["call"]
    begin = figures["start_s"]
    decode = figures["by_length"][str(figures["frames"])]["decode"]
    rows: list[tuple[str, float, float, bool]] = [
        ("file encode, frames/s", files["encode"], 75, True),
        ("file encode with --align 0, frames/s", files["encode_unaligned"], 75, True),
        ("file decode, frames/s", files["decode"], 75, True),
        ("a call's two directions at once, frames/s each", call["fps"], 25, True),
        ("delay of a frame in that call, ms, median", call["median_ms"], 80, False),
        ("delay of a frame in that call, ms, 99th percentile", call["p99_ms"], 80, False),
        ("delay of a live frame alone, ms, median", alone["median_ms"], 80, False),
        ("delay of a live frame alone, ms, 99th percentile", alone["p99_ms"], 80, False),
        ("first live picture, s", alone["first_ms"] / 1000, 1, False),
        ("thcodec info, s", begin["info"], 0.4, False),
        ("thcodec decode, first picture, s", begin["first picture"], 2.5, False),
        ("enlarging a still x4, ms", figures["stages_ms"][FACE], 60, False),
        ("decoding against our torch path", decode / figures["torch"]["decode"], 3, True),
    ]
    if "512" in figures["by_size"]:
        rows.append(("decode at 512x512, frames/s", figures["by_size"]["512"]["decode"], 20, True))
    if "published" in figures:
        ratio = figures["published"]["animate"] / figures["stages_ms"]["animate"]
        rows.append(("the published-size network takes so many times as long", ratio, 500, True))
        ratio = decode / figures["torch_before"]["decode"]
        rows.append(
            ("decoding against torch and the network as large as compact 4", ratio, 3, True)
        )
    return [
        {"name": name, "value": value, "goal": goal, "met": (value >= goal) == more}
        for name, value, goal, more in rows
    ]


def stages(frames: list[np.ndarray], animator: Animator) -> dict[str, float]:
    """Milliseconds of each stage: of a frame, or of a source where the name says so."""
    config, some = CONFIG, frames[:BATCH]
    settings = config.stills(live=False)
    codec, side = settings.codec, settings.size
    still, stills = resize_still(frames[0], side), StillEncoder(codec, settings.quality)
    data = stills.encode(still, alone=True)
    upscaler = registry.load_upscaler(settings.upscaler, runtime="auto")
    face, quarter = registry.load_upscaler("face", runtime="auto"), resize_still(frames[0], 64)
    seen = animator.extract(some)
    canonical = np.asarray(seen[0].canonical, np.float64)
    motions = [animator.motion(one, canonical, seen[0]) for one in seen]
    source = animator.prepare(frames[0], canonical, motions[0])
    whole = work(frames, animator)
    network = _ms(lambda: animator.extract(some)) / len(some)
    picture = _ms(lambda: animator.animate(source, motions)) / len(some)
    still_there = motions[-1], np.zeros_like(motions[-1].expression)
    aligned = motions[-1], *still_there, seen[-1], canonical, motions[0], seen[0], ALIGNMENT
    return {
        "extract keypoints": network,
        "align with the source, in files": _ms(lambda: animator.align(*aligned)),
        "all of encoding, stages side by side": 1000 / whole["encode"],
        "animate": picture,
        "all of decoding, stages side by side": 1000 / whole["decode"],
        "code a source's still": _ms(lambda: stills.encode(still, alone=False)),
        "decode a source's still": _ms(lambda: decode_still(data, codec, side, side)),
        "enlarge a source": _ms(lambda: upscaler.upscale(still, 256)),
        FACE: _ms(lambda: face.upscale(quarter, 256)),
        "prepare a source": _ms(lambda: animator.prepare(frames[0], canonical, motions[0])),
    }


def published(frames: Sequence[np.ndarray]) -> dict[str, float]:
    """Milliseconds a frame of the published-size network: encoder's part, and decoder's."""
    torch.manual_seed(0)
    animator = PublishedAnimator(PublishedNet(VOX_256), ModelIdentity("random", "1"))
    seen = animator.extract(list(frames[:1]))[0]  # also makes it fast, which counts once
    canonical = seen.canonical
    motion = animator.motion(seen, canonical, seen)
    source = animator.prepare(frames[0], canonical, motion)
    rest = list(frames[1:])
    return {
        "extract keypoints": _ms(lambda: animator.extract(rest), 1) / len(rest),
        "animate": _ms(lambda: animator.animate(source, [motion] * len(rest)), 1) / len(rest),
    }


def before(frames: Sequence[np.ndarray], animator: Animator) -> float:
    """Frames a second at which torch, with the network as large as it was before it was cut,
    decodes what ``animator`` coded. Its weights are random, which cost the same.
    """
    torch.manual_seed(0)
    networks = TorchNetworks(FaceVid2Vid(BEFORE))
    large = CompactAnimator(networks, animator.identity, animator.size)
    stream = encoded(frames, animator, EncoderConfig(crop="none", size=animator.size))
    warm(frames, large)
    decoder, start = Decoder(animator=large), perf_counter()
    shown = sum(1 for packet in stream for _ in decoder.frames(packet))
    return shown / (perf_counter() - start)


def _enlarged(frames: list[np.ndarray], size: int) -> list[np.ndarray]:
    """The frames at a size; fewer of larger ones, which take longer."""
    some = frames if size <= len(frames[0]) else frames[::LARGE_SHARE]
    upscaler = registry.load_upscaler("bicubic")
    return [upscaler.upscale(frame, size) for frame in some]


def _ms(task: Callable[[], object], repeats: int = 3) -> float:
    """Milliseconds of the quickest of some runs."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        task()
        times.append(perf_counter() - start)
    return 1000 * min(times)


if __name__ == "__main__":
    main()

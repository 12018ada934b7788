"""Runtimes side by side: torch, OpenVINO and OpenVINO in int8, each part's cost and whole files'.

Parts are measured in turns in one process, on one thread, by processor time, which other work on
the machine disturbs little; files in turns by the clock on all threads. The profile compares what
each part reaches with the machine's convolutions at their best. ``--clips``, ``--limit`` as usual.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import openvino
import torch
from openvino import opset13 as ops

from benchmarks import common
from thcodec import EncoderConfig, decode, encode
from thcodec.errors import WeightsError
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.cost import cost
from thcodec.media.face import FaceDetector
from thcodec.media.video_output import VideoOutput
from thcodec.models.animator import Animator
from thcodec.models.face_vid2vid.tracking import optical_flow
from thcodec.models.openvino_files import CORE
from thcodec.models.registry import load_animator
from thcodec.models.runtime import default_threads
from thcodec.motion import Quantiser
from thcodec.pipeline import DecoderConfig

RUNTIMES = ("torch", "openvino", "int8")
DISTANCE = 40  # frames from the source to those animated
FRAMES = 4  # at a time
CHAIN = 8  # convolutions, so that what goes in and comes out costs little


def main() -> None:
    """Measure and write runtimes.json."""
    options = common.parser(__doc__, common.VAL_CLIPS)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--no-files", action="store_true", help="parts only")
    chosen = options.parse_args()
    clip = common.clips(chosen.data, chosen.clips)[0]
    frames = read_frames(clip, chosen.limit)
    if len(frames) < DISTANCE + FRAMES:
        raise SystemExit(f"{clip.stem} is too short, or --limit below {DISTANCE + FRAMES}")
    threads = default_threads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    animators = _animators(chosen.weights)
    parts = _parts(animators, frames, chosen.repeats)
    figures: dict[str, Any] = {
        "clip": clip.stem,
        "threads": threads,
        "convolution_gflops": convolution_peak(),
        "int8_gflops": int8_peak(),
        "gflop": vars(cost(animators["torch"], frames[0])),
        "parts_ms": parts,
        "difference": _differences(animators, frames),
        "stages_ms": _stages(frames, chosen.repeats),
    }
    for name, values in parts.items():
        print(name, {part: round(ms, 2) for part, ms in values.items()}, flush=True)
    if not chosen.no_files:
        figures["files_fps"] = _files(clip, tuple(animators), chosen.weights, chosen.limit)
    common.save("runtimes", figures, chosen.results)


def cpu_ms(work: Callable[[], object], repeats: int) -> float:
    """Processor milliseconds of `work`, the median."""
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - began))
    return median(taken)


def convolution_peak() -> float:
    """GFLOP/s of the best of some 3x3 convolutions on one thread, channels last."""

    def ms(channels: int, side: int) -> float:
        x = torch.rand(1, channels, side, side).contiguous(memory_format=torch.channels_last)
        kernel = torch.rand(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            torch.conv2d(x, kernel, padding=1)
            return cpu_ms(partial(torch.conv2d, x, kernel, padding=1), 15)

    return _best(ms)


def int8_peak() -> float:
    """GFLOP/s of the best of some chains of 3x3 convolutions in int8 on one thread, OpenVINO."""

    def ms(channels: int, side: int) -> float:
        shape = [1, channels, side, side]
        given = x = ops.parameter(shape, np.float32)
        weights = np.random.default_rng(0).uniform(-1, 1, (channels, channels, 3, 3))
        kernel = ops.fake_quantize(weights.astype(np.float32), -1.0, 1.0, -1.0, 1.0, levels=255)
        for _ in range(CHAIN):
            x = ops.fake_quantize(x, 0.0, 1.0, 0.0, 1.0, levels=256)
            x = ops.relu(ops.convolution(x, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
        model = openvino.Model([x], [given], "chain")
        made = CORE.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1})
        request, picture = made.create_infer_request(), np.ones(shape, np.float32)
        request.infer([picture])
        return cpu_ms(partial(request.infer, [picture]), 15) / CHAIN

    return _best(ms)


def _best(ms: Callable[[int, int], float]) -> float:
    """GFLOP/s at best of 3x3 convolutions, each of so many channels and such a side."""
    shapes = (64, 64), (128, 64), (256, 32)
    return max(
        2 * 9 * channels**2 * side**2 / ms(channels, side) / 1e6 for channels, side in shapes
    )


def _animators(weights: Path | None) -> dict[str, Animator]:
    """Those that are here: int8 only where it was quantised."""
    found = {}
    for name in RUNTIMES:
        try:
            found[name] = load_animator(weights=weights, runtime=name, threads=1)
        except WeightsError as error:
            print(f"left out: {name}: {error}")
    return found


def _animation(animator: Animator, frames: list[np.ndarray]) -> tuple[Any, list[Any]]:
    first, *others = animator.extract([frames[0], *frames[DISTANCE : DISTANCE + FRAMES]])
    own, *motions = (animator.motion(seen, first.canonical, first) for seen in (first, *others))
    return animator.prepare(frames[0], first.canonical, own), motions


def _parts(
    animators: dict[str, Animator], frames: list[np.ndarray], repeats: int
) -> dict[str, dict[str, float]]:
    """Processor milliseconds a frame or source; runtimes take turns."""
    taken: dict[str, dict[str, list[float]]] = {}
    ready = {name: _animation(animator, frames) for name, animator in animators.items()}
    for name, animator in animators.items():
        animator.animate(*ready[name])  # compiled when it is first needed, as the parts before
    for _ in range(repeats):
        for name, animator in animators.items():
            source, motions = ready[name]
            seen = animator.extract(frames[:1])[0]
            own = animator.motion(seen, seen.canonical, seen)
            work: dict[str, tuple[Callable[[], object], int]] = {
                "extract": (partial(animator.extract, frames[:FRAMES]), FRAMES),
                "prepare": (partial(animator.prepare, frames[0], seen.canonical, own), 1),
                "synthesise": (partial(animator.animate, source, motions), len(motions)),
            }
            for part, (call, count) in work.items():
                ms = cpu_ms(call, 1) / count
                taken.setdefault(name, {}).setdefault(part, []).append(ms)
    return {
        name: {part: median(values) for part, values in parts.items()}
        for name, parts in taken.items()
    }


def _differences(
    animators: dict[str, Animator], frames: list[np.ndarray]
) -> dict[str, dict[str, float]]:
    """Of every runtime's pictures from torch's, in 8-bit steps."""
    made = {
        name: np.array(animator.animate(*_animation(animator, frames)), int)
        for name, animator in animators.items()
    }
    errors = {name: np.abs(made[name] - made["torch"]) for name in made if name != "torch"}
    return {
        name: {"largest": float(error.max()), "mean": float(error.mean())}
        for name, error in errors.items()
    }


def _stages(frames: list[np.ndarray], repeats: int) -> dict[str, float]:
    """What is no network, processor milliseconds a frame; the face is sought in every fifth."""
    animator = load_animator(runtime="torch")
    first, later = animator.extract([frames[0], frames[DISTANCE]])
    motion = animator.motion(later, first.canonical, first)
    quantiser, detector = Quantiser(animator.keypoint_model), FaceDetector()
    large = cv2.resize(frames[0], (640, 640))

    def write() -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.mp4"
            with VideoOutput(path, len(frames[0]), Fraction(1, 25), threads=1) as output:
                for pts, frame in enumerate(frames):
                    output.add_frame(frame, pts, 1)

    work: dict[str, tuple[Callable[[], object], int]] = {
        "optical flow": (lambda: optical_flow(first.scene.grey, later.scene.grey), 1),
        "flow and decomposition": (lambda: animator.motion(later, first.canonical, first), 1),
        "quantisation": (lambda: quantiser.quantise(motion), 1),
        "face detection, 640 pixels": (lambda: detector.detect(large), 1),
        "video encoding": (write, len(frames)),
    }
    return {name: cpu_ms(call, repeats) / count for name, (call, count) in work.items()}


def _files(
    clip: Path, runtimes: tuple[str, ...], weights: Path | None, limit: int
) -> dict[str, dict[str, float]]:
    """Frames a second of whole files by the clock, networks loaded before; runtimes take turns."""
    result: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        short = Path(folder) / "short.mp4"
        with VideoOutput(short, 256, Fraction(1, 25)) as output:
            for pts, frame in enumerate(read_frames(clip, limit)):
                output.add_frame(frame, pts, 1)
        for name in runtimes:
            stream, back = Path(folder) / f"{name}.thv", Path(folder) / f"{name}.mp4"
            animator = load_animator(weights=weights, runtime=name)
            animator.animate(*_animation(animator, read_frames(clip, DISTANCE + FRAMES)))
            began = time.process_time()
            coded = encode(short, stream, EncoderConfig(), animator=animator)
            between = time.process_time()
            shown = decode(stream, back, DecoderConfig(), animator=animator)
            ended = time.process_time()
            result[name] = {
                "encode": coded.frames / coded.elapsed,
                "decode": shown.frames / shown.elapsed,
                "encode_cpu_ms": 1000 * (between - began) / coded.frames,
                "decode_cpu_ms": 1000 * (ended - between) / shown.frames,
            }
            print(name, {key: round(value, 1) for key, value in result[name].items()}, flush=True)
    return result


if __name__ == "__main__":
    main()

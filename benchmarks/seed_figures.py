"""The paper's figures 3, 4 and 5 with real coded bytes, on its own driving clip.

Fig. 3 counts the bytes of 600 frames against the interval between sources, 1..100: with super
resolution (stills of a quarter of the side, JPEG as in the paper), without (full-size stills), one
full-size source (face-vid2vid) and H.264 at three CRFs. Nothing is synthesised for it. The paper's
own numbers count uncompressed tensors; its claims stand beside our crossovers. Fig. 4 and 5 are
videos of people, so they are written only where ``--videos`` says, and never committed:

    original | one source | several, full size | several, super resolution

at intervals of 10, 20 and 30, from the frame on in which the eyes are shut. Fig. 2 is drawn by
``python -m benchmarks.upscale --figure FILE``.

``python -m benchmarks.seed_figures --limit 60 --intervals 1 10 60 100`` is a quick look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks import anchors, common
from benchmarks.rd_plot import plotting, save
from benchmarks.sampling import SharedEyes, encoded
from thcodec.errors import ThvError
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.face import FaceTracker
from thcodec.media.video_output import VideoOutput
from thcodec.models import registry
from thcodec.models.animator import Animator
from thcodec.pipeline.config import EncoderConfig
from thcodec.pipeline.decoder import Decoder

SEED = common.ROOT.parent / "shared" / "data" / "seed"
_FULL = EncoderConfig(crop="none", source_size=256, still_codec=1)
WITH, WITHOUT, ONE = "with super resolution", "without", "one source (face-vid2vid)"
CURVES = {
    WITH: replace(_FULL, source_size=64),
    WITHOUT: _FULL,
    "thcodec's default": EncoderConfig(crop="none"),
}
INTERVALS = (*range(1, 25), *range(25, 101, 5))
CRFS = (23, 33, 43)
H264 = {"preset": "slow", "x264-params": f"keyint=250:{anchors.ONE_SLICE}"}
VIDEO_INTERVALS = (10, 20, 30)
# Read off the paper's plot, bytes of uncompressed tensors at an interval; and its two claims.
PAPER = {
    WITH: {10: 6.2e6, 60: 1.3e6, 100: 0.9e6},
    WITHOUT: {10: 9.4e7, 60: 1.6e7},
    ONE: 1.6e6,
    "H.264": 9e7,
}
CLAIMS = {"without below H.264 from": 15, "with below one source from": 45}


def main() -> None:
    """Count bytes, save and draw; write videos where they are asked for."""
    parser = common.parser(__doc__, SEED)
    parser.set_defaults(clips=["driving"], limit=600)
    parser.add_argument("--intervals", nargs="*", type=int, default=INTERVALS)
    parser.add_argument("--videos", type=Path, help="folder for the videos of Fig. 4 and 5")
    options = parser.parse_args()
    (clip,) = common.clips(options.data, options.clips[:1])
    frames = read_frames(clip, options.limit)
    network = common.load_network(options.weights)
    if options.videos is not None:
        write_videos(read_frames(clip), options.limit, network, options.videos)
    intervals = sorted(options.intervals)
    figures = count(frames, SharedEyes(network), intervals)
    figures |= {"clip": clip.stem, "frames": len(frames), "claims": CLAIMS, "paper": PAPER}
    figures["crossovers"] = crossovers(figures, intervals)
    print(figures["crossovers"])
    common.save("seed_figures", figures, options.results)
    draw(figures, options.results / "seed_figures")


def count(frames: list[np.ndarray], animator: Animator, intervals: Sequence[int]) -> dict[str, Any]:
    """Bytes of whole streams and of H.264's packets."""
    one = stream_bytes(frames, animator, replace(_FULL, interval=0))
    curves: dict[str, dict[str, int]] = {}
    for name, config in CURVES.items():
        curves[name] = {
            str(interval): stream_bytes(frames, animator, replace(config, interval=interval))
            for interval in intervals
        }
        print(name, curves[name][str(intervals[-1])], flush=True)
    h264 = {
        str(crf): sum(map(len, anchors.encode(frames, "libx264", {**H264, "crf": str(crf)})))
        for crf in CRFS
    }
    return {"curves": curves, "one_source": one, "h264": h264}


def stream_bytes(frames: Sequence[np.ndarray], animator: Animator, config: EncoderConfig) -> int:
    """Bytes of all records of the stream, header included."""
    return sum(map(len, encoded(frames, animator, config)))


def crossovers(figures: dict[str, Any], intervals: Sequence[int]) -> dict[str, int | None]:
    """From which interval on a curve stays below a line; None: not within the intervals."""
    lines = {f"H.264 CRF {crf}": size for crf, size in figures["h264"].items()}
    lines["one source"] = figures["one_source"]
    return {
        f"{name} below {line}": stays_below(curve, intervals, size)
        for name, curve in figures["curves"].items()
        for line, size in lines.items()
    }


def stays_below(curve: dict[str, int], intervals: Sequence[int], size: int) -> int | None:
    """The first interval from which on every one takes fewer than `size` bytes."""
    found = None
    for interval in reversed(intervals):
        if curve[str(interval)] >= size:
            break
        found = interval
    return found


def draw(figures: dict[str, Any], path: Path) -> None:
    """Fig. 3: bytes over the interval; the paper's own values as hollow marks."""
    pyplot = plotting()
    figure, axis = pyplot.subplots(figsize=(12, 6))
    for index, (name, curve) in enumerate(figures["curves"].items()):
        axis.plot([int(key) for key in curve], list(curve.values()), color=f"C{index}", label=name)
        theirs = PAPER.get(name)
        if isinstance(theirs, dict):
            label = f"{name}, the paper's uncompressed tensors"
            marks = {"marker": "o", "facecolors": "none", "edgecolors": f"C{index}"}
            axis.scatter(list(theirs), list(theirs.values()), label=label, **marks)
    axis.axhline(figures["one_source"], color="C4", label=ONE)
    for style, (crf, size) in zip(("-", "--", ":"), figures["h264"].items(), strict=True):
        axis.axhline(size, color="0.4", linestyle=style, label=f"H.264 CRF {crf}")
    title = f"{figures['frames']} frames of 256x256"
    axis.set(yscale="log", xlabel="frames between sources", ylabel="bytes", title=title)
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    save(figure, path)


def write_videos(frames: list[np.ndarray], limit: int, network: Animator, folder: Path) -> None:
    """Fig. 4 and 5, one video for each interval."""
    start = shut_eyes(frames)
    frames = frames[start : start + limit]
    upscaler = best_upscaler()
    folder.mkdir(parents=True, exist_ok=True)
    for interval in VIDEO_INTERVALS:
        several = replace(_FULL, interval=interval)
        ways = {
            "one source": replace(_FULL, interval=0),
            f"every {interval}, full size": several,
            f"every {interval}, 64 px, {upscaler}": replace(
                several, source_size=64, upscaler=upscaler
            ),
        }
        path = folder / f"every-{interval}.mp4"
        decoded = [_decoded(frames, network, config) for config in ways.values()]
        with VideoOutput(
            path, (256 * (1 + len(ways)), 256), Fraction(1, 25), overwrite=True
        ) as output:
            for pts, row in enumerate(zip(frames, *decoded, strict=True)):
                titles = (f"original, from frame {start}", *ways)
                labelled = [_labelled(*pair) for pair in zip(row, titles, strict=True)]
                output.add_frame(np.hstack(labelled), pts)
            output.close()
        print(f"written: {path}", flush=True)


def shut_eyes(frames: list[np.ndarray]) -> int:
    """The frame of the first half with the eyes most shut; 0 where the face mesh is missing."""
    try:
        track = FaceTracker().track(frames[: max(1, len(frames) // 2)])
    except (ImportError, ThvError) as error:
        print(f"the videos start at frame 0: {error}")
        return 0
    eyes = track.eyes_open()
    return 0 if np.isnan(eyes).all() else int(np.nanargmin(eyes))


def best_upscaler() -> str:
    """The paper's kind of super resolution if it can be had here, else ours, else a filter."""
    for name in ("tfhub", "realesrgan", "face"):
        try:
            registry.load_upscaler(name)
        except ThvError as error:
            print(f"left out: {name}: {error}")
        else:
            return name
    return "lanczos"


def _decoded(
    frames: Sequence[np.ndarray], network: Animator, config: EncoderConfig
) -> Iterator[np.ndarray]:
    decoder = Decoder(animator=network)
    for packet in encoded(frames, network, config):
        for frame in decoder.frames(packet):
            yield frame.rgb


def _labelled(picture: np.ndarray, text: str) -> np.ndarray:
    shown = np.ascontiguousarray(picture)
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        place, font = (6, 16), cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(shown, text, place, font, 0.42, colour, width, cv2.LINE_AA)
    return shown


if __name__ == "__main__":
    main()

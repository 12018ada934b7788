"""Whether a switch gains from the new source being tinted like the old one, the tint fading away.

At a switch the gain of each channel is measured once, between both sources at the frame's pose: of
the mean colours, or only where the two pictures agree. The new source, mixed in by a fade, is
multiplied by it; its logarithm loses a tenth a frame. Measured for each way on the development
clips: the largest step in mean brightness and in pixels (grey levels) round the switch, and the
PSNR of the second after it.

A fade already takes the brightness over in even steps of about half a grey level. The tint of the
means makes them a fifth smaller, pixel steps no smaller, and the pictures of the next second a
little worse, since it is the old source whose colours were off; where both agree there is next to
nothing to match. So the decoder does not do it.

``python -m benchmarks.colours [--clips obama_s0 --limit 82]`` writes ``colours.json``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks import common
from benchmarks.sampling import Pictures, Stream, encoded
from benchmarks.transitions import CachedAnimator
from thcodec.bitstream import Transition, TransitionKind
from thcodec.bitstream.limits import MAX_TRANSITION
from thcodec.evaluate.clips import read_frames
from thcodec.evaluate.teleport import REACH, pixel_change
from thcodec.pipeline.config import EncoderConfig
from thcodec.pipeline.quality import psnr

LENGTH = 8  # frames of the fade
SECOND = 25  # frames
KEPT = 0.9  # of the gain's logarithm from one frame to the next
AGREE = 20  # grey levels by which pictures that agree may differ


def _mean(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    gain: np.ndarray = np.log(old.mean((0, 1)) / new.mean((0, 1)))
    return gain


def _agreed(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    alike = np.abs(old - new).mean(2) < AGREE
    return _mean(old[alike][None], new[alike][None]) if alike.any() else np.zeros(3)


WAYS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "no tint": lambda old, new: np.zeros(3),
    "of the mean colours": _mean,
    "where both agree": _agreed,
}


def main() -> None:
    """Measure the switches of all clips and save the figures."""
    parser = common.parser(__doc__, common.VAL_CLIPS)
    parser.add_argument("--interval", type=int, default=50)
    options = parser.parse_args()
    network = common.load_network(options.weights)
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    for clip in common.clips(options.data, options.clips):
        frames = read_frames(clip, options.limit)
        config = EncoderConfig(crop="none", interval=options.interval)
        animator = CachedAnimator(network)
        stream = Stream(encoded(frames, animator, config), animator)
        for at in stream.switches:
            if at + SECOND > len(frames):
                continue
            for name, row in measure(stream, frames, at).items():
                rows[name].append(row)
                print(clip.stem, at, name, row, flush=True)
    if not rows["no tint"]:
        raise SystemExit("no clip is long enough")
    means = {
        name: {key: float(np.mean([row[key] for row in found])) for key in found[0]}
        for name, found in rows.items()
    }
    figures = {"switches": len(rows["no tint"]), "mean": means}
    common.save("colours", figures, options.results)


def measure(stream: Stream, frames: Sequence[np.ndarray], at: int) -> dict[str, dict[str, float]]:
    """Figures of one switch, by way."""
    window = range(at - REACH - 1, at + SECOND)
    shown = stream.decode(Transition(TransitionKind.FADE, LENGTH), window)
    # The longest fade has next to nothing of the new source in its first frame.
    old = stream.decode(Transition(TransitionKind.FADE, MAX_TRANSITION), [at])[at].astype(float)
    new = stream.decode(None, [at])[at].astype(float)
    found = {}
    for name, way in WAYS.items():
        tinted = {pts: _tinted(shown[pts], way(old, new), pts - at + 1) for pts in window}
        steps = range(window.start + 1, at + LENGTH + REACH)
        found[name] = {
            "brightness": max(
                abs(_brightness(tinted, s) - _brightness(tinted, s - 1)) for s in steps
            ),
            "pixels": max(pixel_change(tinted[s - 1], tinted[s]) for s in steps),
            "psnr": float(np.mean([psnr(frames[pts], tinted[pts]) for pts in window[REACH + 1 :]])),
        }
    return found


def _tinted(picture: np.ndarray, gain: np.ndarray, age: int) -> np.ndarray:
    """A picture `age` frames after the switch, tinted as far as the new source is in it."""
    share = min(max(age, 0) / (LENGTH + 1), 1)
    factor = np.exp(share * gain * KEPT ** max(age, 0))
    tinted: np.ndarray = np.clip(np.rint(picture * factor), 0, 255).astype(np.uint8)
    return tinted


def _brightness(pictures: Pictures, pts: int) -> float:
    return float(pictures[pts].mean())


if __name__ == "__main__":
    main()

"""Live frames: one direction alone, and a call's two directions on one machine at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter, sleep
from typing import Any

import numpy as np

from benchmarks.sampling import warm
from thcodec.models.animator import Animator
from thcodec.pipeline.config import EncoderConfig
from thcodec.pipeline.decoder import Decoder
from thcodec.pipeline.encoder import Encoder

CONFIG = EncoderConfig(crop="none")
STEP = 1 / 25  # seconds between the frames of a call


def alone(frames: Sequence[np.ndarray], animator: Animator) -> dict[str, float]:
    """Milliseconds from a frame to its decoded picture where nothing else runs."""
    warm(frames, animator)
    encoder, decoder = Encoder(CONFIG, animator=animator), Decoder(animator=animator)
    delays = list[float]()
    for frame in frames:
        begun = perf_counter()
        for packet in encoder.push(frame):
            # A source that comes after the frame costs both sides time, but nobody waits for it.
            delays += [1000 * (perf_counter() - begun) for _ in decoder.push(packet)]
    if len(delays) != len(frames):
        raise SystemExit(f"{len(delays)} pictures of {len(frames)} live frames")
    return {"first_ms": delays[0], **_spread(delays)}


def call(frames: Sequence[np.ndarray], outgoing: Animator, incoming: Animator) -> dict[str, float]:
    """A call: frames are coded while others, which the other side sent, are decoded, each in a
    thread with a network of its own. Frames a second of the slower direction when neither waits;
    and, a frame every 40 ms, milliseconds that a frame takes on both sides together.
    """
    warm(frames, outgoing)
    warm(frames, incoming)
    encoder = Encoder(CONFIG, animator=outgoing)
    sent = [encoder.push(frame) for frame in frames]

    def both(step: float) -> tuple[list[float], list[float]]:
        """When each frame was coded, and decoded, seconds from when it was due."""
        encoder, decoder = Encoder(CONFIG, animator=outgoing), Decoder(animator=incoming)
        start = perf_counter()
        with ThreadPoolExecutor(2) as pool:
            coding = pool.submit(_timed, encoder.push, frames, start, step)
            decoding = pool.submit(_timed, lambda ps: [*map(decoder.push, ps)], sent, start, step)
            return coding.result(), decoding.result()

    coded, decoded = both(0.0)
    until = min(coded[-1], decoded[-1])  # from then on one of them runs alone
    fps = [sum(at <= until for at in times) / until for times in (coded, decoded)]
    delays = [1000 * (one + other) for one, other in zip(*both(STEP), strict=True)]
    return {"fps": min(fps), **_spread(delays)}


def _timed(
    work: Callable[[Any], object], items: Iterable[Any], start: float, step: float
) -> list[float]:
    """Do the work for each item, one every `step` seconds; how long after it was due each was
    done."""
    done = list[float]()
    for number, item in enumerate(items):
        due = start + number * step
        sleep(max(0.0, due - perf_counter()))
        work(item)
        done.append(perf_counter() - due)
    return done


def _spread(delays: Sequence[float]) -> dict[str, float]:
    return {
        "median_ms": float(np.median(delays)),
        "p99_ms": float(np.percentile(delays, 99)),
    }

"""Live frames: one direction alone, and a call's two directions on one machine at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter, sleep
from typing import Any

import numpy as np

from benchmarks.sampling import warm
from thcodec.bitstream import Packet
from thcodec.models.animator import Animator
from thcodec.pipeline.config import EncoderConfig
from thcodec.pipeline.decoder import Decoder, Frame
from thcodec.pipeline.encoder import Encoder

CONFIG = EncoderConfig(crop="none")
STEP = 1 / 25  # seconds between the frames of a call


def alone(frames: Sequence[np.ndarray], animator: Animator) -> dict[str, float]:
    """Milliseconds from a frame to its decoded picture where nothing else runs."""
    warm(frames, animator)
    encoder, decoder = Encoder(CONFIG, animator=animator), Decoder(animator=animator)
    done = _timed(lambda frame: _shown(decoder, encoder.push(frame)), frames)
    return {"first_ms": 1000 * done[0], **_spread(done)}


def call(frames: Sequence[np.ndarray], outgoing: Animator, incoming: Animator) -> dict[str, float]:
    """A call: frames are coded while others, which the other side sent, are decoded, each in a
    thread with a network of its own. Frames a second of the slower direction when neither waits;
    and, a frame every 40 ms, milliseconds that a frame takes on both sides together, from when it
    is there to its picture, the link left out.
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
            coding = pool.submit(_timed, lambda frame: [encoder.push(frame)], frames, start, step)
            decoding = pool.submit(_timed, lambda ps: _shown(decoder, ps), sent, start, step)
            return coding.result(), decoding.result()

    coded, decoded = both(0.0)
    until = min(coded[-1], decoded[-1])  # from then on one of them runs alone
    fps = [sum(at <= until for at in times) / until for times in (coded, decoded)]
    return {"fps": min(fps), **_spread([sum(each) for each in zip(*both(STEP), strict=True)])}


def _shown(decoder: Decoder, packets: Iterable[Packet]) -> Iterator[Frame]:
    """The pictures of packets, each as soon as it is there."""
    return (frame for packet in packets for frame in decoder.push(packet))


def _timed(
    work: Callable[[Any], Iterable[object]],
    items: Sequence[Any],
    start: float | None = None,
    step: float = 0.0,
) -> list[float]:
    """Do the work for each item, one every `step` seconds or, without a start, each when the one
    before is done; how many seconds after it was due each gave its one result. What it does after
    that delays the next ones only: a source that comes after its frame, say.
    """
    done = list[float]()
    for number, item in enumerate(items):
        due = perf_counter() if start is None else start + number * step
        sleep(max(0.0, due - perf_counter()))
        done += [perf_counter() - due for _ in work(item)]
    if len(done) != len(items):
        raise SystemExit(f"{len(done)} results of {len(items)} live frames")
    return done


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    return {
        "median_ms": 1000 * float(np.median(seconds)),
        "p99_ms": 1000 * float(np.percentile(seconds, 99)),
    }

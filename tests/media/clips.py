"""Small videos made on the spot, and the shared ones where they are at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def moving_picture(number: int, width: int, height: int) -> np.ndarray:
    """A dark picture, red at the upper left, with a bar whose place tells the frame's number."""
    picture = np.full((height, width, 3), 40, np.uint8)
    picture[: height // 4, : width // 4] = (220, 30, 30)
    x = (3 * number) % width
    picture[height // 2 :, x : x + 4] = 230
    return picture


def noise_picture(number: int, width: int, height: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 255, (height, width, 3), np.uint8)


def flash_picture(is_flash: bool, width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 240 if is_flash else 16, np.uint8)


def tone_burst(seconds: float, at: float, rate: int, channels: int) -> np.ndarray:
    """Silence (n, channels) with a loud 1 kHz tone of 0.1 s that begins at ``at``."""
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.8 * np.sin(2 * np.pi * 1000 * time) * ((time >= at) & (time < at + 0.1))
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def write_clip(
    path: Path,
    *,
    times: Iterable[int] = range(10),
    time_base: Fraction = Fraction(1, 25),
    size: tuple[int, int] = (64, 48),
    picture: Callable[[int, int, int], np.ndarray] = moving_picture,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    sound: np.ndarray | None = None,
    rate: int = 48000,
    audio_codec: str = "aac",
    audio_start: int = 0,
    aspect: Fraction | None = None,
) -> Path:
    """Write a video with pictures at ``times`` (ticks) and float ``sound`` (n, channels)."""
    with av.open(str(path), "w", options=options or {}) as container:
        video: Any = container.add_stream(codec, rate=25)
        video.width, video.height = size
        video.pix_fmt = pixels
        video.codec_context.time_base = video.time_base = time_base
        if aspect is not None:
            video.sample_aspect_ratio = aspect
        audio: Any = None
        if sound is not None:
            layout = "mono" if sound.shape[1] == 1 else "stereo"
            audio = container.add_stream(audio_codec, rate=rate, layout=layout)
        for number, pts in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24")
            frame.pts, frame.time_base = pts, time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            _write_sound(container, audio, sound, rate, audio_start)
    return path


def _write_sound(container: Any, stream: Any, sound: np.ndarray, rate: int, start: int) -> None:
    layout = "mono" if sound.shape[1] == 1 else "stereo"
    for begin in range(0, len(sound), 1024):
        block = np.ascontiguousarray(sound[begin : begin + 1024].T)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate = rate
        frame.pts, frame.time_base = start + begin, Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def shared(name: str) -> Path:
    """A file of ../shared/data; the test is skipped where it is absent."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"needs ../shared/data/{name}, which is not here")
    return path

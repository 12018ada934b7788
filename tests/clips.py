"""Small videos made on the spot: a bright disc that moves, and a tone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

RATE = 25
TONE_RATE = 48000


def disc(index: int, width: int = 320, height: int = 240) -> np.ndarray:
    """Frame `index`: uint8 (height, width, 3)."""
    picture = np.full((height, width, 3), (40, 60, 90), np.uint8)
    angle = index * 2 * np.pi / 50
    centre = int(width / 2 + 40 * np.sin(angle)), int(height / 2 + 20 * np.cos(angle))
    cv2.circle(picture, centre, height // 5, (230, 200, 170), -1, cv2.LINE_AA)
    return picture


def write_clip(
    path: Path,
    *,
    frames: int = 50,
    sound: bool = True,
    times: list[int] | None = None,
    size: tuple[int, int] = (320, 240),
) -> Path:
    """Write an H.264 clip; `times` are in 1/1000 s and take the place of 25 frames a second."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=TONE_RATE, layout="mono") if sound else None
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(disc(index, *size), format="rgb24")
            frame.pts = index * 1000 // RATE if times is None else times[index]
            frame.time_base = Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            for samples in _tone(frames * TONE_RATE // RATE):
                container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return path


def write_pictures(path: Path, pictures: list[np.ndarray]) -> Path:
    """Write pictures, uint8 (H, W, 3), without loss, 25 a second."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=RATE)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "bgr0"
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def _tone(length: int) -> list[av.AudioFrame]:
    frames = []
    for start in range(0, length, 1024):
        at = np.arange(start, min(start + 1024, length)) / TONE_RATE
        wave = (0.3 * np.sin(2 * np.pi * 440 * at)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = TONE_RATE, start
        frame.time_base = Fraction(1, TONE_RATE)
        frames.append(frame)
    return frames


def probe(path: Path) -> tuple[list[Fraction], Fraction, int]:
    """Times of all frames in seconds, end of the sound in seconds (0 without), picture width."""
    with av.open(str(path)) as container:
        streams = [container.streams.video[0], *container.streams.audio[:1]]
        times, end, width = [], Fraction(0), streams[0].width
        for frame in container.decode(*streams):
            at = frame.pts * frame.time_base
            if isinstance(frame, av.VideoFrame):
                times.append(at)
            else:
                end = max(end, at + Fraction(frame.samples, frame.sample_rate))
        return sorted(times), end, width

"""A call in one process: each frame becomes packets, and each packet becomes pictures at once.

``python -m examples.streaming in.mp4`` plays the part of camera, network and screen.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np

import thcodec
from thcodec.media.video_input import VideoInput


def main() -> None:
    """Send every frame and show how long it was on its way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--crop", default="auto")
    parser.add_argument("--frames", type=int, default=250)
    options = parser.parse_args()

    decoder = thcodec.Decoder()
    sent = pictures = 0
    delays: list[float] = []
    with VideoInput(options.source, audio=False) as video:
        rate = video.frame_rate
        encoder = thcodec.Encoder(
            thcodec.EncoderConfig(crop=options.crop),
            time_base=video.time_base,
            frame_duration=round(1 / rate / video.time_base) if rate else 0,
        )
        for picture, _ in zip(video.frames(), range(options.frames), strict=False):
            start = perf_counter()
            shown: list[thcodec.Frame] = []
            for packet in encoder.push(picture.rgb, picture.pts):
                data = packet.to_bytes()  # what a network would carry
                sent += len(data)
                shown += decoder.push(thcodec.Packet.from_bytes(data))
            delays.append(perf_counter() - start)
            pictures += len(shown)  # here they would go to the screen
    print(
        f"{pictures} frames, {sent} bytes, median {1000 * np.median(delays):.0f} ms from camera "
        "to screen"
    )


if __name__ == "__main__":
    main()

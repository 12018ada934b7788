"""A video into a .thv file and back: ``python -m examples.file in.mp4 out.thv out.mp4``."""

from __future__ import annotations

import argparse
from pathlib import Path

import thcodec


def main() -> None:
    """Encode, look, decode."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("stream", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--crop", default="auto")
    options = parser.parse_args()

    config = thcodec.EncoderConfig(crop=options.crop, interval=100)
    summary = thcodec.encode(options.source, options.stream, config, overwrite=True)
    print(summary.line())

    with thcodec.Reader(options.stream) as reader:
        print(f"{reader.header.coded_size} pixels, animator {reader.header.animator.name}")
        for packet in reader:
            print(f"  {packet.name:<9}{len(packet):>6} bytes")

    print(thcodec.decode(options.stream, options.target, overwrite=True).line())


if __name__ == "__main__":
    main()

"""Peak memory of encoding and decoding a long clip against a short one.

A clip is looped to both lengths without coding it again; each run is a process of its own. By
default the demo's sample is fetched, 10 seconds against 10 minutes. ``--long 40`` is a quick look.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av

from benchmarks import common
from examples.sample import fetch_sample

THCODEC = [sys.executable, "-m", "thcodec"]


def main() -> None:
    """Measure and save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clip", type=Path, help="default: the demo's sample")
    parser.add_argument("--short", type=int, default=10, help="seconds")
    parser.add_argument("--long", type=int, default=600, help="seconds")
    parser.add_argument("--encode-options", default="", help="e.g. '--crop none'")
    parser.add_argument("--command", default=" ".join(THCODEC), help="what to run for thcodec")
    parser.add_argument("--results", type=Path, default=common.RESULTS)
    options = parser.parse_args()
    clip = options.clip or fetch_sample(common.ROOT / ".cache")
    command, extra = options.command.split(), options.encode_options.split()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = measure(command, clip, options.short, folder, extra)
        long = measure(command, clip, options.long, folder, extra)
    ratios = {work: long[work] / short[work] for work in short}
    figures = {
        "clip": clip.name,
        "short_seconds": options.short,
        "long_seconds": options.long,
        "short_mb": {work: size / 1e6 for work, size in short.items()},
        "long_mb": {work: size / 1e6 for work, size in long.items()},
        "ratio": ratios,
    }
    print(figures)
    common.save("memory", figures, options.results)


def measure(
    command: list[str], clip: Path, seconds: int, folder: Path, extra: list[str]
) -> dict[str, int]:
    """Peak resident bytes of encoding and of decoding the clip at a length."""
    looped = loop(clip, folder / f"{seconds}.mkv", seconds)
    stream, out = folder / f"{seconds}.thv", folder / f"{seconds}.mp4"
    return {
        "encode": peak([*command, "encode", str(looped), str(stream), *extra]),
        "decode": peak([*command, "decode", str(stream), str(out)]),
    }


def peak(command: list[str]) -> int:
    """Run a command and return its peak resident memory in bytes.

    The caller should be small: Linux counts what a process weighed before it became the command.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=common.ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def loop(clip: Path, target: Path, seconds: int) -> Path:
    """Write the clip's packets over and over until the result is `seconds` long."""
    start = Fraction(0)
    with av.open(str(target), "w") as out:
        copies = None
        while start < seconds:
            with av.open(str(clip)) as source:
                streams = [*source.streams.video[:1], *source.streams.audio[:1]]
                if copies is None:
                    copies = [out.add_stream_from_template(stream) for stream in streams]
                length = Fraction(source.duration or 1, av.time_base)
                for packet in source.demux(*streams):
                    if packet.dts is None or packet.pts is None:
                        continue
                    shift = round(start / packet.time_base)
                    if (packet.pts + shift) * packet.time_base >= seconds:
                        continue
                    packet.stream = copies[streams.index(packet.stream)]
                    packet.pts += shift
                    packet.dts += shift
                    out.mux(packet)
            start += length
    return target


if __name__ == "__main__":
    main()

"""How long the command line takes to start, in processes of its own."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks import common


def start(clip: Path, command: list[str]) -> dict[str, float]:
    """Seconds that the command line takes for ``info``, and to the first decoded picture."""
    with tempfile.TemporaryDirectory() as name:
        stream = Path(name) / "a.thv"
        subprocess.run(
            [*command, "encode", str(clip), str(stream), "--crop", "none"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=common.ROOT,
        )
        return {
            "info": _until(1, [*command, "info", str(stream)]),
            "first picture": _until(256 * 256, [*command, "decode", str(stream), "--raw", "-"]),
        }


def _until(wanted: int, command: list[str]) -> float:
    """Seconds until a command has written so many bytes, the best of three."""
    times = []
    for _ in range(3):
        begun = perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=common.ROOT
        ) as process:
            got = process.stdout.read(wanted) if process.stdout else b""
            times.append(perf_counter() - begun)
            process.kill()
        if len(got) < wanted:
            raise SystemExit(f"{' '.join(command)} wrote {len(got)} bytes")
    return min(times)

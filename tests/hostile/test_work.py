"""A file under 1 MB is parsed in 2 s and 64 MB, whatever its records are. spec/security.md."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from fixtures.cases.fields import (
    AUDIO,
    INDEX,
    METADATA,
    MOTION,
    SOURCE,
    blob,
    framed,
    plain,
    sv,
    uv,
)
from tests.yardstick import cost
from thcodec.bitstream.signature import PREAMBLE
from thcodec.entropy import compress

SIZE = 1_000_000
MEASURE = """
import io, resource, sys, time
import thcodec.bitstream.inspect as inspect, zstandard
data = sys.stdin.buffer.read()
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
inspect.info(io.BytesIO(data))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(time.process_time() - began, (after - before) / 1024)
"""
FLOODS: dict[str, Callable[[int], bytes]] = {
    "unknown": lambda n: framed(99, b"", n % 256),
    "wrong checksums": lambda n: framed(99, b"", n % 256)[:-1] + b"x",
    "headers": lambda n: plain()["header"].to_bytes(),
    "sources": lambda n: framed(
        SOURCE, b"\0" + uv(n % 4) + b"\0\2\x10\x10\2" + blob(bytes(19)), n % 256
    ),
    "frames": lambda n: framed(MOTION, b"\x48" + sv(1000 * n) + uv(9) + uv(0), n % 256),
    "much metadata": lambda n: framed(METADATA, BOMB, n % 256),
    "small metadata": lambda n: framed(METADATA, SMALL, n % 256),
    "indexes": lambda n: framed(INDEX, uv(65536) + b"\2\0\0" * 65536, n % 256),
    "sound": lambda n: framed(AUDIO, b"\3" + sv(n) + uv(1024) + b"\1\1" + bytes(1024), n % 256),
}
BOMB = compress(b'{"a":"' + b"x" * 1_000_000 + b'"}')
SMALL = compress(b"{}")


QUICK = "sources", "frames", "much metadata"  # the dearest; the others only in `make slow`


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FLOODS],
)
def test_parsing_is_bounded(name: str) -> None:
    data = bytearray(PREAMBLE + plain()["header"].to_bytes())
    number = 0
    while len(data) < SIZE:
        data += FLOODS[name](number)
        number += 1
    run, megabytes = [sys.executable, "-c", MEASURE], 0.0

    def parse() -> float:
        nonlocal megabytes
        out = subprocess.run(run, input=bytes(data[:SIZE]), capture_output=True, check=True).stdout
        seconds, megabytes = map(float, out.split())
        return seconds

    assert cost(parse) < 1000  # at most 200 to 350
    assert megabytes < 64

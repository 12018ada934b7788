"""Every benchmark, as ``make bench`` has them: what measures time alone, the rest one on each core.

Figures go to benchmarks/results/ and from there into the tables; what each printed lies in
out/bench/. One that fails stops no other, and makes the exit code 1.
"""

from __future__ import annotations

import os
import queue
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import common

LOGS = common.ROOT / "out" / "bench"
# What takes minutes a clip is measured on these.
SOME = "--clips buisson_drive3_s0 hyperlips_v4_s0 lp_d3_s0 mtrack_justin_s0"
ALONE = ("speed --clips lp_d3_s0", "runtimes", "upscale --limit 12")
BESIDE = (  # the longest first
    f"rate_distortion {SOME}",
    "seed_figures",
    "memory --encode-options '--fps 5'",
    "policies --clips lp_d3_s0 mtrack_justin_s0",
    "interval --clips lia_d3_s0 hyperlips_v3_s0",
    "paper_outputs",
    f"transitions {SOME}",
    "upscale_rate --limit 12",
    "loss --clips lp_d3_s0 mtrack_justin_s0 --seeds 1",
    "quality",
    "rate",
    "stills",
    "colours --clips obama_s0 hyperlips_v1_s0 --limit 130",
)


def main() -> int:
    """Run all, write the tables; the exit code."""
    start = time.monotonic()
    whole = run(ALONE, [None], LOGS)
    whole &= run(BESIDE, sorted(os.sched_getaffinity(0)), LOGS)
    whole &= run(["report"], [None], LOGS)
    print(f"all: {_minutes(start)}")
    return 0 if whole else 1


def run(benchmarks: Sequence[str], cores: Sequence[int | None], logs: Path) -> bool:
    """Run benchmarks, modules of this package with their options, as many at a time as there are
    cores, each on one; None: on all. Whether all went well.
    """
    logs.mkdir(parents=True, exist_ok=True)
    free: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    for core in cores:
        free.put(core)

    def one(benchmark: str) -> bool:
        core = free.get()
        try:
            return _run(benchmark, core, logs)
        finally:
            free.put(core)

    with ThreadPoolExecutor(len(cores)) as pool:
        return all(list(pool.map(one, benchmarks)))


def _run(benchmark: str, core: int | None, logs: Path) -> bool:
    name, *options = shlex.split(benchmark)
    log, start = logs / f"{name}.log", time.monotonic()
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    environment = dict(os.environ)
    if core is not None:
        environment["OMP_NUM_THREADS"] = "1"
        if shutil.which("taskset"):
            command = ["taskset", "-c", str(core), *command]
    with log.open("w") as out:
        code = subprocess.run(
            command, stdout=out, stderr=out, env=environment, cwd=common.ROOT
        ).returncode
    print(f"{name}: {_minutes(start)}{f', FAILED, see {log}' if code else ''}", flush=True)
    return code == 0


def _minutes(start: float) -> str:
    return f"{(time.monotonic() - start) / 60:.1f} minutes"


if __name__ == "__main__":
    sys.exit(main())

"""Frames of a published network in a process of its own: ``python -m tests.parity.measure
direct|package NAME WEIGHTS`` prints as JSON the processor seconds of a frame, the memory that it
takes beyond what was loaded, and the most that the process ever took.

direct: the transcription of tests/models/published_reference.py. One thread, so that seconds of the
processor are what the frame takes, whatever else the machine does.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch

from tests.models.published_reference import Reference
from thcodec.models.face_vid2vid.published.animator import CONFIGS
from thcodec.models.face_vid2vid.published.weights import checkpoint_state, load_net
from thcodec.models.folding import make_fast

FRAMES = 3


def memory(kind: str) -> float:
    """VmRSS (now) or VmHWM (the most there was) of this process, in MB."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith(kind))


def forget_peak() -> None:
    """Count the most there was from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def main(how: str, name: str, weights: Path) -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    config = CONFIGS[f"face-vid2vid:{name}"]
    random = torch.Generator().manual_seed(0)
    source = torch.rand(1, 3, config.size, config.size, generator=random)
    points = 0.2 * torch.randn(2, 1, config.keypoints, 3, generator=random)
    with torch.inference_mode():
        if how == "direct":
            direct = Reference(checkpoint_state(weights), config)

            def frame() -> None:
                direct.picture(source, *points)
        else:
            generator = load_net(weights, config).generator
            make_fast(generator)
            volumes = generator.prepare(source)

            def frame() -> None:
                generator(volumes, *points)

        process, loaded = memory("VmHWM"), memory("VmRSS")
        forget_peak()
        seconds = []
        for _ in range(FRAMES):
            start = time.process_time()
            frame()
            seconds.append(time.process_time() - start)
    peak = memory("VmHWM")
    figures = {
        "seconds": min(seconds),
        "loaded_mb": loaded,
        "frame_mb": peak - loaded,
        "process_mb": max(process, peak),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))

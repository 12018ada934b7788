"""The command line with the animator that needs no weights: ``python -m tests.cli.command ...``.

THCODEC_TEST_FILE_LIMIT sets the largest file in bytes that may be written: a full disk.
THCODEC_TEST_PAUSE makes the animator wait so many seconds per frame: time to be killed in.
"""

from __future__ import annotations

import os
import resource
import signal
import time

import numpy as np

from tests import doubles
from thcodec.cli import main
from thcodec.models import registry
from thcodec.models.animator import Extraction

_PAUSE = float(os.environ.get("THCODEC_TEST_PAUSE", "0"))


class SlowAnimator(doubles.MomentAnimator):
    """Takes its time."""

    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        time.sleep(_PAUSE * len(pictures))
        return super().extract(pictures)

    def animate(self, source: object, motions: list) -> list[np.ndarray]:
        time.sleep(_PAUSE * len(motions))
        return super().animate(source, motions)


if __name__ == "__main__":
    if limit := os.environ.get("THCODEC_TEST_FILE_LIMIT"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    registry.load_animator = lambda name, size=256, **_: SlowAnimator(size)
    raise SystemExit(main())

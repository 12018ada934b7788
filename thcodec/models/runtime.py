"""What networks run on, and with how many threads. No torch."""

from __future__ import annotations

import os
from importlib.util import find_spec

from thcodec.errors import ThvError

# "int8" is OpenVINO with what was quantised; "auto" takes the fastest that is here.
RUNTIMES = ("auto", "torch", "openvino", "int8")
# Whether those of OpenVINO take what was quantised; None: where there is some.
INT8 = {"auto": None, "int8": True, "openvino": False}
MAX_THREADS = 256


def has_openvino() -> bool:
    """Whether OpenVINO is installed; it is not imported."""
    return find_spec("openvino") is not None


def choose_runtime(wanted: str, device: str) -> str:
    """ "torch", "openvino" or "int8", or "auto" where either of OpenVINO's may be taken.

    Raises ThvError for OpenVINO where it is not installed or the device is no CPU.
    """
    if wanted == "auto":
        return "auto" if device == "cpu" and has_openvino() else "torch"
    if wanted == "torch":
        return wanted
    if device != "cpu":
        raise ThvError(f"runtime {wanted} works on the CPU only, not on {device}")
    if not has_openvino():
        raise ThvError(f"runtime {wanted} needs OpenVINO: pip install 'thcodec[fast]'")
    return wanted


def default_threads() -> int:
    """Threads where none are asked for: OMP_NUM_THREADS, else all cores this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and 0 < int(given) <= MAX_THREADS:
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_torch(threads: int | None) -> None:
    """Let torch use so many threads in this process; None leaves it as it is."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)

"""Figures as JSON, with the command and the machine that made them."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np


def save_record(path: Path, made_by: str, figures: dict[str, Any]) -> None:
    """Write `figures` and how they came about to `path`; a file of that name is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(record_text(made_by, figures))


def record_text(made_by: str, figures: dict[str, Any]) -> str:
    """The JSON of `figures` and how they came about."""
    record = {"made_by": made_by, "machine": machine(), **figures}
    return json.dumps(_rounded(record), indent=1, ensure_ascii=False) + "\n"


def machine() -> dict[str, Any]:
    """The machine and what it runs, for a record."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _rounded(value: Any) -> Any:
    """Figures to five significant digits: more would be noise in every diff."""
    if isinstance(value, float | np.floating):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value

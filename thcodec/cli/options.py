"""Options that several commands have, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Device = Annotated[str, typer.Option(help="Torch device, e.g. cpu or cuda.")]
Runtime = Annotated[
    str, typer.Option(help="torch, openvino, int8 or auto, the fastest that is here.")
]
Threads = Annotated[
    int | None, typer.Option(help="Of each network, 1: in all; as many as there are cores.")
]
Weights = Annotated[Path | None, typer.Option(help="The animator's weights.")]

"""``thcodec batch``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thcodec.cli import console
from thcodec.models.runtime import default_threads

if TYPE_CHECKING:
    from thcodec.batch.run import State, Tell

_ENGINES = ("local", "ray")
_ROWS = 15  # of the table: those that changed last


def batch(
    source: Annotated[Path, typer.Argument(help="Folder of videos, searched with all below it.")],
    target: Annotated[Path, typer.Argument(help="Folder for the .thv files.")],
    options: Annotated[
        list[str] | None, typer.Argument(help="After --: options of thcodec encode.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Clips at a time.", min=1, max=1024)] = 1,
    threads: Annotated[
        int | None, typer.Option(help="Of each clip; the cores shared out.", min=1, max=256)
    ] = None,
    retries: Annotated[int, typer.Option(help="Of a clip that fails.", min=0, max=100)] = 1,
    report: Annotated[
        Path | None, typer.Option(help="JSON file; batch-report.json in the target folder.")
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or ray for a cluster.")] = "local",
    address: Annotated[
        str, typer.Option(help="Of the Ray cluster; local starts one here.")
    ] = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there.")
    ] = False,
) -> int:
    """Encode every video of a folder; a second run goes on where the first one stopped."""
    if engine not in _ENGINES:
        raise typer.BadParameter(f"engine is {engine!r}, allowed is {' or '.join(_ENGINES)}")
    from thcodec.batch.engines import Engine, Local, RayCluster
    from thcodec.batch.run import DONE, FAILED, SKIPPED, run_batch, write_report

    each = threads or max(1, default_threads() // jobs)
    runs: Engine = Local(jobs) if engine == "local" else RayCluster(address, jobs, each)
    with _table() as tell:
        states = run_batch(
            source,
            target,
            runs,
            options=options or (),
            threads=each,
            retries=retries,
            overwrite=overwrite,
            tell=tell,
        )
    place = report or target / "batch-report.json"
    write_report(states, place)
    done, before, failed = (
        sum(state.state == kind for state in states) for kind in (DONE, SKIPPED, FAILED)
    )
    print(f"{done} coded, {before} done before, {failed} failed: {place}")
    return console.ERROR if failed else console.OK


@contextmanager
def _table() -> Iterator[Tell]:
    """A table that keeps up with the work on a terminal; otherwise a line for each clip's end."""
    if not sys.stderr.isatty():
        yield _line
        return
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    changed: dict[str, State] = {}
    with Live(console=Console(stderr=True), auto_refresh=False) as live:

        def show(states: Sequence[State], state: State) -> None:
            changed.pop(state.name, None)
            changed[state.name] = state
            ended = sum(each.state not in ("waiting", "running") for each in states)
            table = Table("clip", "state", "tries", "s", "", title=f"{ended} of {len(states)}")
            for row in list(changed.values())[-_ROWS:]:
                cells = row.name, row.state, str(row.attempts), f"{row.seconds:.0f}", row.message
                table.add_row(*(console.printable(cell) for cell in cells))
            live.update(table, refresh=True)

        yield show


def _line(states: Sequence[State], state: State) -> None:
    if state.attempts or state.state == "failed":
        console.say(f"{state.name}: {state.state}: {state.message}")

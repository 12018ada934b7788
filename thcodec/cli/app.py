"""The commands gathered, and every fault turned into one line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any

import typer

from thcodec import __version__
from thcodec.cli import console, models
from thcodec.cli.batch import batch
from thcodec.cli.compare import compare
from thcodec.cli.decode import decode
from thcodec.cli.encode import encode
from thcodec.cli.evaluate import evaluate
from thcodec.cli.inspect import info, verify
from thcodec.cli.train import train
from thcodec.errors import ThvError

# Typer has taken click in and keeps its names private: this is the root of all usage errors.
_UsageError: type[Any] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="thcodec",
    help="A neural talking-head video codec.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _guarded(command: Callable[..., int]) -> Callable[..., int]:
    """The command with every fault turned into one line and an exit code.

    Here and not around the whole application: typer takes each EOFError for a pressed ctrl-D.
    """

    @wraps(command)
    def guarded(*arguments: Any, **options: Any) -> int:
        try:
            return command(*arguments, **options)
        except ThvError as error:
            console.say(f"error: {error}")
        except BrokenPipeError:
            # Python would complain once more when it flushes standard output on its way out.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            console.say("error: the reader of the output went away")
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            console.say(f"error: {place}{error.strerror or error}")
        except KeyboardInterrupt:
            console.say("interrupted: nothing was written")
            return console.INTERRUPTED
        return console.ERROR

    return guarded


for _command in (encode, decode, batch, info, verify, compare, train, evaluate):
    app.command()(_guarded(_command))

_models = typer.Typer(help="Networks: which there are, where their weights lie, import others'.")
for _name, _part in models.COMMANDS.items():
    _models.command(_name)(_guarded(_part))
app.add_typer(_models, name="models", no_args_is_help=True)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"thcodec {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A neural talking-head video codec."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on `arguments` (None: those of the process); return the exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        result = app(args=list(arguments) or ["--help"], standalone_mode=False)
    except _UsageError as error:
        console.say(f"error: {error.format_message()} (see thcodec --help)")
        return console.USAGE
    return result if isinstance(result, int) else console.OK


def _terminate(number: int, frame: object) -> None:
    """End as on ctrl-C, so that temporary files are removed."""
    raise KeyboardInterrupt

"""`python -m fuzz [--runs N] [--folder F]`: mutate the conformance files with atheris (libFuzzer).

The corpus lives in the folder and grows from run to run. An input that breaks a promise is left in
the folder as crash-...: copy it to fixtures/crashes/, where the tests find it, and mend the reader.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import sys
import time
from pathlib import Path

import atheris

from thcodec.evaluate.record import save_record

with atheris.instrument_imports(include=["thcodec"]):
    from fuzz.check import check
    from fuzz.streams import seed
    from thcodec.errors import ThvError

ROOT = Path(__file__).resolve().parents[1]
MAX_INPUT = 512  # bytes: what goes wrong in long inputs mostly does in short ones
_done = {"runs": 0}


def main() -> None:
    """Run until the number of executions is reached or a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "fuzz")
    parser.add_argument("--report", type=Path, help="JSON file for the figures, kept up to date")
    options = parser.parse_args()
    corpus = options.folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    sow(corpus)
    began = time.monotonic()

    def one(data: bytes) -> None:
        check(data)
        _done["runs"] += 1
        if options.report and (_done["runs"] % 10_000 == 0 or _done["runs"] == options.runs):
            write(options.report, time.monotonic() - began, len(list(corpus.iterdir())))

    arguments = [
        f"-runs={options.runs}",
        f"-max_len={MAX_INPUT}",
        "-timeout=20",
        "-rss_limit_mb=1024",
    ]
    arguments += [f"-artifact_prefix={options.folder}/", "-print_final_stats=1", str(corpus)]
    atheris.Setup([sys.argv[0], *arguments], one)
    atheris.Fuzz()


def sow(corpus: Path) -> None:
    """Put the records of the conformance files into the corpus, under each coder."""
    for path in sorted((ROOT / "fixtures" / "conformance").glob("*/*.thv")):
        stream = path.read_bytes()
        for choice in (0, 1, 2, 130, 12, 24):
            try:
                data = seed(stream, choice)
            except ThvError:
                continue  # damaged in its framing, which inputs do not have
            if len(data) <= MAX_INPUT:
                (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data)


def write(report: Path, seconds: float, corpus: int) -> None:
    """The figures so far."""
    figures = {
        "executions": _done["runs"],
        "seconds": round(seconds),
        "corpus": corpus,
        "crashes": 0,  # a crash ends the run before it is counted
        "fuzzer": "atheris",
    }
    save_record(report, shlex.join(["python", "-m", "fuzz", *sys.argv[1:]]), figures)


if __name__ == "__main__":
    main()

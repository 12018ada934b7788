"""All clips of a folder through an engine: what is done is passed over, what fails tried again."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from thcodec.batch.clips import Clip, Journal, find_clips
from thcodec.batch.engines import Engine
from thcodec.batch.work import THCODEC, Outcome, Task
from thcodec.media.files import PendingFile

# States of a clip.
WAITING, RUNNING, DONE, SKIPPED, FAILED = "waiting", "running", "done", "done before", "failed"


@dataclass
class State:
    """How far a clip has come: one row of the progress table and of the report."""

    name: str
    state: str = WAITING
    attempts: int = 0
    seconds: float = 0.0
    exit_code: int | None = None
    message: str = ""


Tell = Callable[[Sequence[State], State], None]


def run_batch(
    source: Path,
    target: Path,
    engine: Engine,
    *,
    options: Sequence[str] = (),
    threads: int = 1,
    retries: int = 1,
    overwrite: bool = False,
    tell: Tell | None = None,
    command: Sequence[str] = THCODEC,
) -> list[State]:
    """Code every video below ``source`` into ``target``; return how each clip ended.

    Args:
        engine: where tasks run; it is closed at the end.
        options: of ``thcodec encode``, the same for all clips.
        threads: of each task.
        retries: further tries of a clip that fails.
        overwrite: whether files that are there, and not known to be of this batch, are replaced.
        tell: called with all states, and the one that changed.
        command: what is called in place of ``thcodec``.

    Raises MediaError as ``find_clips``, OSError when the output folder cannot be written.
    """
    clips = {clip.name: clip for clip in find_clips(source, target)}
    journal = Journal(target, options)
    states = {name: State(name) for name in clips}

    def told(state: State) -> None:
        if tell is not None:
            tell(list(states.values()), state)

    waiting: deque[Clip] = deque()
    for clip in clips.values():
        state = states[clip.name]
        if journal.done(clip):
            state.state = SKIPPED
        elif clip.target.exists() and not overwrite:
            state.state, state.message = FAILED, f"{clip.target} exists already (--overwrite)"
        else:
            waiting.append(clip)
            continue
        told(state)
    running = 0
    try:
        while waiting or running:
            while waiting and running < engine.slots:
                clip = waiting.popleft()
                journal.begin(clip)
                clip.target.parent.mkdir(parents=True, exist_ok=True)
                engine.start(_task(clip, options, threads, command))
                running += 1
                states[clip.name].state = RUNNING
                told(states[clip.name])
            task, outcome = engine.next()
            running -= 1
            state = states[task.name]
            _note(state, outcome)
            if outcome.worth_a_retry and state.attempts <= retries:
                state.state = WAITING
                waiting.append(clips[task.name])
            told(state)
    finally:
        engine.close()
    return list(states.values())


def write_report(states: Sequence[State], path: Path) -> None:
    """How all clips ended, the failures first, as JSON; the file gets its name when complete."""
    failures = [asdict(state) for state in states if state.state == FAILED]
    counts = {kind: sum(s.state == kind for s in states) for kind in (DONE, SKIPPED, FAILED)}
    report = {**counts, "failures": failures, "clips": [asdict(state) for state in states]}
    pending = PendingFile(path, overwrite=True)
    pending.path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    pending.commit()


def _task(clip: Clip, options: Sequence[str], threads: int, command: Sequence[str]) -> Task:
    """``--overwrite``: another try may meet what a worker that was given up for lost has made."""
    words = ["encode", *options, "--threads", str(threads), "--overwrite", "--"]
    return Task(clip.name, (*command, *words, str(clip.source), str(clip.target)))


def _note(state: State, outcome: Outcome) -> None:
    state.attempts += 1
    state.seconds += outcome.seconds
    state.exit_code, state.message = outcome.code, outcome.message
    state.state = DONE if outcome.good else FAILED

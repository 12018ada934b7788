"""Many clips: in processes of their own, after a crash, on a cluster that loses a worker."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tests import clips
from thcodec.batch.clips import JOURNAL, find_clips
from thcodec.batch.engines import Local, RayCluster
from thcodec.batch.run import DONE, FAILED, SKIPPED, run_batch, write_report
from thcodec.bitstream.inspect import info, verify
from thcodec.errors import MediaError

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "tests.cli.command")
PLAIN = ("--crop", "none", "--no-audio")
# A stand-in for the encoder: it notes that it ran, writes a file and ends as its input says.
FAKE = """
import os, pathlib, signal, sys, time
source, target = map(pathlib.Path, sys.argv[-2:])
runs = source.with_suffix(".runs")
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
for word in source.read_text().split():
    if word == "crash-once" and runs.read_text() == "x":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "fail":
        sys.exit("thcodec: error: no face found")
    if word == "slow":
        time.sleep(float(os.environ.get("FAKE_PAUSE", "0.5")))
target.write_text("coded")
print("encoded it")
"""
FAKE_COMMAND = (sys.executable, "-c", FAKE)


@pytest.fixture(autouse=True)
def _in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def folder(place: Path, **contents: str) -> Path:
    place.mkdir()
    for name, text in contents.items():
        (place / f"{name}.mp4").write_text(text)
    return place


def runs(place: Path) -> dict[str, int]:
    return {path.stem: len(path.read_text()) for path in sorted(place.glob("*.runs"))}


def outcome(states) -> dict[str, str]:
    return {Path(state.name).stem: state.state for state in states}


def fake_batch(source: Path, target: Path, jobs: int = 2, **options):
    return run_batch(source, target, Local(jobs), command=FAKE_COMMAND, **options)


def test_clips_become_streams_below_the_other_folder(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a", "deep/b"):
        clips.write_clip(tmp_path / "in" / f"{name}.mp4", frames=5, sound=False)
    states = run_batch(tmp_path / "in", tmp_path / "out", Local(2), options=PLAIN, command=COMMAND)
    assert [state.state for state in states] == [DONE, DONE], states
    for name in ("a", "deep/b"):
        assert info(tmp_path / "out" / f"{name}.thv")["frames"] == 5


def test_what_is_done_is_not_done_again_unless_something_changed(tmp_path: Path) -> None:
    source, target = folder(tmp_path / "in", a="", b=""), tmp_path / "out"
    fake_batch(source, target)
    assert outcome(fake_batch(source, target)) == {"a": SKIPPED, "b": SKIPPED}
    (source / "a.mp4").write_text("other")
    (target / "b.thv").unlink()
    assert outcome(fake_batch(source, target, overwrite=True)) == {"a": DONE, "b": DONE}
    assert runs(source) == {"a": 2, "b": 2}
    again = fake_batch(source, target, options=("--interval", "50"), overwrite=True)
    assert outcome(again) == {"a": DONE, "b": DONE}


def test_files_of_others_are_not_replaced(tmp_path: Path) -> None:
    source, target = folder(tmp_path / "in", a=""), folder(tmp_path / "out")
    (target / "a.thv").write_text("mine")
    (state,) = fake_batch(source, target)
    assert state.state == FAILED and "exists already" in state.message
    assert (target / "a.thv").read_text() == "mine"


def test_a_crash_is_tried_again_and_a_failure_reported(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", a="crash-once", b="fail", c="")
    states = fake_batch(source, tmp_path / "out", retries=1)
    assert outcome(states) == {"a": DONE, "b": FAILED, "c": DONE}
    assert runs(source) == {"a": 2, "b": 2, "c": 1}
    write_report(states, tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["done"], report["failed"]) == (2, 1)
    (failure,) = report["failures"]
    assert failure["name"] == "b.mp4" and failure["message"] == "no face found"
    assert failure["attempts"] == 2 and failure["exit_code"] == 1


def test_jobs_run_side_by_side(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", a="slow", b="slow", c="slow")
    most = 0

    def tell(states, _) -> None:
        nonlocal most
        most = max(most, sum(state.state == "running" for state in states))

    fake_batch(source, tmp_path / "out", jobs=2, tell=tell)
    assert most == 2


def test_ctrl_c_stops_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_PAUSE", "600")
    source = folder(tmp_path / "in", a="slow", b="slow")
    engine = Local(2)
    processes = []

    def interrupt() -> None:
        while len(engine._processes) < 2 or len(runs(source)) < 2:
            time.sleep(0.02)
        processes.extend(engine._processes)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored behind nohup
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            run_batch(source, tmp_path / "out", engine, command=FAKE_COMMAND)
    finally:
        signal.signal(signal.SIGINT, before)
    assert [process.returncode for process in processes] == [-signal.SIGTERM] * 2


def test_a_killed_batch_goes_on_where_it_was(tmp_path: Path, monkeypatch) -> None:
    """kill -9 after the first clip: its file counts although nobody noted its end."""
    source = folder(tmp_path / "in", a="", b="slow")
    script = (
        "import sys; from pathlib import Path; from thcodec.batch.engines import Local\n"
        "from thcodec.batch.run import run_batch; from tests.batch.test_batch import FAKE_COMMAND\n"
        f"run_batch(Path({str(source)!r}), Path({str(tmp_path / 'out')!r}), Local(1),"
        " command=FAKE_COMMAND)"
    )
    monkeypatch.setenv("FAKE_PAUSE", "20")
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", script], dict(os.environ))
    while "b" not in runs(source):
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with (tmp_path / "out" / JOURNAL).open("a") as journal:
        journal.write('{"name": "a.mp4", "si')  # as a crash may leave it
    monkeypatch.setenv("FAKE_PAUSE", "0")
    assert outcome(fake_batch(source, tmp_path / "out")) == {"a": SKIPPED, "b": DONE}
    assert runs(source) == {"a": 1, "b": 2}


def test_two_clips_of_one_name_and_folders_without_clips_are_refused(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", a="")
    (source / "a.mkv").write_text("")
    with pytest.raises(MediaError, match="would both become"):
        find_clips(source, tmp_path / "out")
    with pytest.raises(MediaError, match="no video"):
        find_clips(folder(tmp_path / "empty"), tmp_path / "out")
    with pytest.raises(MediaError, match="no folder"):
        find_clips(tmp_path / "absent", tmp_path / "out")


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_codes_every_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers of a real local Ray; the first one that is seen at work is killed."""
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("THCODEC_TEST_PAUSE", "0.2")
    (tmp_path / "in").mkdir()
    for name in "abc":
        clips.write_clip(tmp_path / "in" / f"{name}.mp4", frames=10, sound=False)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    killed: list[int] = []

    def kill_one() -> None:
        while not killed:
            for process in Path("/proc").iterdir():
                if process.name.isdigit() and (place := _parent_at_work(process, tmp_path)):
                    os.kill(place, signal.SIGKILL)
                    killed.append(place)
                    return
            time.sleep(0.05)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    try:
        states = run_batch(
            tmp_path / "in",
            tmp_path / "out",
            RayCluster("auto", jobs=2, threads=1),
            options=PLAIN,
            command=COMMAND,
        )
    finally:
        ray.shutdown()
    killer.join(1)
    assert killed
    assert outcome(states) == {"a": DONE, "b": DONE, "c": DONE}, states
    for name in "abc":
        assert verify(tmp_path / "out" / f"{name}.thv") == []
        assert info(tmp_path / "out" / f"{name}.thv")["frames"] == 10


def _parent_at_work(process: Path, folder: Path) -> int | None:
    """The Ray worker that runs this process, when the process codes a clip of the folder."""
    try:
        command = (process / "cmdline").read_bytes().decode(errors="replace")
        if "tests.cli.command" not in command or str(folder) not in command:
            return None
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1])

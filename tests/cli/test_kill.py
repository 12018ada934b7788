"""kill -9 at any moment: the final name never holds a half file; a live file is readable."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest

import thcodec
import thcodec.pipeline.decode_file
import thcodec.pipeline.encode_file  # here, or the children would be killed in the import of torch
from tests import clips
from tests.doubles import MomentAnimator
from thcodec.bitstream.inspect import info, verify
from thcodec.errors import TruncatedError

FRAMES, TIMES = 12, 100
LONGEST = 1.6  # of the time that the work takes: the machine may be busy now and then
PLAIN = thcodec.EncoderConfig(crop="none", interval=5, group=3)


def killed(work: Callable[[], object], after: float) -> bool:
    """Run in a child process, which is killed after so many seconds; whether it was done."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status)


def duration(work: Callable[[], object]) -> float:
    """Seconds that a child process takes for it."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    os.waitpid(child, 0)
    return time.monotonic() - began


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return clips.write_clip(tmp_path / "in.mp4", frames=FRAMES)


def encoded(source: Path, target: Path, **options: bool) -> None:
    thcodec.encode(source, target, PLAIN, animator=MomentAnimator(), overwrite=True, **options)


def only_hidden(folder: Path, *names: str) -> None:
    """Nothing but the files that belong there, and hidden parts of killed ones."""
    others = {path.name for path in folder.iterdir()} - {"in.mp4", *names}
    assert all(name.startswith(".") and ".part" in name for name in others), others


@pytest.mark.slow
def test_encode(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.thv"
    rng, whole = random.Random(1), duration(lambda: encoded(source, target))
    finished = 0
    for _ in range(TIMES):
        target.unlink(missing_ok=True)
        done = killed(lambda: encoded(source, target), rng.uniform(0, LONGEST * whole))
        finished += done
        assert target.exists() or not done
        if target.exists():
            assert verify(target) == [] and info(target)["frames"] == FRAMES
        only_hidden(tmp_path, "out.thv")
    assert 0 < finished < TIMES


@pytest.mark.slow
def test_decode(source: Path, tmp_path: Path) -> None:
    stream, target = tmp_path / "out.thv", tmp_path / "back.mp4"
    encoded(source, stream)

    def decoded() -> None:
        thcodec.decode(stream, target, animator=MomentAnimator(), overwrite=True)

    rng, whole = random.Random(2), duration(decoded)
    finished = 0
    for _ in range(TIMES):
        target.unlink(missing_ok=True)
        finished += killed(decoded, rng.uniform(0, LONGEST * whole))
        if target.exists():
            with av.open(str(target)) as container:
                assert sum(1 for _ in container.decode(video=0)) == FRAMES
        only_hidden(tmp_path, "out.thv", "back.mp4")
    assert 0 < finished < TIMES


@pytest.mark.slow
def test_a_live_file_is_readable_up_to_its_last_packet(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "live.thv"
    rng, work = random.Random(3), lambda: encoded(source, target, live=True, in_place=True)
    whole = duration(work)
    seen = set()
    for _ in range(20):
        target.unlink(missing_ok=True)
        killed(work, rng.uniform(0.3, 1.0) * whole)
        if target.exists() and target.stat().st_size > 300:
            facts = info(target)
            assert all("end" in fault for fault in facts["damage"])
            assert all(isinstance(fault, TruncatedError) for fault in verify(target))
            seen.add(facts["frames"])
    assert len(seen) > 3


def test_a_live_file_is_there_from_the_start(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "live.thv"
    sizes: list[int] = []
    thcodec.encode(
        source,
        target,
        PLAIN,
        animator=MomentAnimator(),
        live=True,
        in_place=True,
        progress=lambda _: sizes.append(target.stat().st_size),
    )
    assert sizes == sorted(sizes) and len(set(sizes)) == FRAMES
    assert verify(target) == []

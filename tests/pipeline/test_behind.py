"""The two halves of a file's way at once: order, back-pressure, faults, and the same bytes."""

from __future__ import annotations

import io
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import thcodec
from tests import clips
from tests.doubles import MomentAnimator
from thcodec.bitstream import Reader, RecordType, Writer
from thcodec.media.opencv_threads import opencv_threads
from thcodec.media.video_input import VideoInput
from thcodec.media.video_output import VideoOutput
from thcodec.pipeline import DecoderConfig
from thcodec.pipeline.behind import Behind

PLAIN = thcodec.EncoderConfig(crop="none", interval=20)


def test_calls_are_made_in_order_by_another_thread() -> None:
    made: list[tuple[int, bool]] = []
    here = threading.get_ident()
    with Behind() as behind:
        for number in range(100):
            behind.do(lambda n: made.append((n, threading.get_ident() != here)), number)
        behind.finish()
    assert made == [(number, True) for number in range(100)]


def test_the_maker_waits_while_too_many_calls_wait() -> None:
    gate, asked = threading.Event(), []

    def make() -> None:
        with Behind() as behind:
            for number in range(100):
                asked.append(number)
                behind.do(gate.wait)
            behind.finish()

    maker = threading.Thread(target=make)
    maker.start()
    time.sleep(0.2)
    assert 1 <= len(asked) < 10
    gate.set()
    maker.join()
    assert len(asked) == 100


def test_a_fault_comes_out_where_calls_are_made_and_stops_them() -> None:
    made: list[int] = []

    def work(number: int) -> None:
        if number == 3:
            raise OSError("the disk is full")
        made.append(number)

    with pytest.raises(OSError, match="the disk is full"), Behind() as behind:
        for number in range(1000):
            behind.do(work, number)
        behind.finish()
    assert made == [0, 1, 2]


def test_the_last_call_s_fault_comes_out_too() -> None:
    def fail() -> None:
        raise OSError("late")

    with pytest.raises(OSError, match="late"), Behind() as behind:
        behind.do(fail)
        behind.finish()


def test_what_waits_is_given_up_when_the_maker_fails() -> None:
    made: list[int] = []
    gate = threading.Event()
    with pytest.raises(KeyboardInterrupt), Behind() as behind:
        behind.do(gate.wait)
        behind.do(made.append, 1)
        threading.Timer(0.1, gate.set).start()
        raise KeyboardInterrupt
    assert made == []


def test_a_file_has_the_bytes_of_one_coded_frame_by_frame(clip: Path) -> None:
    together, alone = io.BytesIO(), io.BytesIO()
    thcodec.encode(clip, together, PLAIN, animator=MomentAnimator())
    with Writer(alone) as writer, VideoInput(clip) as video:
        encoder = thcodec.Encoder(
            PLAIN,
            time_base=video.time_base,
            frame_duration=round(1 / video.frame_rate / video.time_base),
            live=False,
            audio=video.audio_parameters,
            animator=MomentAnimator(),
        )
        end = 0
        for frame in video.frames():
            packets = encoder.push(frame.rgb, frame.pts)
            packets += [
                packet for sound in video.take_audio() for packet in encoder.push_audio(sound)
            ]
            for packet in packets:
                writer.write(packet)
            end = frame.pts + frame.duration
        for sound in video.take_audio():
            for packet in encoder.push_audio(sound):
                writer.write(packet)
        for packet in encoder.flush():
            writer.write(packet)
        writer.finish(end)
    assert together.getvalue() == alone.getvalue()


def test_a_file_has_the_pictures_of_one_decoded_packet_by_packet(
    clip: Path, tmp_path: Path
) -> None:
    stream = tmp_path / "a.thv"
    thcodec.encode(clip, stream, PLAIN, animator=MomentAnimator())
    thcodec.decode(stream, tmp_path / "a.mp4", animator=MomentAnimator())
    decoder = thcodec.Decoder(animator=MomentAnimator())
    with (
        Reader(stream) as reader,
        VideoOutput(
            tmp_path / "b.mp4", 256, reader.header.time_base, frame_rate=Fraction(25)
        ) as output,
    ):
        packets = [reader.header_packet, *(p for p in reader if p.type != RecordType.AUDIO)]
        for packet in packets:
            for frame in decoder.push(packet):
                output.add_frame(frame.rgb, frame.pts, 512)
    assert _pictures(tmp_path / "a.mp4") == _pictures(tmp_path / "b.mp4")


@pytest.mark.parametrize("end", ["flush", "close", "dropped"])
def test_the_thread_that_looks_ahead_ends_with_the_stream(end: str) -> None:
    before = threading.active_count()
    config = thcodec.EncoderConfig(crop="none", threads=2)
    encoder = thcodec.Encoder(config, live=False, animator=MomentAnimator())
    for frame in range(20):
        encoder.push(clips.disc(frame, 256, 256))
    assert threading.active_count() == before + 1
    if end == "dropped":
        thread = threading.enumerate()[-1]
        del encoder
        thread.join(10)
    else:
        getattr(encoder, end)()
    assert threading.active_count() == before


@pytest.mark.parametrize("work", ["encode", "decode"])
def test_ctrl_c_leaves_nothing_and_no_thread(clip: Path, tmp_path: Path, work: str) -> None:
    stream, threads = tmp_path / "a.thv", threading.active_count()
    if work == "decode":
        thcodec.encode(clip, stream, PLAIN, animator=MomentAnimator())
    before = sorted(tmp_path.iterdir())

    def interrupt(progress: thcodec.pipeline.Progress) -> None:
        if progress.frames > 8:
            raise KeyboardInterrupt

    target = stream if work == "encode" else tmp_path / "a.mp4"
    source = clip if work == "encode" else stream
    with pytest.raises(KeyboardInterrupt):
        if work == "encode":
            thcodec.encode(source, target, PLAIN, animator=MomentAnimator(), progress=interrupt)
        else:
            thcodec.decode(source, target, animator=MomentAnimator(), progress=interrupt)
    assert sorted(tmp_path.iterdir()) == before
    assert threading.active_count() == threads


def test_threads_reach_every_library(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, int] = {}
    of_opencv: list[int] = []
    monkeypatch.setattr(cv2, "setNumThreads", of_opencv.append)
    for kind in (VideoInput, VideoOutput):

        def opened(self, *args, kind=kind, begin=kind.__init__, **options):
            begin(self, *args, **options)
            asked[kind.__name__] = self._video.codec_context.thread_count

        monkeypatch.setattr(kind, "__init__", opened)
    config = thcodec.EncoderConfig(crop="none", threads=3)
    thcodec.encode(clip, tmp_path / "a.thv", config, animator=MomentAnimator())
    thcodec.decode(
        tmp_path / "a.thv", tmp_path / "a.mp4", DecoderConfig(threads=3), animator=MomentAnimator()
    )
    assert asked == {"VideoInput": 3, "VideoOutput": 3}
    usual = cv2.getNumThreads()
    assert of_opencv == [1, usual, 3, usual]  # encoding has threads enough of its own


def test_threads_of_opencv_are_put_back_when_the_last_is_done() -> None:
    usual = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        first, none, second = (opencv_threads(count) for count in (1, None, 2))
        first.__enter__()
        none.__enter__()
        second.__enter__()
        assert cv2.getNumThreads() == 2
        first.__exit__(None, None, None)
        none.__exit__(None, None, None)
        assert cv2.getNumThreads() == 2
        second.__exit__(None, None, None)
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(usual)


def _pictures(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [
            np.ascontiguousarray(frame.to_ndarray(format="rgb24")).tobytes()
            for frame in container.decode(video=0)
        ]

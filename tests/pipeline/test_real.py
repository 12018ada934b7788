"""The whole way with the shipped network on a real person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import thcodec
from tests import clips
from thcodec.bitstream.inspect import verify
from thcodec.errors import WeightsError
from thcodec.media.video_input import VideoInput
from thcodec.models import registry
from thcodec.pipeline import Summary
from thcodec.pipeline.quality import psnr
from thcodec.sources.score import eyes_open

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", autouse=True)
def _weights() -> None:
    try:
        registry.find_weights("compact-7.safetensors")
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def coded(
    shared_original: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, Summary]:
    """Stream, decoded video and figures of five seconds, found and cropped by itself."""
    folder = tmp_path_factory.mktemp("real")
    stream, video = folder / "a.thv", folder / "a.mp4"
    summary = thcodec.encode(shared_original, stream)
    thcodec.decode(stream, video)
    return stream, video, summary


def test_a_few_kilobytes(coded: tuple[Path, Path, Summary]) -> None:
    stream, video, summary = coded
    assert verify(stream) == []
    assert (summary.frames, summary.duration) == (125, 5.0)
    assert summary.bytes.total < 7000
    assert summary.bytes.motion / summary.frames < 14
    assert summary.notes == ()
    times, _, width = clips.probe(video)
    assert (len(times), width) == (125, 256)


def test_the_face_moves(shared_clip: Path) -> None:
    with VideoInput(shared_clip, audio=False) as video:
        pictures = [frame.rgb for index, frame in enumerate(video.frames()) if index % 7 == 0]
    encoder = thcodec.Encoder(thcodec.EncoderConfig(crop="none", interval=0))
    decoder = thcodec.Decoder()
    shown = [
        frame.rgb
        for picture in pictures
        for packet in encoder.push(picture)
        for frame in decoder.push(packet)
    ]
    decoded = np.mean([psnr(*pair) for pair in zip(pictures, shown, strict=True)])
    repeated = np.mean([psnr(picture, shown[0]) for picture in pictures])
    assert encoder.sources == 1
    assert decoded > repeated + 1


def test_eyes_that_start_shut_open(shared_blink: Path) -> None:
    with VideoInput(shared_blink, audio=False) as video:
        pictures = [frame.rgb for _, frame in zip(range(32), video.frames(), strict=False)][1:]
    animator = registry.load_animator("compact")
    assert animator.eyes is not None
    eyes = animator.eyes

    def opening(shown: list[np.ndarray]) -> np.ndarray:
        return np.array([eyes_open(seen.keypoints, eyes) for seen in animator.extract(shown)])

    def decoded(**options: object) -> np.ndarray:
        config = thcodec.EncoderConfig(crop="none", **options)
        encoder = thcodec.Encoder(config, live=False, animator=animator)
        decoder = thcodec.Decoder(animator=animator)
        packets = [packet for picture in pictures for packet in encoder.push(picture)]
        packets += encoder.flush()
        return opening([f.rgb for packet in packets for f in decoder.push(packet)][-10:])

    original = opening([pictures[0], *pictures[-10:]])
    assert original[0] < 0.1 and original[1:].min() > 0.18
    assert decoded().mean() > 0.9 * original[1:].mean()
    # The first frame as the source, whatever it is, is what this is about.
    assert decoded(interval=1000).mean() < decoded().mean() - 0.01


def test_a_call(shared_original: Path) -> None:
    encoder, decoder = thcodec.Encoder(), thcodec.Decoder()
    sent = 0
    with VideoInput(shared_original, audio=False) as video:
        for index, picture in zip(range(20), video.frames(), strict=False):
            packets = encoder.push(picture.rgb, index)
            frames = [frame for packet in packets for frame in decoder.push(packet)]
            assert [frame.pts for frame in frames] == [index]
            assert not frames[0].low_confidence
            sent += sum(len(packet) for packet in packets)
    assert sent < 20 * 25 + 3200 * encoder.sources and encoder.sources <= 2

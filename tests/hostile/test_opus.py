"""Sound of a hostile stream, written into a video: the file is made, or MediaError says why not."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from thcodec.bitstream import AudioParameters
from thcodec.errors import MediaError
from thcodec.media.video_output import VideoOutput

HEAD = b"OpusHead" + bytes((1, 1, 0x38, 1, 0x80, 0xBB, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_malformed_opus(suffix: str, tmp_path: Path) -> None:
    rng, made = random.Random(suffix), 0
    for number in range(8):
        head = bytearray(HEAD)
        if number % 2:
            head[rng.randrange(8, len(head))] ^= 1 << rng.randrange(8)
        path = tmp_path / f"{number}.{suffix}"
        try:
            write(path, AudioParameters(extradata=bytes(head), pre_skip=312), rng)
            made += 1
        except MediaError:
            assert not path.exists()
    assert made >= 4  # those whose set-up is right: what is in the packets is the player's business


def write(path: Path, audio: AudioParameters, rng: random.Random) -> None:
    """Noise for packets, of every size, with durations that no codec has."""
    rate, black = Fraction(1, 25), np.zeros((64, 64, 3), np.uint8)
    with VideoOutput(path, 64, rate, crf=30, audio=audio, frame_rate=1 / rate) as video:
        at = -312
        for number in range(8):
            video.add_frame(black, number, 1)
            duration = rng.choice([1, 120, 960, 5760])
            video.add_audio(at, duration, rng.randbytes(rng.choice([1, 3, 1275, 1276, 5000])))
            at += duration
        video.close()

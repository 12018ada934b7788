"""The same input gives the same bytes, whatever the threads; streams give the same integers."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.hostile.test_every_bit import read
from thcodec import EncoderConfig, encode
from thcodec.errors import WeightsError
from thcodec.models import registry

FOLDER = Path(__file__).parents[2] / "fixtures"
INTEGERS = {  # half the SHA-256 of all values, as 32 bits, the most significant byte first
    "golden/file": "cfd0d7970a6b8a360201bc9fe6a7b469",
    "golden/live": "cfd0d7970a6b8a360201bc9fe6a7b469",
    "golden/raw": "2c7fe729583a8f71334073dcdd55f4e7",
    "golden/zstd": "2c7fe729583a8f71334073dcdd55f4e7",
    "conformance/valid/coder-range": "9adc160a0b940140d62137ff615848bc",
    "conformance/uncommon/extremes-range": "8739ef5e3fbd244355f50b9d8bbd21f7",
    "conformance/uncommon/most-keypoints": "8be9b52cbba81078abaf329f7fa10549",
}


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_are_the_same_everywhere(name: str) -> None:
    found, faults = read((FOLDER / f"{name}.thv").read_bytes())
    assert faults == []
    rows = np.array([found[pts] for pts in sorted(found)]).astype(">i4")
    assert hashlib.sha256(rows.tobytes()).hexdigest()[:32] == INTEGERS[name]


@pytest.mark.real
@pytest.mark.parametrize("live", [False, True])
def test_threads_change_no_byte(shared_clip: Path, live: bool, tmp_path: Path) -> None:
    config = EncoderConfig(interval=10)
    try:
        registry.load_animator(config.animator)
    except WeightsError:
        pytest.skip("the weights of the compact animator are not here")
    short, streams, before = _first_frames(shared_clip, tmp_path), [], torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            out = io.BytesIO()
            encode(short, out, config, live=live)
            streams.append(out.getvalue())
    finally:
        torch.set_num_threads(before)
    assert streams[0] == streams[1] == streams[2] and len(streams[0]) > 1000


def _first_frames(clip: Path, folder: Path) -> Path:
    from tests.clips import write_pictures
    from thcodec.media.video_input import VideoInput

    with VideoInput(clip, audio=False) as video:
        pictures = [frame.rgb for frame, _ in zip(video.frames(), range(24), strict=False)]
    return write_pictures(folder / "short.mkv", pictures)

"""Streams name what enlarges their stills, and what happens where that is not at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import clips
from tests.doubles import MomentAnimator
from thcodec import Decoder, Encoder, EncoderConfig, Packet
from thcodec.bitstream import StreamHeader
from thcodec.errors import ThvError, WeightsError
from thcodec.models.esrgan import upscaler as networks
from thcodec.models.esrgan.compact import CompactConfig, CompactNet
from thcodec.models.weights_file import write_weights
from thcodec.pipeline.config import DecoderConfig
from thcodec.pipeline.decode_file import decode
from thcodec.pipeline.encode_file import encode

SMALL = CompactConfig(channels=8, inner_channels=8, outer_blocks=1, inner_blocks=1)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A network that makes everything one colour, so that its work can be seen."""
    net = CompactNet(SMALL)
    first, last = net.detail[0], net.detail[2]
    for head in (first, last):
        head.weight.data.zero_()
        head.bias.data.fill_(1)
    for channel in range(3):  # x - 0.5 + 1, which is positive; then 1 minus that, added to x
        first.weight.data[channel, channel, 1, 1] = 1
        last.weight.data[channel, channel, 1, 1] = -1
    path = tmp_path / "grey.safetensors"
    write_weights(net.state_dict(), path, {})
    return path


def _packets(weights: Path, name: str = "esrgan", frames: int = 12) -> list[Packet]:
    config = EncoderConfig(
        crop="none", interval=5, source_size=64, upscaler=name, upscaler_weights=str(weights)
    )
    encoder = Encoder(config, live=False, animator=MomentAnimator())
    packets = []
    for index in range(frames):
        packets += encoder.push(clips.disc(index), index)
    return packets + encoder.flush()


def _decode(packets: list[Packet], **options: object) -> tuple[list[np.ndarray], Decoder]:
    decoder = Decoder(DecoderConfig(**options), animator=MomentAnimator())
    return [frame.rgb for packet in packets for frame in decoder.push(packet)], decoder


def _spread(picture: np.ndarray) -> float:
    return float(picture[8:-8, 8:-8].std((0, 1)).max())


def test_a_stream_is_decoded_with_the_upscaler_it_names(weights: Path) -> None:
    packets = _packets(weights)
    identity = StreamHeader.parse(packets[0].payload).upscaler
    assert identity.name == "esrgan" and any(identity.sha256)
    pictures, decoder = _decode(packets, upscaler_weights=str(weights), strict=True)
    assert len(pictures) == 12 and decoder.warnings == []
    assert _spread(pictures[0]) < 2


def test_without_it_lanczos_stands_in_with_a_warning(weights: Path) -> None:
    pictures, decoder = _decode(_packets(weights))
    assert len(pictures) == 12 and _spread(pictures[0]) > 20
    assert decoder.notes == []  # the stream is whole
    (warning,) = decoder.warnings
    assert "lanczos" in warning and "--upscaler-weights" in warning


def test_strict_refuses(weights: Path) -> None:
    with pytest.raises(WeightsError, match="--upscaler-weights"):
        _decode(_packets(weights), strict=True)


def test_other_weights_are_not_taken_for_the_stream_s(weights: Path, tmp_path: Path) -> None:
    packets = _packets(weights)
    other = tmp_path / "other.safetensors"
    write_weights(CompactNet(SMALL).state_dict(), other, {})
    _, decoder = _decode(packets, upscaler_weights=str(other))
    assert "the stream was made with" in decoder.warnings[0]


def test_a_network_runs_once_per_source(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    tiled = networks.tiled
    monkeypatch.setattr(networks, "tiled", lambda *args: runs.append(1) or tiled(*args))
    pictures, _ = _decode(_packets(weights), upscaler_weights=str(weights))
    assert (len(pictures), len(runs)) == (12, 3)


def test_a_device_that_is_not_there_is_no_reason_for_lanczos(weights: Path) -> None:
    with pytest.raises(ThvError, match="device 'nonsense'"):
        _decode(_packets(weights), upscaler_weights=str(weights), device="nonsense")


def test_files_tell_of_it_in_their_summary(weights: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clips.write_clip(clip, frames=10, sound=False, size=(256, 256))
    config = EncoderConfig(
        crop="none", source_size=64, upscaler="esrgan", upscaler_weights=str(weights)
    )
    stream = tmp_path / "a.thv"
    encode(clip, stream, config, animator=MomentAnimator())
    summary = decode(stream, tmp_path / "a.mp4", animator=MomentAnimator())
    assert summary.frames == 10 and summary.damage == ()
    assert "lanczos" in summary.warnings[0]
    options = DecoderConfig(upscaler_weights=str(weights), strict=True)
    summary = decode(stream, tmp_path / "b.mp4", options, animator=MomentAnimator())
    assert summary.warnings == ()

"""Options are checked where they are made."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from thcodec import EncoderConfig
from thcodec.pipeline import DecoderConfig


def stills(live: bool = False, **options: Any) -> tuple[str, int, int, str]:
    got = EncoderConfig(**options).stills(live)
    return got.codec.label, got.size, got.quality, got.upscaler


def test_stills_follow_the_picture_and_their_codec() -> None:
    assert stills() == ("av1", 256, 25, "lanczos")
    assert stills(size=512) == ("av1", 512, 25, "lanczos")
    assert stills(source_size=128) == ("av1", 128, 60, "face")
    assert stills(still_codec=2) == ("webp", 128, 60, "face")
    assert stills(still_codec=2, source_size=256) == ("webp", 256, 60, "lanczos")
    assert stills(live=True) == ("av1", 256, 10, "lanczos")
    assert stills(live=True, still_codec=2) == ("webp", 128, 60, "lanczos")
    assert stills(source_size=256, upscaler="bicubic") == ("av1", 256, 25, "bicubic")
    assert stills(source_quality=70, upscaler="bicubic") == ("av1", 128, 70, "bicubic")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 128),
        ("fps", Fraction(0)),
        ("source_size", 8),
        ("source_size", 512),
        ("source_quality", 101),
        ("interval", -1),
        ("policy", "often"),
        ("limit", 0),
        ("bitrate", 0),
        ("bank", 65),
        ("look_ahead", 251),
        ("audio_bitrate", 100),
        ("still_codec", 4),
        ("coder", 3),
        ("group", 0),
        ("hysteresis", 0.2),
        ("alignment", -1),
        ("alignment", 9),
        ("transition", "wipe"),
        ("transition_frames", 0),
        ("transition_frames", 65),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name.replace("_", ".")):
        EncoderConfig(**{name: value})


def test_live_streams_have_no_time_for_alignment_unless_asked() -> None:
    assert EncoderConfig().alignment_rounds(live=False) == 1
    assert EncoderConfig().alignment_rounds(live=True) == 0
    assert EncoderConfig(alignment=3).alignment_rounds(live=True) == 3


@pytest.mark.parametrize(
    ("options", "policy", "bank", "ahead"),
    [
        ({}, "threshold", 8, 60),
        ({"interval": 40}, "interval", 1, 0),
        ({"interval": 0}, "first", 1, 60),
        ({"bitrate": 5.0}, "budget", 8, 60),
        ({"policy": "interval"}, "interval", 1, 0),
        ({"policy": "best-frame", "interval": 40, "bank": 2}, "best-frame", 2, 39),
        ({"policy": "best-frame"}, "best-frame", 8, 99),
        ({"policy": "quality", "look_ahead": 0}, "quality", 8, 0),
    ],
    ids=str,
)
def test_options_that_imply_a_policy(
    options: dict[str, object], policy: str, bank: int, ahead: int
) -> None:
    config = EncoderConfig(**options)
    assert (config.policy_name, config.bank_size, config.frames_ahead) == (policy, bank, ahead)


@pytest.mark.parametrize(
    "options",
    [
        {"policy": "threshold", "interval": 10},
        {"policy": "best-frame", "interval": 251},
        {"policy": "interval", "interval": 0},
        {"policy": "budget"},
        {"policy": "quality", "bitrate": 5.0},
        {"interval": 10, "bitrate": 5.0},
    ],
    ids=str,
)
def test_options_that_contradict_each_other(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"interval|bitrate"):
        EncoderConfig(**options)


def test_decoder_values_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="crf"):
        DecoderConfig(crf=52)
    with pytest.raises(ValueError, match="batch"):
        DecoderConfig(batch=0)


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        ({}, 4),
        ({"interval": 100}, 4),
        ({"interval": 12}, 3),
        ({"interval": 2}, 1),
        ({"interval": 20, "transition_frames": 30}, 30),
        ({"interval": 12, "policy": "best-frame"}, 3),
        ({"interval": 0}, 4),
    ],
)
def test_a_transition_is_over_before_the_next_source(
    options: dict[str, object], frames: int
) -> None:
    shown = EncoderConfig(**options).header_transition  # type: ignore[arg-type]
    assert shown is not None and shown.frames == frames

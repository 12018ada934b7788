"""Options are checked where they are made."""

from __future__ import annotations

from fractions import Fraction

import pytest

from thcodec import EncoderConfig
from thcodec.pipeline import DecoderConfig


def test_source_size_follows_the_picture() -> None:
    assert EncoderConfig().still_size == 128
    assert EncoderConfig(size=512).still_size == 256
    assert EncoderConfig(size=512, source_size=512).still_size == 512


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 128),
        ("fps", Fraction(0)),
        ("source_size", 8),
        ("source_size", 512),
        ("source_quality", 101),
        ("interval", -1),
        ("audio_bitrate", 100),
        ("still_codec", 4),
        ("coder", 3),
        ("group", 0),
        ("hysteresis", 0.2),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name.replace("_", " ")):
        EncoderConfig(**{name: value})


def test_decoder_values_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="crf"):
        DecoderConfig(crf=52)
    with pytest.raises(ValueError, match="batch"):
        DecoderConfig(batch=0)

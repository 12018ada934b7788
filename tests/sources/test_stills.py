"""Stills: small, faithful, and nothing in them can make the decoder do more than announced."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from thcodec.bitstream.header import StillCodec
from thcodec.errors import LimitError, MalformedError, SequenceError
from thcodec.sources import av1, jpeg
from thcodec.sources.stills import (
    StillDecoder,
    StillEncoder,
    decode_still,
    encode_still,
    jpeg_tables,
    resize_still,
)

TABLES = jpeg_tables(50)


def smooth_picture(width: int = 64, height: int = 64) -> np.ndarray:
    coarse = np.random.default_rng(7).integers(0, 255, (6, 6, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("codec", list(StillCodec))
@pytest.mark.parametrize(("width", "height"), [(64, 64), (128, 128), (37, 51), (1, 1), (16, 200)])
def test_round_trip(codec, width, height):
    if codec is StillCodec.AV1 and width < av1.SMALLEST:
        with pytest.raises(LimitError, match="8 are the least"):
            encode_still(smooth_picture(width, height), codec=codec)
        return
    picture = smooth_picture(width, height)
    tables = jpeg_tables(90)
    data = encode_still(picture, codec=codec, quality=90, tables=tables)
    again = decode_still(data, codec, width, height, tables=tables)
    assert again.shape == (height, width, 3) and again.dtype == np.uint8
    assert np.abs(again.astype(float) - picture).mean() < 10


@pytest.mark.parametrize("quality", [1, 25, 50, 75, 95, 100])
def test_split_and_join_give_the_same_pixels(quality):
    picture = smooth_picture(48, 40)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality, subsampling=2)
    whole = buffer.getvalue()
    tables, scan = jpeg.split(whole)
    assert tables == jpeg_tables(quality) and len(tables) == 138
    again = Image.open(io.BytesIO(jpeg.join(tables, scan, 48, 40)))
    assert np.array_equal(np.array(again), np.array(Image.open(io.BytesIO(whole))))


def test_shared_tables_save_what_the_headers_cost():
    picture = smooth_picture()
    bare = encode_still(picture, codec=StillCodec.JPEG, tables=TABLES)
    complete = encode_still(picture, codec=StillCodec.COMPLETE_JPEG)
    assert len(bare) + 250 < len(complete)
    assert len(encode_still(picture, codec=StillCodec.WEBP)) < len(complete)


def test_tables_of_another_quality_are_refused():
    with pytest.raises(MalformedError, match="not those of quality 80"):
        encode_still(smooth_picture(), quality=80, tables=TABLES)


def test_tables_may_bring_huffman_tables_of_their_own():
    picture = smooth_picture()
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=50, subsampling=2, optimize=True)
    whole = buffer.getvalue()
    with pytest.raises(MalformedError, match="standard Huffman"):
        jpeg.split(whole)
    first = whole.index(b"\xff\xc4")
    scan_header = whole.index(b"\xff\xda")
    tables = TABLES + whole[first:scan_header]
    again = decode_still(whole[scan_header + 14 : -2], 1, 64, 64, tables=tables)
    assert np.array_equal(again, np.array(Image.open(io.BytesIO(whole))))


def test_other_chroma_is_refused():
    buffer = io.BytesIO()
    Image.fromarray(smooth_picture()).save(buffer, "JPEG", subsampling=0)
    with pytest.raises(MalformedError, match="4:2:0"):
        jpeg.split(buffer.getvalue())


@pytest.mark.parametrize("codec", list(StillCodec))
def test_size_is_checked_before_decoding(codec):
    data = encode_still(smooth_picture(), codec=codec, tables=TABLES)
    if codec is not StillCodec.JPEG:  # a bare scan has no size of its own
        with pytest.raises(MalformedError, match="not 64x65 as announced"):
            decode_still(data, codec, 64, 65, tables=TABLES)
    for width, height in [(0, 64), (64, -1), (2049, 64), (1 << 30, 1 << 30)]:
        with pytest.raises(LimitError, match="sides may be 1 to 2048"):
            decode_still(data, codec, width, height, tables=TABLES)


def test_giant_announced_inside_a_small_still_is_not_decoded():
    data = bytearray(encode_still(smooth_picture(), codec=StillCodec.WEBP))
    struct.pack_into("<HH", data, 6, 16383, 16383)
    with pytest.raises(MalformedError, match="as announced"):
        decode_still(bytes(data), StillCodec.WEBP, 64, 64)
    data = bytearray(encode_still(smooth_picture(), codec=StillCodec.COMPLETE_JPEG))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 65500, 65500)
    with pytest.raises(MalformedError, match="as announced"):
        decode_still(bytes(data), StillCodec.COMPLETE_JPEG, 64, 64)


def complete_jpeg(**options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(smooth_picture()).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def test_progressive_jpeg_is_refused():
    """Ten bytes of it can be one more pass over the whole picture: 70 KB took a minute."""
    with pytest.raises(MalformedError, match="not baseline"):
        decode_still(complete_jpeg(progressive=True), StillCodec.COMPLETE_JPEG, 64, 64)


def test_jpeg_of_several_scans_is_refused():
    data = bytearray(complete_jpeg())
    at = data.index(b"\xff\xda")
    data[at : at + 14] = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    with pytest.raises(MalformedError, match="several scans"):
        decode_still(bytes(data), StillCodec.COMPLETE_JPEG, 64, 64)
    with pytest.raises(MalformedError, match="several scans"):
        decode_still(bytes(data[:at]), StillCodec.COMPLETE_JPEG, 64, 64)


def test_side_information_of_a_jpeg_is_not_parsed():
    exif = Image.Exif()
    exif[0x0112] = 6
    rich = complete_jpeg(exif=exif, icc_profile=b"x" * 300, comment=b"hello", dpi=(9, 9))
    assert jpeg.plain(rich) == jpeg.plain(complete_jpeg())
    assert b"Exif" in rich and b"Exif" not in jpeg.plain(rich)
    picture = decode_still(rich, StillCodec.COMPLETE_JPEG, 64, 64)
    assert np.array_equal(picture, np.array(Image.open(io.BytesIO(rich))))


@pytest.mark.parametrize("extra", [b"\xff\xd9\xff\xd8", b"\xff\xd0", b"\xff"])
def test_marker_in_a_scan_is_refused(extra):
    scan = encode_still(smooth_picture(), tables=TABLES)
    with pytest.raises(MalformedError, match="a marker inside"):
        decode_still(scan + extra, StillCodec.JPEG, 64, 64, tables=TABLES)


@pytest.mark.parametrize(
    "tables",
    [
        b"",
        b"nonsense",
        TABLES[:-1],
        TABLES + b"\xff",
        TABLES + b"\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00",
        b"\xff\xdb\x00\x00",
    ],
)
def test_bad_tables_are_refused(tables):
    scan = encode_still(smooth_picture(), tables=TABLES)
    with pytest.raises(MalformedError):
        decode_still(scan, StillCodec.JPEG, 64, 64, tables=tables)


def test_unknown_codec():
    with pytest.raises(MalformedError, match="still codec 9 is unknown"):
        decode_still(b"", 9, 64, 64)
    with pytest.raises(MalformedError, match="still codec 0 is unknown"):
        encode_still(smooth_picture(), codec=0)


@pytest.mark.parametrize("codec", list(StillCodec))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_is_an_error_or_a_picture(codec, data):
    whole = encode_still(smooth_picture(), codec=codec, tables=TABLES)
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = decode_still(bytes(damaged), codec, 64, 64, tables=TABLES)
    except MalformedError:
        return
    except (SequenceError, LimitError):
        assert codec is StillCodec.AV1 and damaged[:1] != whole[:1]
        return
    assert picture.shape == (64, 64, 3)


def turning(count: int, side: int = 64) -> list[np.ndarray]:
    """Pictures that differ little from one to the next."""
    whole = smooth_picture(side + 4 * count, side)
    return [whole[:, 4 * at : 4 * at + side].copy() for at in range(count)]


def decoded(decoder: StillDecoder, data: list[bytes]) -> list[np.ndarray | None]:
    """None where a still before is missed."""
    found: list[np.ndarray | None] = []
    for each in data:
        try:
            found.append(decoder.decode(each, StillCodec.AV1, 64, 64))
        except SequenceError:
            found.append(None)
    return found


def chained(pictures: list[np.ndarray], *alone: int) -> list[bytes]:
    encoder = StillEncoder(StillCodec.AV1, 60)
    return [encoder.encode(each, alone=at in alone) for at, each in enumerate(pictures)]


def test_stills_of_a_chain_cost_less_and_come_back():
    pictures = turning(4)
    chain = chained(pictures)
    alone = [encode_still(picture, codec=StillCodec.AV1, quality=60) for picture in pictures]
    assert chain[0] == alone[0] and sum(map(len, chain[1:])) < 0.6 * sum(map(len, alone[1:]))
    for picture, got in zip(pictures, decoded(StillDecoder(b""), chain), strict=True):
        assert got is not None and np.abs(got.astype(float) - picture).mean() < 6


def test_what_a_lost_still_bears_is_refused_up_to_the_next_chain():
    data = chained(turning(6), 4)
    whole = decoded(StillDecoder(b""), data)
    gap = decoded(StillDecoder(b""), [data[0], *data[2:]])
    assert [got is None for got in gap] == [False, True, True, False, False]
    for got, wanted in zip(gap[3:], whole[4:], strict=True):
        assert np.array_equal(got, wanted)
    gap = decoded(StillDecoder(b""), [*data[:2], *data[5:]])  # place 1 is due, in another chain
    assert [got is None for got in gap] == [False, False, True]


def test_what_cannot_be_decoded_ends_a_chain():
    data = chained(turning(6), 4)
    decoder = StillDecoder(b"")
    with pytest.raises(MalformedError):
        decoded(decoder, [data[0], data[1][:-9]])
    assert [got is None for got in decoded(decoder, data[2:])] == [True, True, False, False]


def test_what_comes_late_or_in_another_codec_does_no_harm_to_a_chain():
    data, decoder = chained(turning(5), 2), StillDecoder(b"")
    got = decoded(decoder, [data[0], data[2], data[1], data[3]])
    assert [each is None for each in got] == [False, False, True, False]
    other = encode_still(turning(1)[0], codec=StillCodec.WEBP)
    decoder.decode(other, StillCodec.WEBP, 64, 64)
    assert decoded(decoder, data[4:])[0] is not None


def test_chains_end_by_themselves_and_where_the_size_changes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(av1, "LONGEST", 3)
    data = chained([*turning(7), *turning(2, side=32)])
    places = [each[0] % 32 for each in data]
    assert places == [0, 1, 2, 0, 1, 2, 0, 0, 1] and [data[at][0] >> 5 for at in (0, 3, 7)] == [
        0,
        1,
        3,
    ]
    assert all(got is not None for got in decoded(StillDecoder(b""), data[:7]))


def test_a_chain_has_one_size():
    data, decoder = chained(turning(2)), StillDecoder(b"")
    decoder.decode(data[0], StillCodec.AV1, 64, 64)
    with pytest.raises(MalformedError, match="two sizes"):
        decoder.decode(data[1], StillCodec.AV1, 32, 64)


def test_pixels_of_a_chain_are_paid_in_bytes():
    """Twenty bytes that change nothing are work for all pixels: a megabyte took ten minutes."""
    flat = np.full((2048, 2048, 3), 90, np.uint8)
    data = encode_still(flat, codec=StillCodec.AV1, quality=1)
    with pytest.raises(LimitError, match="2048x2048 pixels in"):
        decode_still(data, StillCodec.AV1, 2048, 2048)
    still = np.full((512, 512, 3), 90, np.uint8)
    decoder, encoder = StillDecoder(b""), StillEncoder(StillCodec.AV1, 1)
    for _ in range(4):
        decoder.decode(encoder.encode(still, alone=False), StillCodec.AV1, 512, 512)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads cannot be listed here")
@pytest.mark.skipif(os.geteuid() != 0, reason="SVT-AV1 may do so for root only")
def test_no_thread_is_real_time_after_an_av1_still():
    """All that start later would be too."""
    usual = os.sched_getscheduler(0)
    encoder = av1.Av1Encoder(60)
    encoder.encode(np.zeros((16, 16, 3), np.uint8))
    threads = [int(thread) for thread in os.listdir("/proc/self/task")]
    assert len(threads) > 1
    assert {os.sched_getscheduler(thread) for thread in threads} == {usual}


def test_colours_of_an_av1_still_are_those_of_the_picture():
    for colour in ((255, 255, 255), (0, 0, 0), (200, 40, 40), (30, 160, 60), (20, 60, 220)):
        picture = np.full((64, 64, 3), colour, np.uint8)
        again = decode_still(encode_still(picture, codec=5, quality=90), 5, 64, 64)
        assert np.abs(again.astype(int) - picture).max() <= 4


def test_resize():
    picture = smooth_picture(256, 256)
    small = resize_still(picture, 64)
    expected = picture.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - expected).max() <= 1
    assert resize_still(small, 64) is small

"""Coding of the still pictures that sources are made from."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from thcodec.bitstream.header import StillCodec
from thcodec.bitstream.limits import MAX_CODED
from thcodec.errors import LimitError, MalformedError
from thcodec.sources import jpeg
from thcodec.sources.av1 import Av1Decoder, Av1Encoder

_CHROMA_420 = 2  # Pillow's number; beats 4:4:4 by 0.1 to 0.2 dB at equal bytes, at 64 pixels
_WEBP_HEAD = struct.Struct("<4sI4s4sI")  # RIFF, length, WEBP, VP8, length
_WEBP_EFFORT = 6


def resize_still(rgb: np.ndarray, size: int) -> np.ndarray:
    """Reduce a picture, uint8 (S, S, 3), to (size, size, 3) by averaging areas."""
    if rgb.shape[:2] == (size, size):
        return rgb
    return cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA)


def jpeg_tables(quality: int) -> bytes:
    """Return the DQT segments (138 bytes) that ``StillCodec.JPEG`` shares at a quality, 1..100."""
    tables, _ = jpeg.split(_save_jpeg(np.zeros((16, 16, 3), np.uint8), quality, optimise=False))
    return tables


def encode_still(
    rgb: np.ndarray, *, codec: int = StillCodec.JPEG, quality: int = 50, tables: bytes = b""
) -> bytes:
    """Code one still that builds on no other.

    Args:
        rgb: uint8 (height, width, 3).
        codec: a ``StillCodec``.
        quality: 1..100, on the codec's own scale.
        tables: of the stream header, for ``StillCodec.JPEG``: ``jpeg_tables(quality)``.

    Raises:
        MalformedError: ``tables`` belong to another quality, or the codec is unknown.
    """
    kind = _codec(codec)
    if kind is StillCodec.AV1:
        return Av1Encoder(quality).encode(rgb)
    if kind is StillCodec.WEBP:
        return _save_webp(rgb, quality)
    if kind is StillCodec.COMPLETE_JPEG:
        return _save_jpeg(rgb, quality, optimise=True)
    own, scan = jpeg.split(_save_jpeg(rgb, quality, optimise=False))
    if own != tables:
        raise MalformedError(f"the shared JPEG tables are not those of quality {quality}")
    return scan


def decode_still(
    data: bytes, codec: int, width: int, height: int, *, tables: bytes = b""
) -> np.ndarray:
    """Decode one still that builds on no other to uint8 (height, width, 3).

    The size written in the data is compared with ``width`` and ``height`` before any pixel is
    decoded.

    Raises:
        LimitError: the size is 0 or above the limit.
        MalformedError: the data are damaged, of another size, or the codec is unknown.
        SequenceError: it does build on another.
    """
    _check_size(width, height)
    kind = _codec(codec)
    if kind is StillCodec.AV1:
        return Av1Decoder().decode(data, width, height)
    if kind is StillCodec.WEBP:
        return _load(_webp_file(data, width, height), "WEBP", width, height)
    if kind is StillCodec.JPEG:
        data = jpeg.join(tables, data, width, height)
    else:
        data = jpeg.plain(data)
    return _load(data, "JPEG", width, height)


class StillEncoder:
    """Codes the stills of a stream in their order.

    Args:
        codec, quality: as in ``encode_still``.
        live: whether each is to be coded at once, and builds on no other: it may be lost, or be the
            first that a receiver sees.

    Attributes:
        tables: for the stream header.
    """

    def __init__(self, codec: int, quality: int, *, live: bool = False) -> None:
        self._live = live
        self.codec = _codec(codec)
        self.tables = jpeg_tables(quality) if self.codec is StillCodec.JPEG else b""
        self._quality = quality
        self._chain = Av1Encoder(quality, quick=live)

    def encode(self, rgb: np.ndarray, *, alone: bool) -> bytes:
        """Code the next one, uint8 (height, width, 3); ``alone``: it shall build on no other."""
        if self.codec is StillCodec.AV1:
            return self._chain.encode(rgb, alone=alone or self._live)
        return encode_still(rgb, codec=self.codec, quality=self._quality, tables=self.tables)


class StillDecoder:
    """Decodes the stills of a stream in their order.

    Args:
        tables: as in ``decode_still``.
    """

    def __init__(self, tables: bytes) -> None:
        self._tables = tables
        self._chain = Av1Decoder()

    def decode(self, data: bytes, codec: int, width: int, height: int) -> np.ndarray:
        """The next still; as ``decode_still``, but one that builds on those before it may do so."""
        if codec != StillCodec.AV1:
            return decode_still(data, codec, width, height, tables=self._tables)
        _check_size(width, height)
        return self._chain.decode(data, width, height)


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= MAX_CODED and 0 < height <= MAX_CODED):
        raise LimitError(f"a still of {width}x{height} pixels: sides may be 1 to {MAX_CODED}")


def _codec(number: int) -> StillCodec:
    try:
        return StillCodec(number)
    except ValueError:
        raise MalformedError(f"still codec {number} is unknown") from None


def _save_jpeg(rgb: np.ndarray, quality: int, *, optimise: bool) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(
        buffer, "JPEG", quality=quality, subsampling=_CHROMA_420, optimize=optimise
    )
    return buffer.getvalue()


def _save_webp(rgb: np.ndarray, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "WEBP", quality=quality, method=_WEBP_EFFORT)
    file = buffer.getvalue()
    _, _, _, chunk, length = _WEBP_HEAD.unpack_from(file)
    if chunk != b"VP8 ":
        raise MalformedError("the WebP encoder made no simple lossy file")
    return file[_WEBP_HEAD.size : _WEBP_HEAD.size + length]


def _webp_file(frame: bytes, width: int, height: int) -> bytes:
    """Put the RIFF wrapping back around a VP8 key frame of the given size."""
    is_key_frame = len(frame) >= 10 and not frame[0] & 1 and frame[3:6] == b"\x9d\x01\x2a"
    if not is_key_frame:
        raise MalformedError("a WebP still is not a VP8 key frame")
    # The upper two bits of each side ask for upscaling, which stills do not use.
    if struct.unpack_from("<HH", frame, 6) != (width, height):
        raise MalformedError(f"a WebP still is not {width}x{height} as announced")
    padding = b"\0" * (len(frame) % 2)
    chunk_length = len(frame)
    riff_length = 12 + chunk_length + len(padding)
    return _WEBP_HEAD.pack(b"RIFF", riff_length, b"WEBP", b"VP8 ", chunk_length) + frame + padding


def _load(file: bytes, kind: str, width: int, height: int) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(file), formats=(kind,)) as image:
            if image.size == (width, height):
                return np.array(image.convert("RGB"))
    except Image.DecompressionBombError:
        pass  # raised on opening, for a size far from the announced one
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise MalformedError(f"a still cannot be decoded ({error})") from None
    raise MalformedError(f"a still is not {width}x{height} as announced")

"""A stream description for Opus packets that come from elsewhere.

FFmpeg's muxers need to know the decoder's priming (pre-skip) to place the sound, and PyAV lets no
caller set it; its Ogg demuxer reads it from the header pages of an Ogg Opus file (RFC 7845,
section 5), which are made here.
"""

from __future__ import annotations

import io
import struct
from typing import Any

import av

from thcodec.bitstream.header import AudioParameters
from thcodec.errors import MediaError
from thcodec.media.audio import OPUS_RATE

_POLYNOMIAL = 0x04C11DB7
_FIRST_PAGE = 2  # header flag of RFC 3533, section 6
# An Opus packet: the demuxer takes the headers as complete only when sound begins.
_SILENCE = b"\xf8\xff\xfe"


def open_template(audio: AudioParameters) -> Any:
    """Return an open PyAV container whose only stream describes ``audio``; the caller closes it.

    Raises:
        MediaError: ``audio.extradata`` is not an OpusHead, or the clock is not that of Opus.
    """
    if audio.sample_rate != OPUS_RATE:
        raise MediaError(f"Opus times are in 1/{OPUS_RATE} s, not 1/{audio.sample_rate}")
    if not audio.extradata.startswith(b"OpusHead") or len(audio.extradata) < 19:
        raise MediaError("the stream's audio set-up is not an OpusHead structure")
    vendor = b"thcodec"
    tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", 0)
    contents = [(audio.extradata, _FIRST_PAGE), (tags, 0), (_SILENCE, 0)]
    pages = b"".join(_page(data, number, flags) for number, (data, flags) in enumerate(contents))
    try:
        return av.open(io.BytesIO(pages), "r", format="ogg")
    except av.error.FFmpegError as error:
        raise MediaError(f"the stream's audio set-up is refused: {error.strerror}") from None


def _page(packet: bytes, number: int, flags: int) -> bytes:
    """One Ogg page (RFC 3533, section 6) that holds one packet."""
    lacing = b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
    if len(lacing) > 255:
        raise MediaError("the stream's audio set-up is too long")
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, 0, 1, number, 0)
    page = head + bytes([len(lacing)]) + lacing + packet
    return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]


def _checksum(data: bytes) -> int:
    """Ogg's CRC-32, bit by bit: three short pages are all it is used for."""
    register = 0
    for byte in data:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1) ^ (_POLYNOMIAL if register & 0x80000000 else 0)
            register &= 0xFFFFFFFF
    return register

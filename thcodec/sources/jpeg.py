"""Baseline JPEG taken apart: tables for the stream header, and the bare scan of each still.

All stills are YCbCr 4:2:0 with one interleaved scan, so that everything around the scan can be
made again from the header's tables and the still's size. Measured on 51 faces at 64 x 64 pixels
and quality 50: a complete file takes 1213 bytes, with Huffman tables of its own 899, the scan 587;
Huffman tables trained on 110 other faces would save 0.9 % of that and cost 400 bytes in the
header, so the standard ones (ITU-T T.81, annex K.3) are used.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from thcodec.errors import MalformedError

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_DQT, _DHT, _SOF0, _SOS = 0xDB, 0xC4, 0xC0, 0xDA
_DRI, _APP0, _COM = 0xDD, 0xE0, 0xFE
_SIDE_INFORMATION = {*range(_APP0, _APP0 + 16), _COM}
# Component id, sampling factors, quantisation table: Y 2x2, then Cb and Cr.
_COMPONENTS = bytes.fromhex("03 012200 021101 031101")
_SCAN_HEADER = bytes.fromhex("ffda 000c 03 0100 0211 0311 003f00")
# Annex K.3 as DHT segments: luma DC, luma AC, chroma DC, chroma AC.
STANDARD_HUFFMAN = bytes.fromhex(
    """
    ffc4001f0000010501010101010100000000000000000102030405060708090a0bffc400b5100002010303020403
    050504040000017d01020300041105122131410613516107227114328191a1082342b1c11552d1f0243362728209
    0a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a737475
    767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7
    c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9faffc4001f01000301010101010101
    01010000000000000102030405060708090a0bffc400b51100020102040403040705040400010277000102031104
    052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a
    35363738393a434445464748494a535455565758595a636465666768696a737475767778797a8283848586878889
    8a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9da
    e2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa
    """
)


def split(jpeg: bytes) -> tuple[bytes, bytes]:
    """Take apart a baseline 4:2:0 JPEG file with standard Huffman tables.

    Returns:
        The DQT segments, and the scan's entropy-coded bytes.

    Raises:
        MalformedError: it is not such a file.
    """
    tables = huffman = b""
    position = len(_SOI)
    for marker, segment in _segments(jpeg, position):
        position += len(segment)
        if marker == _DQT:
            tables += segment
        elif marker == _DHT:
            huffman += segment
        elif marker == _SOF0 and segment[9:] != _COMPONENTS:
            raise MalformedError("the JPEG picture is not YCbCr 4:2:0")
        elif marker == _SOS:
            break
    if not jpeg.endswith(_EOI) or huffman != STANDARD_HUFFMAN:
        raise MalformedError("the JPEG picture is not baseline with standard Huffman tables")
    return tables, jpeg[position : -len(_EOI)]


def join(tables: bytes, scan: bytes, width: int, height: int) -> bytes:
    """Make a complete JPEG file again.

    Args:
        tables: DQT segments, and DHT segments where they are not the standard ones.
        scan: entropy-coded bytes.
        width, height: pixels.

    Raises:
        MalformedError: another segment hides in ``tables``, or a marker in ``scan``.
    """
    markers = [marker for marker, _ in _segments(tables, 0)]
    if _DQT not in markers or not set(markers) <= {_DQT, _DHT}:
        raise MalformedError("the shared JPEG tables are not DQT and DHT segments")
    # A marker in the scan could start another picture, of any size, behind the checks.
    if re.search(rb"\xff[^\x00]", scan) or scan.endswith(b"\xff"):
        raise MalformedError("a marker inside a JPEG scan")
    huffman = b"" if _DHT in markers else STANDARD_HUFFMAN
    frame = b"\xff\xc0" + struct.pack(">HBHH", 17, 8, height, width) + _COMPONENTS
    return _SOI + tables + frame + huffman + _SCAN_HEADER + scan + _EOI


def plain(jpeg: bytes) -> bytes:
    """Return a baseline JPEG file of one scan without what is not needed to decode it.

    Exif, colour profiles and the like need parsers of their own, so they never reach the decoder;
    and a file of many scans would make it go over the picture once for each few bytes.

    Raises:
        MalformedError: it is progressive or otherwise not baseline, or it has several scans.
    """
    if not jpeg.startswith(_SOI):
        raise MalformedError("a still is not a JPEG file", 0)
    position = len(_SOI)
    kept = [_SOI]
    frame = scan = b""
    for marker, segment in _segments(jpeg, position):
        position += len(segment)
        if marker not in _SIDE_INFORMATION:
            kept.append(segment)
        if marker == _SOF0 and not frame:
            frame = segment
        elif marker == _SOS:
            scan = segment
        elif marker not in {_DQT, _DHT, _DRI, *_SIDE_INFORMATION}:
            raise MalformedError(f"a JPEG still that is not baseline: marker {marker:#04x}")
    # Byte 9 of the frame and byte 4 of the scan count the components: the scan holds them all.
    if frame[9:10] != scan[4:5] or not scan[4:5]:
        raise MalformedError("a JPEG still of several scans, or of none")
    return b"".join(kept) + jpeg[position:]


def _segments(data: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    """Yield (marker, whole segment) until the data end or the scan has begun."""
    while position < len(data):
        if position + 4 > len(data) or data[position] != 0xFF:
            raise MalformedError("damaged JPEG segments", position)
        marker = data[position + 1]
        (length,) = struct.unpack_from(">H", data, position + 2)
        if length < 2 or position + 2 + length > len(data):
            raise MalformedError("a JPEG segment ends early", position)
        yield marker, data[position : position + 2 + length]
        if marker == _SOS:
            return
        position += 2 + length

"""zstd with a cap on what comes out. Spec section 8.2."""

from __future__ import annotations

from thcodec.errors import LimitError, MalformedError

_LEVEL = 19
_MAX_WINDOW = 1 << 21
_EMPTY_BLOCK = bytes(3)  # not the last, raw, of no bytes: RFC 8878, section 3.1.1.2


def compress(data: bytes) -> bytes:
    """One zstd frame."""
    import zstandard  # here, since `thcodec info` must start quickly

    return zstandard.ZstdCompressor(level=_LEVEL).compress(data)


def pad(data: bytes, length: int) -> bytes:
    """The same frame with `length` bytes at least: empty raw blocks follow its head."""
    import zstandard

    head = zstandard.frame_header_size(data)
    blocks = max(0, -(-(length - len(data)) // len(_EMPTY_BLOCK)))
    return data[:head] + blocks * _EMPTY_BLOCK + data[head:]


def decompress(data: bytes, cap: int) -> bytes:
    """The content of one zstd frame, at most `cap` bytes of it.

    Raises LimitError as soon as more comes out, MalformedError for other faults.
    """
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
    out = bytearray()
    try:
        # Small bites: one bite of a bomb cannot grow beyond what a block may hold.
        for at in range(0, len(data), 256):
            out += decompressor.decompress(data[at : at + 256])
            if len(out) > cap:
                raise LimitError(f"zstd data grows beyond its cap of {cap} bytes")
            if decompressor.eof:
                if decompressor.unused_data or at + 256 < len(data):
                    raise MalformedError("bytes follow the zstd frame")
                return bytes(out)
    except zstandard.ZstdError as error:
        raise MalformedError(f"zstd: {error}") from None
    raise MalformedError("the zstd frame is not complete")

"""The first ten bytes of a file. Spec section 4.1."""

from __future__ import annotations

from thcodec.errors import SignatureError, TruncatedError, UnsupportedVersionError

SIGNATURE = b"\x89THV\r\n\x1a\n"
VERSION = 1  # of the specification that this package follows
PREAMBLE = SIGNATURE + bytes((VERSION, 1))  # writer's version, oldest reader that can cope


def check_preamble(got: bytes) -> int:
    """Check the first bytes of a file, all ten if it has them; return the writer's version.

    Raises SignatureError, TruncatedError or UnsupportedVersionError.
    """
    head = got[: len(SIGNATURE)]
    if not head or head != SIGNATURE[: len(head)]:
        if head[1:4] == SIGNATURE[1:4]:
            raise SignatureError("a text-mode transfer has damaged this .thv file", 0)
        raise SignatureError("this is not a .thv file", 0)
    if len(got) < len(PREAMBLE):
        raise TruncatedError("the file ends in its signature", len(got))
    writer, minimum = got[len(SIGNATURE)], got[len(SIGNATURE) + 1]
    if minimum > VERSION:
        message = f"the file needs a reader of version {minimum}, this is version {VERSION}"
        raise UnsupportedVersionError(message, len(SIGNATURE) + 1)
    return writer

"""Fields and coders of a .thv stream, written from spec/thv.md alone: for the reference reader."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from tests import reference_zstd
from tests.entropy.reference import PlainDecoder, PlainModel

SPEC = Path(__file__).parents[1] / "spec" / "thv.md"
_BLOCK = re.search(r"```tables\n([^`]*)```", SPEC.read_text("utf-8"))
TABLES = {  # section 8.6, as printed
    line.targets[0].id: ast.literal_eval(line.value)  # type: ignore[attr-defined]
    for line in ast.parse(_BLOCK[1] if _BLOCK else "").body
}


STILLS = {1, 2, 3, 5}
TICKS, TIME, VALUE, SIDE = (1 << 31) - 1, (1 << 62) - 1, (1 << 23) - 1, 16384


class Fault(Exception):
    """A contradiction to the specification; `kind` is its class there."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Bytes:
    """Section 2: fields in a row."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise Fault("TruncatedError", "the data ends inside a structure")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)

    def end(self) -> None:
        if self.at != len(self.data):
            raise Fault("MalformedError", "bytes are left over")

    def u8(self, low: int = 0, high: int = 255) -> int:
        return within(self.take(1)[0], low, high)

    def one_of(self, values: set[int]) -> int:
        value = self.u8()
        if value not in values:
            raise Fault("LimitError", f"{value} is none of {values}")
        return value

    def flags(self, known: int) -> int:
        value = self.u8()
        if value & ~known:
            raise Fault("MalformedError", "a reserved flag")
        return value

    def uv(self, low: int = 0, high: int = (1 << 64) - 1) -> int:
        value = 0
        for place in range(10):
            byte = self.u8()
            value |= (byte & 127) << 7 * place
            if byte < 128:
                if (byte == 0 and place) or value >= 1 << 64:
                    break
                return within(value, low, high)
        raise Fault("MalformedError", "not the shortest form, or too large")

    def sv(self, reach: int = 1 << 63) -> int:
        value = self.uv()
        return within(-(value + 1) // 2 if value & 1 else value // 2, -reach, reach)

    def blob(self, cap: int) -> bytes:
        return self.take(self.uv(0, cap))

    def text(self) -> str:
        try:
            return self.blob(64).decode("utf-8")
        except UnicodeDecodeError:
            raise Fault("MalformedError", "a text is not UTF-8") from None


def within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise Fault("LimitError", f"{value} is not in {low}..{high}")
    return value


def signature(data: bytes) -> int:
    """Section 4.1: the writer's version."""
    whole = b"\x89THV\r\n\x1a\n"
    if not data or data[:8] != whole[: len(data)]:
        raise Fault("SignatureError", "not a .thv file")
    if len(data) < 10:
        raise Fault("TruncatedError", "the signature")
    if data[9] > 1:
        raise Fault("UnsupportedVersionError", f"version {data[9]}")
    return data[8]


def crop(scan: Bytes) -> list[int]:
    return [scan.sv(SIDE), scan.sv(SIDE), scan.uv(1, SIDE), scan.uv(1, SIDE)]


def header(payload: bytes) -> dict[str, Any]:
    """Section 5."""
    scan = Bytes(payload)
    flags = scan.flags(47)
    got: dict[str, Any] = {"live": bool(flags & 1), "jacobians": bool(flags & 4)}
    got["picture"] = [scan.uv(1, SIDE), scan.uv(1, SIDE)]
    got["coded_size"] = scan.uv(16, 2048)
    got["crop"] = crop(scan)
    got["time_base"] = [scan.uv(1, TICKS), scan.uv(1, TICKS)]
    got["frame_duration"] = scan.uv(0, TICKS)
    got["keypoints"] = scan.u8(1, 128)
    scan.u8(3, 3)
    got["steps"] = [scan.uv(1, 1 << 31) for _ in range(6)]
    got["coder"], got["bank_size"] = scan.u8(0, 2), scan.u8(1, 64)
    got["still_codec"] = scan.one_of(STILLS)
    for role in ("animator", "upscaler"):
        got[role] = [scan.text(), scan.text(), scan.take(32).hex()]
    got["jpeg_tables"] = scan.blob(4096).hex()
    got["audio"] = None
    if flags & 2:
        got["audio"] = [scan.u8(1, 1), scan.uv(8000, 192000), scan.u8(1, 8), scan.uv(0, 65535)]
        got["audio"].append(scan.blob(1024).hex())
    got["free"] = scan.u8(1, got["keypoints"]) if flags & 8 else 0
    if flags & 32:
        got["transition"] = [scan.u8(1, 3), scan.uv(1, 64)]
    scan.end()
    return got


class Coder:
    """Section 8: residuals of vectors of one shape."""

    def __init__(self, coder: int, keypoints: int, jacobians: bool, canonical: bool) -> None:
        kinds = [*range(7), *[7, 8, 9] * keypoints, *[10] * (9 * keypoints * jacobians)]
        self.kinds = kinds + [11, 12, 13] * (keypoints * canonical)
        self.coder = coder
        self.reset()

    def reset(self) -> None:
        self.model = PlainModel(self.kinds, TABLES)

    def decode(self, body: bytes, from_previous: list[bool]) -> list[list[int]]:
        if self.coder == 2:
            decisions = PlainDecoder(body)
            try:
                return [self.model.vector(decisions, step) for step in from_previous]
            except ValueError:
                raise Fault("MalformedError", "outside every interval") from None
        if self.coder == 1:
            body = unpacked(body, 4 * len(self.kinds) * len(from_previous))
        scan = Bytes(body)
        rows = [[scan.sv() for _ in self.kinds] for _ in from_previous]
        scan.end()
        return rows


def unpacked(data: bytes, cap: int) -> bytes:
    try:
        return reference_zstd.decode(data, cap)
    except OverflowError:
        raise Fault("LimitError", "more than the limit after decompression") from None
    except (ValueError, IndexError):
        raise Fault("MalformedError", "zstd") from None

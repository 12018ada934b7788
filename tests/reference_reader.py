"""A reader of .thv streams written from spec/thv.md alone, with the standard library alone.

It is strict and slow, and shares nothing with the package: what it reads, the specification says.
`read(data)` returns plain values that JSON can hold; every contradiction is a `Fault` that carries
the name of the error class in the specification. Section numbers below are those of the document.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from tests.reference_fields import (
    STILLS,
    TICKS,
    TIME,
    VALUE,
    Bytes,
    Coder,
    Fault,
    crop,
    header,
    signature,
    unpacked,
    within,
)

HEADER, SOURCE, MOTION, AUDIO, METADATA, INDEX, END, SHORT, FRAGMENT, FEEDBACK = range(1, 11)
PAYLOAD = {1: 1 << 16, 2: 1 << 22, 7: 1 << 12, 8: (1 << 20) - 1, 9: 1 << 16, 10: 1 << 10}
PREVIOUS = 2


def records(data: bytes, at: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Section 4.2: (offset, type, sequence, payload) of each; type 8 is given as type 3."""
    while at < len(data):
        scan = Bytes(data[at:])
        if scan.u8() != 0xA7:
            raise Fault("MalformedError", "no sync byte")
        kind, sequence = scan.u8(), scan.u8()
        number, critical = kind & 127, kind >> 7
        if number == 0:
            raise Fault("MalformedError", "type 0")
        payload = scan.take(scan.uv(0, PAYLOAD.get(number, 1 << 20)))
        body = scan.data[: scan.at]
        if int.from_bytes(scan.take(4), "big") != zlib.crc32(body):
            raise Fault("ChecksumError", "the CRC-32 differs")
        if number > FEEDBACK and critical:
            raise Fault("UnknownRecordError", f"type {number}")
        if number <= FEEDBACK and critical != (number in (1, 2, 3, 8, 9)):
            raise Fault("MalformedError", "the critical bit")
        if number == MOTION and payload[:1] == b"\x02":
            raise Fault("MalformedError", "motion not in its short form")
        yield (
            at,
            *((MOTION, sequence, b"\2" + payload) if number == 8 else (number, sequence, payload)),
        )
        at += scan.at


class Stream:
    """Everything behind the signature, record by record."""

    def __init__(self) -> None:
        self.got: dict[str, Any] = {"header": None, "metadata": {}, "index": None, "end": None}
        for name in ("sources", "frames", "audio", "unknown"):
            self.got[name] = []
        self.due: dict[int, int] = {}
        self.totals: dict[int, list[int]] = {}
        self.bank: dict[int, dict[str, Any]] = {}
        self.chain: tuple[int, list[int]] | None = None
        self.entries: list[list[int]] = []
        self.last: tuple[int, int, list[int]] | None = None  # time, source, values
        self.audio_end: int | None = None
        self.room = 1 << 20
        self.index_at = 0
        self.take: dict[int, Callable[[Bytes, int], None]] = {
            SOURCE: self.source,
            MOTION: self.motion,
            AUDIO: self.audio,
            METADATA: self.metadata,
            INDEX: self.index,
            END: self.end,
        }

    def record(self, at: int, kind: int, sequence: int, payload: bytes, size: int) -> None:
        if self.got["end"] is not None:
            raise Fault("MalformedError", "a record after END")
        if (kind == HEADER) != (self.got["header"] is None):
            raise Fault("MalformedError", "HEADER is the first record, and there is one")
        if sequence != self.due.get(kind, 0):
            raise Fault("SequenceError", f"a record of type {kind} is missing")
        self.due[kind] = (sequence + 1) % 256
        if kind == HEADER:
            self.head = self.got["header"] = header(payload)
            model = self.head["keypoints"], self.head["jacobians"]
            self.coder = Coder(self.head["coder"], *model, False)
        elif kind in self.take:
            scan = Bytes(payload)
            self.take[kind](scan, at)
            scan.end()
        elif kind in (FRAGMENT, FEEDBACK):
            raise Fault("MalformedError", "a record of networks in a file")
        else:
            self.got["unknown"].append([kind, payload.hex()])
        total = self.totals.setdefault(kind, [0, 0])
        total[0], total[1] = total[0] + 1, total[1] + size

    def source(self, scan: Bytes, at: int) -> None:
        """Section 6."""
        flags = scan.flags(0x37)
        if flags >> 4 == 3:
            raise Fault("MalformedError", "coder 3")
        number, pts, codec = scan.uv(0, 65535), scan.sv(TIME), scan.one_of(STILLS)
        got = {"id": number, "pts": pts, "codec": codec}
        got["size"] = [scan.uv(1, 2048), scan.uv(1, 2048)]
        keypoints = scan.u8(1, 128)
        got["crop"] = crop(scan) if flags & 1 else None
        base = scan.uv(0, 65535) if flags & 2 else None
        coded = scan.blob(16384)
        if (keypoints, bool(flags & 4)) != (self.head["keypoints"], self.head["jacobians"]):
            raise Fault("MalformedError", "another keypoint model")
        coder = Coder(flags >> 4, keypoints, bool(flags & 4), True)
        (values,) = coder.decode(coded, [False])
        if base is not None:
            others = self.held(base)["values"]
            values = [a + b for a, b in zip(values, others, strict=True)]
        got["values"] = [within(value, -VALUE, VALUE) for value in values]
        data = scan.rest()
        if codec == 5:
            self.chained(data, got["size"])
        got["data"] = data.hex()
        self.got["sources"].append(got)
        self.bank[number % self.head["bank_size"]] = got
        self.entries.append([SOURCE, pts, at])

    def chained(self, data: bytes, size: list[int]) -> None:
        """Section 6.1, codec 5, as far as no picture is decoded."""
        if size[0] * size[1] > 16384 * len(data):
            raise Fault("LimitError", "pixels that are not paid for")
        if data[0] % 32:
            if self.chain is None or self.chain[0] != data[0] - 1:
                raise Fault("SequenceError", "the still before is missing")
            if self.chain[1] != size:
                raise Fault("MalformedError", "a chain of two sizes")
        self.chain = data[0], size

    def held(self, number: int) -> dict[str, Any]:
        """Section 6.2."""
        got = self.bank.get(number % self.head["bank_size"])
        if got is None or got["id"] != number:
            raise Fault("SequenceError", f"source {number} is not in the bank")
        return got

    def motion(self, scan: Bytes, at: int) -> None:
        """Section 7."""
        last, self.last = self.last, None
        frames, modes = self.motion_head(scan, last)
        size = len(self.coder.kinds)
        body = scan.rest()
        within(len(frames) * size, 1, min(1 << 16, 2048 + 128 * len(body)))
        if self.head["live"] and len(frames) != 1:
            raise Fault("MalformedError", "several frames in a record of a live stream")
        if modes[0] != PREVIOUS:
            self.coder.reset()
            self.entries.append([MOTION, frames[0]["pts"], at])
        residuals = self.coder.decode(body, [mode == PREVIOUS for mode in modes])
        values = last[2] if last else []
        for frame, mode, residual in zip(frames, modes, residuals, strict=True):
            own = self.held(frame["source"])["values"][:size]
            if frame["second"]:
                self.held(frame["second"][0])
            base = [[0] * size, own, values][mode]
            values = [within(a + b, -VALUE, VALUE) for a, b in zip(base, residual, strict=True)]
            frame["values"] = values
            self.got["frames"].append(frame)
        self.last = frames[-1]["pts"], frames[-1]["source"], values

    def motion_head(
        self, scan: Bytes, last: tuple[int, int, list[int]] | None
    ) -> tuple[list[dict[str, Any]], list[int]]:
        """Section 7.2."""
        frames: list[dict[str, Any]] = []
        modes: list[int] = []
        pts, source = (last[0], last[1]) if last else (0, 0)
        latest = self.got["frames"][-1]["pts"] if self.got["frames"] else None
        flags = 128
        while flags & 128:
            flags = scan.u8()
            mode, starts = flags & 3, not frames and flags & 3 != PREVIOUS
            if mode == 3:
                raise Fault("MalformedError", "mode 3")
            if not frames and not starts and last is None:
                raise Fault("SequenceError", "the record before is missing")
            if starts:
                pts = scan.sv(TIME)
            count = scan.uv(2, 1024 - len(frames)) if flags & 64 else 1
            within(len(frames) + count, 1, 1024)
            if starts and (not flags & 8 or (flags & 32 and count == 1)):
                raise Fault("MalformedError", "the first frame of a group")
            source = scan.uv(0, 65535) if flags & 8 else source
            second = [scan.uv(0, 65535), scan.u8()] if flags & 16 else None
            needed = count - starts
            steps = [scan.uv(1, TICKS) for _ in range(needed)] if flags & 32 else None
            for place in range(count):
                if place or not starts:
                    step = steps[place - starts] if steps else self.head["frame_duration"]
                    pts += step
                if abs(pts) > TIME or (latest is not None and pts <= latest):
                    raise Fault("TimingError", f"time {pts} follows {latest}")
                latest = pts
                low = bool(flags & 4)
                frames.append({"pts": pts, "source": source, "second": second, "low": low})
                modes.append(mode)
        return frames, modes

    def audio(self, scan: Bytes, at: int) -> None:
        """Section 9."""
        if self.head["audio"] is None:
            raise Fault("MalformedError", "audio without parameters")
        flags = scan.flags(3)
        pts, count = scan.sv(TIME), scan.uv(1, 1024)
        durations, lengths = (
            [scan.uv(1, top)] * count if flags & bit else [scan.uv(1, top) for _ in range(count)]
            for bit, top in ((1, TICKS), (2, 65535))
        )
        if self.audio_end is not None and pts < self.audio_end:
            raise Fault("TimingError", "audio overlaps")
        for duration, length in zip(durations, lengths, strict=True):
            self.got["audio"].append([pts, duration, scan.take(length).hex()])
            pts += duration
        self.audio_end = pts

    def metadata(self, scan: Bytes, at: int) -> None:
        """Section 10."""
        text = unpacked(scan.rest(), self.room)
        self.room -= len(text)
        try:
            values = json.loads(text.decode("utf-8"))
            self.got["metadata"] |= values
            json.dumps(values, ensure_ascii=False, allow_nan=False).encode("utf-8")
        except (ValueError, TypeError, RecursionError):
            raise Fault("MalformedError", "not a JSON object") from None

    def index(self, scan: Bytes, at: int) -> None:
        """Section 11."""
        if self.got["index"] is not None:
            raise Fault("MalformedError", "a second index")
        pts = place = 0
        entries = []
        for _ in range(scan.uv(0, 65536)):
            kind, pts, place = scan.u8(2, 3), pts + scan.sv(), place + scan.uv()
            entries.append([kind, pts, place])
        if any(entry not in self.entries for entry in entries):
            raise Fault("MalformedError", "the index differs from the records")
        self.got["index"], self.index_at = entries, at

    def end(self, scan: Bytes, at: int) -> None:
        """Section 12."""
        frames, duration, totals = scan.uv(), scan.uv(), {}
        for _ in range(scan.uv(0, 127)):
            kind = scan.u8(1, 127)
            if totals and kind <= max(totals):
                raise Fault("MalformedError", "types that do not ascend")
            totals[kind] = [scan.uv(), scan.uv()]
        place = scan.uv()
        if (frames, totals, place) != (len(self.got["frames"]), self.totals, self.index_at):
            raise Fault("MalformedError", "the end differs from the records")
        named = {str(kind): total for kind, total in totals.items()}
        self.got["end"] = {"frames": frames, "duration": duration, "totals": named}


def read(data: bytes) -> dict[str, Any]:
    """A whole file. Raises Fault for the first contradiction."""
    stream = Stream()
    stream.got["writer"] = signature(data)
    found = list[tuple[int, int, int, bytes]]()
    for record in records(data, 10):
        found.append(record)
        if len(found) > 1:
            stream.record(*found[-2], found[-1][0] - found[-2][0])
    if found:
        stream.record(*found[-1], len(data) - found[-1][0])
    if stream.got["end"] is None:
        raise Fault("TruncatedError", "no END")
    return stream.got

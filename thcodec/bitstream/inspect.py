"""What a file holds: `thcodec info`. Starts quickly, so no torch and no entropy decoding here."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any, BinaryIO

from thcodec.bitstream.header import StillCodec, StreamHeader, TransitionKind
from thcodec.bitstream.motion_head import MotionHead
from thcodec.bitstream.packet import Packet, RecordType
from thcodec.bitstream.reader import Reader
from thcodec.bitstream.records import GatheredMetadata
from thcodec.bitstream.signature import PREAMBLE
from thcodec.bitstream.source import SourceHead
from thcodec.bitstream.tally import Tally
from thcodec.bitstream.verify import verify
from thcodec.entropy.coders import CoderId
from thcodec.errors import ThvError

__all__ = ["info", "verify"]

Source = str | os.PathLike[str] | BinaryIO


def info(source: Source) -> dict[str, Any]:
    """What a file holds, as JSON-ready values; reads it once and decodes no motion or picture.

    Keys: header, writer_version, bytes, frames, low_confidence_frames, duration (seconds),
    sources (id, time, codec, width, height, bytes, new_shot, frames that are made from it and the
    sender's score 0..100 or None, each), records, payload_bytes and kbit_per_s by kind
    ("framing" is all that is not payload), metadata, complete, damage (messages).
    Raises ThvError when there is no usable header.
    """
    with Reader(source) as reader:
        tally, complete = Tally(), False
        tally.add(reader.header_packet, len(PREAMBLE))
        payload = {RecordType.HEADER.name.lower(): len(reader.header_packet.payload)}
        sources: list[dict[str, Any]] = []
        used = _Uses()
        metadata = GatheredMetadata()
        for packet in reader:
            name = packet.name.lower()
            payload[name] = payload.get(name, 0) + len(packet.payload)
            try:
                tally.add(packet, packet.offset or 0)
                if packet.type == RecordType.SOURCE and tally.source is not None:
                    sources.append(_source(tally.source, len(packet), reader.header))
                    used.add(sources[-1])
                elif packet.type == RecordType.MOTION and tally.head is not None:
                    used.count(tally.head)
                elif packet.type == RecordType.METADATA:
                    metadata.add(packet.payload, packet.payload_offset)
            except ThvError as error:
                reader.note(error.located(packet.offset))
            complete |= packet.type == RecordType.END
        writer_version, header = reader.writer_version, reader.header
    _add_scores(sources, metadata.values.pop("source_scores", None))
    total = len(PREAMBLE) + sum(item.bytes for item in tally.totals.values())
    payload["framing"] = total - sum(payload.values())
    seconds = tally.duration * header.time_base
    rate = {
        kind: round(8e-3 * size / seconds, 3) if seconds else 0 for kind, size in payload.items()
    }
    records = {Packet(kind, b"").name.lower(): t.records for kind, t in tally.totals.items()}
    return {
        "header": _describe(header),
        "writer_version": writer_version,
        "bytes": total,
        "frames": tally.frames,
        "low_confidence_frames": tally.low_confidence,
        "duration": float(seconds),
        "sources": sources,
        "records": records,
        "payload_bytes": payload,
        "kbit_per_s": {**rate, "total": round(8e-3 * total / seconds, 3) if seconds else 0},
        "metadata": metadata.values,
        "complete": complete,
        "damage": [str(error) for error in reader.damage],
    }


def _source(head: SourceHead, size: int, header: StreamHeader) -> dict[str, Any]:
    return {
        "id": head.source_id,
        "time": float(head.pts * header.time_base),
        "codec": StillCodec(head.codec).label,
        "width": head.width,
        "height": head.height,
        "bytes": size,
        "new_shot": head.crop is not None,
        "frames": 0,
        "score": None,
    }


class _Uses:
    """Counts the frames that name each source; ids may come again, each time for another one."""

    def __init__(self) -> None:
        self._sources: dict[int, dict[str, Any]] = {}  # by id, the latest
        self._now = 0

    def add(self, source: dict[str, Any]) -> None:
        """A source that motion may name from now on."""
        self._sources[source["id"]] = source

    def count(self, head: MotionHead) -> None:
        """The frames of a motion record."""
        for segment in head.segments:
            self._now = self._now if segment.source_id is None else segment.source_id
            if self._now in self._sources:
                self._sources[self._now]["frames"] += segment.count


def _add_scores(sources: list[dict[str, Any]], scores: object) -> None:
    """What the sender says of its sources; what is not as section 10 has it says nothing."""
    if not isinstance(scores, list) or len(scores) != len(sources):
        return
    if all(isinstance(score, int) and 0 <= score <= 100 for score in scores):
        for source, score in zip(sources, scores, strict=True):
            source["score"] = score


def _describe(header: StreamHeader) -> dict[str, Any]:
    rate = Fraction(1, header.frame_duration) / header.time_base if header.frame_duration else None
    networks = {"animator": header.animator, "upscaler": header.upscaler}
    audio, transition = header.audio, header.transition
    return {
        "picture": [header.width, header.height],
        "crop": list(header.crop),
        "coded_size": header.coded_size,
        "time_base": str(header.time_base),
        "frame_rate": None if rate is None else float(rate),
        "coder": CoderId(header.coder).name.lower(),
        "live": header.live,
        "bank_size": header.bank_size,
        "keypoint_model": vars(header.keypoint_model),
        "jpeg_tables_bytes": len(header.jpeg_tables),
        **{
            role: {"name": net.name, "version": net.version, "sha256": net.sha256.hex()}
            for role, net in networks.items()
        },
        "audio": audio and {"sample_rate": audio.sample_rate, "channels": audio.channels},
        "transition": transition
        and {"kind": TransitionKind(transition.kind).name.lower(), "frames": transition.frames},
    }

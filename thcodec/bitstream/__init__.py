"""The container: records, their payloads, reading and writing. See spec/thv.md."""

from thcodec.bitstream.header import AudioParameters, KeypointModel, ModelIdentity, StreamHeader
from thcodec.bitstream.packet import Packet, PacketNumbering, RecordType
from thcodec.bitstream.reader import Reader
from thcodec.bitstream.records import (
    AudioRecord,
    EndRecord,
    IndexEntry,
    IndexRecord,
    Metadata,
    Totals,
)
from thcodec.bitstream.source import SourceRecord
from thcodec.bitstream.writer import Writer

__all__ = [
    "AudioParameters",
    "AudioRecord",
    "EndRecord",
    "IndexEntry",
    "IndexRecord",
    "KeypointModel",
    "Metadata",
    "ModelIdentity",
    "Packet",
    "PacketNumbering",
    "Reader",
    "RecordType",
    "SourceRecord",
    "StreamHeader",
    "Totals",
    "Writer",
]

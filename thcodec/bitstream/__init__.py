"""The container: records, their payloads, reading and writing. See spec/thv.md."""

from thcodec.bitstream.feedback import Feedback
from thcodec.bitstream.fragments import Assembler, Fragment, Splitter
from thcodec.bitstream.header import (
    AudioParameters,
    KeypointModel,
    ModelIdentity,
    StreamHeader,
    Transition,
    TransitionKind,
)
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
    "Assembler",
    "AudioParameters",
    "AudioRecord",
    "EndRecord",
    "Feedback",
    "Fragment",
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
    "Splitter",
    "StreamHeader",
    "Totals",
    "Transition",
    "TransitionKind",
    "Writer",
]

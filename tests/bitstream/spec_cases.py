"""The values behind the byte-exact examples of spec/thv.md, by the first word of their titles."""

from __future__ import annotations

import numpy as np

from tests.bitstream import strategies as thv
from thcodec.bitstream import (
    AudioRecord,
    EndRecord,
    Feedback,
    Fragment,
    IndexEntry,
    IndexRecord,
    Packet,
    RecordType,
    Totals,
    Transition,
    TransitionKind,
)
from thcodec.bitstream.signature import PREAMBLE
from thcodec.entropy.range_coder import BitEncoder
from thcodec.motion import MotionEncoder, MotionFrame, PredictionMode


def _motion() -> bytes:
    encoder, source = MotionEncoder(thv.header()), thv.source()
    encoder.add_source(source)
    values = np.array(source.motion, np.int32)
    frames = [
        MotionFrame(0, 0, values, mode=PredictionMode.SOURCE),
        MotionFrame(1, 0, values + 1),
    ]
    return encoder.encode(frames)


def _range() -> bytes:
    coder = BitEncoder()
    for bit, chance in zip((0, 1, 1, 0, 1), (100, 100, 4000, 2048, 3000), strict=True):
        coder.bit(chance, bit)
    return coder.finish()


_INDEX = (
    IndexEntry(RecordType.SOURCE, 0, 100),
    IndexEntry(RecordType.MOTION, 0, 1000),
    IndexEntry(RecordType.MOTION, 25, 1300),
)
_AUDIO = thv.AudioParameters(pre_skip=312, extradata=b"OpusHead")
CASES = {
    "signature": PREAMBLE,
    "record": Packet(RecordType.METADATA, b"abc", 2).to_bytes(),
    "short": Packet(RecordType.MOTION, b"\x02\x2a", 3).to_bytes(),
    "header": thv.header(audio=_AUDIO).to_payload(),
    "transition": thv.header(transition=Transition(TransitionKind.BLEND, 8)).to_payload()[-2:],
    "source": thv.source().to_payload(),
    "motion": _motion(),
    "range": _range(),
    "audio": AudioRecord(-312, (b"abc", b"defg"), (960, 960)).to_payload(),
    "index": IndexRecord(_INDEX).to_payload(),
    "fragment": Fragment(5, 3, 1, 3, 9, bytes.fromhex("4D04040C")).to_payload(),
    "feedback": Feedback(False, True, 200, 26, (3, 300)).to_payload(),
    "end": EndRecord(50, 50, {1: Totals(1, 150), 3: Totals(2, 300)}, 900).to_payload(),
}

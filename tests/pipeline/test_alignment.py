"""When an encoder has motion aligned, and from where."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tests import clips
from tests.doubles import MomentAnimator
from thcodec import Encoder, EncoderConfig
from thcodec.bitstream import RecordType, SourceRecord, StreamHeader
from thcodec.motion import Motion, MotionDecoder, Quantiser

PLAIN = EncoderConfig(crop="none", interval=10, source_size=256)
SHIFT = 0.1


class Aligning(MomentAnimator):
    """Shifts every keypoint by SHIFT, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Any, ...]] = []

    def align(self, motion: Motion, *rest: Any) -> Motion:
        self.asked.append((motion, *rest))
        return replace(motion, expression=motion.expression + SHIFT) if rest[-1] else motion


def coded(animator: Aligning, pictures: list[np.ndarray], **options: Any) -> list[Motion]:
    """The motion of each frame as a decoder has it."""
    encoder = Encoder(replace(PLAIN, **options), live=False, animator=animator)
    packets = [packet for picture in pictures for packet in encoder.push(picture)]
    header: StreamHeader | None = None
    found = []
    for packet in packets + encoder.flush():
        if packet.type == RecordType.HEADER:
            header = StreamHeader.parse(packet.payload)
            motion, quantiser = MotionDecoder(header), Quantiser(header.keypoint_model)
        elif packet.type == RecordType.SOURCE:
            motion.add_source(SourceRecord.parse(packet.payload))
        elif packet.type == RecordType.MOTION:
            found += [quantiser.dequantise(f.values) for f in motion.decode(packet.payload)]
    return found


def test_what_alignment_finds_is_sent() -> None:
    pictures = [clips.disc(at) for at in range(15)]
    plain, shifted = (coded(Aligning(), pictures, alignment=rounds) for rounds in (0, 2))
    for one, other in zip(plain, shifted, strict=True):
        np.testing.assert_allclose(other.expression - one.expression, SHIFT, atol=0.01)
        np.testing.assert_array_equal(other.translation, one.translation)


def test_each_frame_begins_where_the_one_before_ended_unless_its_source_is_new() -> None:
    animator = Aligning()
    sent = coded(animator, [clips.disc(at) for at in range(25)])
    assert [rounds for *_, rounds in animator.asked] == [1] * 25
    for at, (motion, before, drift, *_) in enumerate(animator.asked):
        if at % 10 == 0:
            assert before is motion and not drift.any()
        else:
            np.testing.assert_array_equal(before.expression, sent[at - 1].expression)
            np.testing.assert_allclose(drift, SHIFT)


def test_what_was_held_without_a_face_is_no_beginning() -> None:
    pictures = [clips.disc(at) for at in range(9)]
    pictures[4:6] = [np.full_like(pictures[0], 80)] * 2
    animator = Aligning()
    coded(animator, pictures)
    assert len(animator.asked) == 7  # frames without a face have nothing to be laid on
    starts = [before is motion for motion, before, *_ in animator.asked]
    assert starts == [True, False, False, False, True, False, False]

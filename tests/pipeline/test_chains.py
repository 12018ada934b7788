"""Sources whose stills build on those before them. Spec section 6.1, codec 5."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import clips
from tests.doubles import MomentAnimator
from thcodec import Decoder, Encoder, EncoderConfig, LinkConfig, Packet
from thcodec.bitstream import RecordType, SourceRecord
from thcodec.bitstream.header import StillCodec
from thcodec.errors import SequenceError
from thcodec.pipeline import Frame
from thcodec.sources import av1
from thcodec.sources.stills import decode_still

CONFIG = EncoderConfig(crop="none", interval=10, transition="cut", bank=1)
FRAMES = [clips.disc(index) for index in range(50)]


def coded(
    config: EncoderConfig = CONFIG, *, live: bool = False, link: LinkConfig | None = None
) -> list[Packet]:
    encoder = Encoder(config, live=live, animator=MomentAnimator(), link=link)
    packets = [packet for at, frame in enumerate(FRAMES) for packet in encoder.push(frame, at)]
    return packets + encoder.flush()


def sources(packets: list[Packet]) -> list[SourceRecord]:
    return [SourceRecord.parse(p.payload) for p in packets if p.type == RecordType.SOURCE]


def shown(packets: list[Packet], without: int) -> tuple[list[Frame], list[str]]:
    """Frames, and faults, of a stream that misses the source of this number."""
    decoder, frames, faults = Decoder(animator=MomentAnimator()), list[Frame](), list[str]()
    for packet in packets:
        if packet.type == RecordType.SOURCE and packet.sequence == without:
            continue
        try:
            frames += decoder.push(packet)
        except SequenceError as error:
            faults.append(str(error))
    return frames, faults


def test_stills_of_files_are_one_chain_and_cost_less() -> None:
    chain = sources(coded())
    assert [record.codec for record in chain] == [StillCodec.AV1] * 5
    assert [record.data[0] % 32 == 0 for record in chain] == [True] + [False] * 4
    alone = sources(coded(replace(CONFIG, still_codec=StillCodec.WEBP)))
    assert sum(len(r.data) for r in chain[1:]) < 0.7 * sum(len(r.data) for r in alone[1:])


@pytest.mark.parametrize("link", [None, LinkConfig()])
def test_stills_of_live_streams_stand_alone(link: LinkConfig | None) -> None:
    records = sources(coded(live=True, link=link))
    assert [(record.codec, record.data[0] % 32) for record in records] == [(StillCodec.AV1, 0)] * 5
    for record in records:
        decode_still(record.data, record.codec, record.width, record.height)


def test_a_lost_source_costs_those_that_build_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av1, "LONGEST", 3)
    packets = coded()
    begins = [record.data[0] % 32 == 0 for record in sources(packets)]
    assert begins == [True, False, False, True, False]
    whole, _ = shown(packets, without=-1)
    assert len(whole) == 50 and not any(frame.concealed for frame in whole)
    frames, faults = shown(packets, without=1)
    assert len(faults) == 1 and "builds on one that is not here" in faults[0]
    assert [frame.pts for frame in frames if frame.concealed] == list(range(10, 30))
    frames, faults = shown(packets, without=3)
    assert [frame.pts for frame in frames if frame.concealed] == list(range(30, 50))
    frames, faults = shown(packets, without=2)
    assert not faults and [f.pts for f in frames if f.concealed] == list(range(20, 30))

"""The source bank: sender and receiver never show different sources under one id."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.links import Conditions, call
from tests import clips
from tests.doubles import MomentAnimator, Remembering
from thcodec import Decoder, Encoder, EncoderConfig, LinkConfig, Packet
from thcodec.models.animator import Extraction
from thcodec.motion import Motion
from thcodec.pipeline.bank import Bank
from thcodec.pipeline.coded_source import CodedSource
from thcodec.pipeline.config import DecoderConfig

NONE = np.zeros(0)
STILL = Motion(np.zeros(3), np.zeros(3), 0.0, np.zeros((1, 3)))
SEEN = Extraction(NONE, NONE, 1.0)
DISCS = [clips.disc(at / 2) for at in range(100)]


def source(number: int) -> CodedSource:
    return CodedSource(number, SEEN, NONE, NONE, NONE, STILL, NONE, True, STILL, 1.0)


def entered(bank: Bank, keep: CodedSource | None = None) -> CodedSource:
    made = source(bank.next_id(keep))
    bank.enter(made)
    return made


def test_two_slots_take_turns() -> None:
    bank, shown, ids = Bank(2), None, []
    for _ in range(5):
        shown = entered(bank, shown)
        ids.append(shown.id)
    assert ids == [0, 1, 2, 3, 4]


def test_the_source_shown_longest_ago_is_given_up() -> None:
    bank = Bank(3)
    first, second, third = (entered(bank) for _ in range(3))
    assert [first.id, second.id, third.id] == [0, 1, 2]
    bank.use(first)
    assert bank.next_id(first) == 4  # the slot of the second
    bank.use(second)
    assert bank.next_id(third) == 3  # the slot of the first: the third is on the screen
    entered(bank, third)
    assert [held.id for held in bank.candidates] == [3, 1, 2]


def test_sources_of_another_shot_are_no_candidates() -> None:
    bank = Bank(3)
    before = entered(bank)
    bank.begin_shot()
    assert bank.candidates == []
    now = entered(bank, before)
    assert bank.candidates == [now] and now.id == 1


@given(st.integers(2, 64), st.integers(0, 2**32), st.floats(0, 0.9))
def test_a_receiver_that_lost_sources_knows_which(size: int, seed: int, loss: float) -> None:
    rng, bank, receiver = random.Random(seed), Bank(size), dict[int, CodedSource]()
    shown = None
    for _ in range(100):
        candidates = bank.candidates
        if candidates and rng.random() < 0.5:
            shown = rng.choice(candidates)
            bank.use(shown)
            here = receiver.get(shown.id % size)
            assert here is None or here is shown or here.id != shown.id
        else:
            before, shown = shown, entered(bank, shown)
            assert before is None or before in bank.candidates
            if rng.random() >= loss:
                receiver[shown.id % size] = shown
        if rng.random() < 0.02:
            bank.begin_shot()
            shown = None


def test_ids_stay_in_range() -> None:
    bank, shown, ids = Bank(3), None, []
    bank._turns = [65536 // 3 - 2] * 3
    for _ in range(9):
        shown = entered(bank, shown)
        ids.append(shown.id)
    assert ids == [65529, 65530, 65531, 65532, 65533, 65534, 0, 1, 2]


class Witness(Encoder):
    """An encoder that shows all it sends to a decoder without losses as well."""

    def __init__(self, bank: int) -> None:
        # Cuts: what a transition mixes depends on what was shown before, which a loss changes.
        config = EncoderConfig(
            crop="none",
            policy="threshold",
            limit=10,
            bank=bank,
            source_size=64,
            transition="cut",
        )
        super().__init__(config, animator=Remembering(), link=LinkConfig(datagram=400))
        self._receiver = Decoder(DecoderConfig(hold=0), animator=MomentAnimator())
        self.pictures: dict[int, tuple[int, bytes]] = {}
        self.sent: list[int] = []  # sources, after each picture

    def push(self, picture: np.ndarray, pts: int | None = None) -> list[Packet]:
        packets = self._shown(super().push(picture, pts))
        self.sent.append(self.sources)
        return packets

    def feedback(self, packet: Packet) -> list[Packet]:
        return self._shown(super().feedback(packet))

    def _shown(self, packets: list[Packet]) -> list[Packet]:
        for packet in packets:
            for frame in self._receiver.push(packet):
                assert not frame.concealed
                self.pictures[frame.pts] = frame.source_id, frame.rgb.tobytes()
        return packets


@given(
    st.integers(1, 5),
    st.integers(0, 2**32),
    st.floats(0, 0.4),
    st.floats(1, 4),
    st.sampled_from([0, 120]),
)
@settings(max_examples=12)
def test_banks_never_diverge_silently(
    bank: int, seed: int, loss: float, burst: float, jitter: float
) -> None:
    """What is shown as decoded is what a receiver without losses sees, to the bit."""
    rng = random.Random(seed)
    at, pictures = 0, []
    for _ in range(50):
        # A step of the head, or a jump, which is taken for a cut.
        at = (at + rng.choice([-5, -2, 0, 0, 1, 2, 5])) % 100
        at = rng.randrange(100) if rng.random() < 0.03 else at
        pictures.append(DISCS[at])
    witness = Witness(bank)
    decoder = Decoder(DecoderConfig(hold=3), animator=MomentAnimator())
    link = Conditions(loss=loss, burst=burst, jitter=jitter)
    outcome = call(witness, decoder, pictures, link, seed=seed)
    assert list(witness.pictures) == list(range(50))
    for frame in outcome.frames:
        if not frame.concealed:
            assert (frame.source_id, frame.rgb.tobytes()) == witness.pictures[frame.pts]


@pytest.mark.parametrize("bank", [1, 8])
def test_a_pose_that_returns_costs_an_id(bank: int) -> None:
    witness = Witness(bank)
    decoder = Decoder(DecoderConfig(hold=3), animator=MomentAnimator())
    outcome = call(witness, decoder, [*DISCS[:50], *DISCS[50:0:-1]] * 2, Conditions(delay=5))
    assert not any(frame.concealed for frame in outcome.frames)
    ids = [frame.source_id for frame in outcome.frames]
    switches = sum(one != other for one, other in pairwise(ids))
    # Two turns of the disc: with a bank the second one needs hardly any source of its own.
    if bank == 1:
        assert switches + 1 == witness.sources > 8
    else:
        assert switches > witness.sources + 2 and witness.sources < 10
        assert witness.sent[-1] - witness.sent[100] <= 1

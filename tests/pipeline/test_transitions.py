"""How the decoder shows a switch: spec section 7.4. Stills of one grey each tell the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.sampling import Stream
from fixtures.cases.build import PREVIOUS, SOURCE, Scenario, Shot, header
from tests import clips
from tests.doubles import MomentAnimator
from thcodec import Decoder, Encoder, EncoderConfig, Frame, Packet, ThvError
from thcodec.bitstream import KeypointModel, RecordType, Transition, TransitionKind
from thcodec.bitstream.header import Crop, StillCodec
from thcodec.models.animator import fade
from thcodec.pipeline import mixing
from thcodec.pipeline.config import DEFAULT_TRANSITION, DecoderConfig
from thcodec.pipeline.mixing import Difference
from thcodec.sources.stills import encode_still

GREY = {0: 30, 1: 110, 2: 190, 3: 230}
MODEL = KeypointModel(5)
LENGTH = 3


def stream(
    script: Sequence[Any],
    *,
    kind: int | None = TransitionKind.FADE,
    length: int = LENGTH,
    bank: int = 4,
    per_record: int = 1,
) -> list[Packet]:
    """Packets of a script: an int sends a frame of that source, a pair (int, (second, weight)) a
    mixture; "+2" sends source 2, "+2!" one that begins a shot."""
    shown = None if kind is None else Transition(kind, length)
    scenario = Scenario(
        header(keypoint_model=MODEL, still_codec=2, bank_size=bank, transition=shown)
    )
    waiting: list[Shot] = []
    pts = 0
    for item in script:
        if isinstance(item, str):
            if waiting:
                scenario.motion(waiting, per_record)
            waiting = []
            number = int(item.strip("+!"))
            grey = np.full((16, 16, 3), GREY[number % 4], np.uint8)
            data = encode_still(grey, codec=StillCodec.WEBP, quality=90)
            crop = Crop(8, 0, 48, 48) if item.endswith("!") else None
            scenario.source(number, pts=pts, data=data, motion=(0,) * MODEL.size, crop=crop)
        else:
            source, second = item if isinstance(item, tuple) else (item, None)
            mode = PREVIOUS if waiting and per_record > 1 else SOURCE
            waiting.append(Shot(pts, [0] * MODEL.size, mode, source, second))
            pts += 1
    if waiting:
        scenario.motion(waiting, per_record)
    return scenario.packets


def decoded(packets: Sequence[Packet], config: DecoderConfig | None = None) -> list[Frame]:
    decoder = Decoder(config, animator=MomentAnimator(32))
    frames = [frame for packet in packets for frame in decoder.push(packet)]
    return frames + decoder.flush()


def levels(script: Sequence[Any], **options: Any) -> list[float]:
    """Mean grey of every frame."""
    return [float(frame.rgb.mean()) for frame in decoded(stream(script, **options))]


def between(a: int, b: int, weight: float) -> float:
    """Grey of a mixture, `weight` being of source b."""
    return GREY[a] + weight * (GREY[b] - GREY[a])


def is_near(got: Sequence[float], wanted: Sequence[float]) -> None:
    assert got == pytest.approx(list(wanted), abs=3)  # stills are coded


def test_weights_grow_evenly_from_the_switch_on() -> None:
    got = levels(["+0", "+1", 0, 0, 1, 1, 1, 1, 1])
    steps = [between(0, 1, n / 4) for n in (0, 0, 1, 2, 3, 4, 4)]
    is_near(got, steps)


@pytest.mark.parametrize("kind", list(TransitionKind))
@pytest.mark.parametrize("length", [1, 2, 64])
def test_every_kind_has_the_same_weights(kind: int, length: int) -> None:
    got = levels(["+0", "+1", 0, *[1] * 70], kind=kind, length=length)
    is_near(got, [between(0, 1, min(1, n / (length + 1))) for n in range(71)])


def test_without_a_transition_a_switch_is_a_cut() -> None:
    is_near(levels(["+0", "+1", 0, 1, 0], kind=None), [GREY[0], GREY[1], GREY[0]])


def test_a_switch_back_turns_the_transition() -> None:
    got = levels(["+0", "+1", 0, 1, 1, 0, 0, 0, 0])
    is_near(got, [between(0, 1, n / 4) for n in (0, 1, 2, 1, 0, 0, 0)])


def test_a_third_source_takes_over_from_what_counts_more() -> None:
    sources = ["+0", "+1", "+2"]
    early = levels([*sources, 0, 1, 2, 2, 2, 2])
    is_near(early[2:], [between(0, 2, n / 4) for n in (1, 2, 3, 4)])
    late = levels([*sources, 0, 1, 1, 2, 2, 2, 2])
    is_near(late[3:], [between(1, 2, n / 4) for n in (1, 2, 3, 4)])


def test_an_evicted_source_is_shown_no_more() -> None:
    """With a bank of two, source 2 takes the slot of 0 while 0 fades out."""
    got = levels(["+0", "+1", 0, 1, "+2", 1, 1, 2, 2, 2, 2], bank=2)
    wanted = [GREY[0], between(0, 1, 0.25), GREY[1], GREY[1]]
    is_near(got, wanted + [between(1, 2, n / 4) for n in (1, 2, 3, 4)])
    at_once = levels(["+0", "+1", 0, 1, "+2", 2, 2, 2, 2], bank=2)
    is_near(at_once[2:], [between(1, 2, n / 4) for n in (1, 2, 3, 4)])
    alone = levels(["+0", 0, 0, "+1", 1, 1], bank=1)
    is_near(alone, [GREY[0], GREY[0], GREY[1], GREY[1]])


def test_an_id_that_is_used_again_is_another_source() -> None:
    got = levels(["+0", "+1", 0, 1, "+4", 1, 4, 4, 4, 4])
    # Ids 0 and 4 share a slot and a grey: the fade from 0 is cut, that to 4 begins.
    wanted = [GREY[0], between(0, 1, 0.25), GREY[1]]
    is_near(got, wanted + [between(1, 0, n / 4) for n in (1, 2, 3, 4)])


def test_a_new_shot_is_a_cut_and_so_is_the_way_back() -> None:
    got = levels(["+0", "+1!", "+2", 0, 0, 1, 1, 2, 2, 2, 2, 0, 0])
    wanted = [GREY[0], GREY[0], GREY[1], GREY[1]]
    wanted += [between(1, 2, n / 4) for n in (1, 2, 3, 4)]
    is_near(got, [*wanted, GREY[0], GREY[0]])


def test_a_frame_asks_for_a_mixture_itself() -> None:
    asked = [(0, (1, weight)) for weight in (0, 51, 204, 255)]
    for kind in (None, *TransitionKind):
        got = levels(["+0", "+1", 0, *asked, 1, 1], kind=kind)
        is_near(got[1:5], [between(0, 1, w / 255) for w in (0, 51, 204, 255)])
        is_near(got[5:], [GREY[1], GREY[1]])  # no transition on top of theirs


def test_a_mixture_that_is_asked_for_ends_a_transition() -> None:
    got = levels(["+0", "+1", 0, 1, (1, (0, 255)), 1, 1])
    is_near(got, [GREY[0], between(0, 1, 0.25), GREY[0], GREY[1], GREY[1]])


@given(st.lists(st.sampled_from([0, 1, 2]), min_size=2, max_size=14), st.integers(1, 5))
def test_two_sources_never_jump_by_more_than_a_step(named: list[int], length: int) -> None:
    """Of any frames of two sources, the weight of either changes by 1/(L + 1) at most."""
    named = [source % 2 for source in named]
    got = levels(["+0", "+1", *named], length=length)
    assert np.abs(np.diff(got)).max() <= (GREY[1] - GREY[0]) / (length + 1) + 2


SCRIPT = ["+0", "+1", "+2", 0, 0, 1, 1, 2, 2, 1, (1, (2, 100)), (2, (0, 30)), 2, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("kind", list(TransitionKind))
@pytest.mark.parametrize("batch", [1, 2, 3, 256])
@pytest.mark.parametrize("per_record", [1, 5, 100])
def test_batches_and_packets_change_no_picture(kind: int, batch: int, per_record: int) -> None:
    wanted = decoded(stream(SCRIPT, kind=kind, length=4), DecoderConfig(batch=8))
    packets = stream(SCRIPT, kind=kind, length=4, per_record=per_record)
    got = decoded(packets, DecoderConfig(batch=batch))
    assert len(got) == 16
    for one, other in zip(got, wanted, strict=True):
        assert (one.pts, one.source_id) == (other.pts, other.source_id)
        assert np.array_equal(one.rgb, other.rgb)


def test_a_source_that_cannot_be_shown_costs_no_picture_before_it() -> None:
    class Failing(MomentAnimator):
        def prepare(self, *given: Any) -> Any:
            if self.prepared:
                raise ThvError("once is enough")
            return super().prepare(*given)

    decoder, shown = Decoder(animator=Failing(32)), list[Frame]()
    with pytest.raises(ThvError, match="once is enough"):
        for packet in stream(["+0", "+1", 0, 0, 1, 1], kind=None, per_record=4):
            for frame in decoder.frames(packet):
                shown.append(frame)
    assert [frame.source_id for frame in shown] == [0, 0]


def test_lost_frames_do_not_count() -> None:
    packets = stream(["+0", "+1", 0, 1, 1, 1, 1, 1])
    motion = [packet for packet in packets if packet.type == RecordType.MOTION]
    packets.remove(motion[2])
    frames = decoded(packets)
    assert [frame.pts for frame in frames] == list(range(6))
    weights = [(between(0, 1, n / 4)) for n in (0, 1, 1, 2, 3, 4)]
    is_near([float(frame.rgb.mean()) for frame in frames], weights)
    assert [frame.concealed for frame in frames] == [False, False, True, False, False, False]


def test_a_switch_that_was_lost_is_still_faded() -> None:
    packets = stream(["+0", "+1", 0, 1, 1, 1, 1, 1])
    motion = [packet for packet in packets if packet.type == RecordType.MOTION]
    packets.remove(motion[1])
    got = [float(frame.rgb.mean()) for frame in decoded(packets)]
    is_near(got, [between(0, 1, n / 4) for n in (0, 0, 1, 2, 3, 4)])


def test_a_source_that_was_lost_fades_nothing() -> None:
    packets = stream(["+0", 0, "+1", 1, 1, "+2", 2, 2, 2, 2])
    (lost,) = [p for p in packets if p.type == RecordType.SOURCE and p.sequence == 1]
    packets.remove(lost)
    frames = decoded(packets)
    assert [frame.concealed for frame in frames] == [False, True, True, *[False] * 4]
    got = [float(frame.rgb.mean()) for frame in frames[3:]]
    is_near(got, [between(0, 2, n / 4) for n in (1, 2, 3, 4)])


def test_the_viewer_may_have_it_otherwise() -> None:
    packets = stream(["+0", "+1", 0, 1, 1, 1, 1])
    cut = decoded(packets, DecoderConfig(transition="cut"))
    is_near([float(frame.rgb.mean()) for frame in cut], [GREY[0], *[GREY[1]] * 4])
    bare = stream(["+0", "+1", 0, *[1] * 70], kind=None)
    faded = decoded(bare, DecoderConfig(transition="flow"))
    length = DEFAULT_TRANSITION
    weights = [min(1, n / (length + 1)) for n in range(71)]
    is_near([float(frame.rgb.mean()) for frame in faded], [between(0, 1, w) for w in weights])
    with pytest.raises(ValueError, match="transition is 'wipe', allowed is cut or fade"):
        DecoderConfig(transition="wipe")


def filmed(transition: str, frames: int = 16) -> list[Packet]:
    """A moving disc with a new source every ten frames, over four of which it is shown."""
    config = EncoderConfig(
        crop="none", interval=10, transition=transition, transition_frames=4, bank=2
    )
    encoder = Encoder(config, animator=MomentAnimator())
    return [p for index in range(frames) for p in encoder.push(clips.disc(index), index)]


def test_both_sources_are_shown_at_the_frame_s_own_motion() -> None:
    decoder = Decoder(animator=(spy := Spy()))
    shown = [frame for packet in filmed("fade") for frame in decoder.push(packet)]
    assert len(shown) == 16
    assert len(spy.calls) == 16 + 4
    for number in range(10, 14):
        new, old = spy.calls[10 + 2 * (number - 10) : 12 + 2 * (number - 10)]
        assert new[0] is not old[0]
        assert np.array_equal(new[1].translation, old[1].translation)
        weight = 1 - (number - 9) / 5
        expected = fade(new[2], old[2], weight)
        assert np.array_equal(shown[number].rgb, expected)


def test_flow_animates_the_old_source_once() -> None:
    decoder = Decoder(animator=(spy := Spy()))
    shown = [frame for packet in filmed("flow") for frame in decoder.push(packet)]
    assert len(shown) == 16
    assert len(spy.calls) == 16 + 1
    new, old = spy.calls[10:12]
    assert new[0] is not old[0]
    assert np.array_equal(new[1].translation, old[1].translation)


def test_flow_compares_the_sources_again_where_it_turns_back() -> None:
    decoder = Decoder(animator=(spy := Spy()))
    spy.size = 32
    for packet in stream(["+0", "+1", 0, 1, 1, 0, 0, 0, 0], kind=TransitionKind.FLOW):
        decoder.push(packet)
    assert len(spy.calls) == 7 + 2


def test_what_flow_carries_does_not_depend_on_the_frames_that_are_looked_at() -> None:
    """Benchmarks synthesise some frames only, and a caller may leave a packet half way."""
    packets = filmed("flow")
    whole = Stream(packets, MomentAnimator())
    everything = whole.decode(whole.transition, range(16))
    (late,) = whole.decode(whole.transition, [13]).values()
    assert np.array_equal(late, everything[13])
    cut = whole.decode(None, [13])[13]
    assert not np.array_equal(late, cut)


class Spy(MomentAnimator):
    """Keeps sources, motions and pictures in the order in which they are made."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, np.ndarray]] = []

    def animate(self, source: Any, motions: list[Any]) -> list[np.ndarray]:
        pictures = super().animate(source, motions)
        self.calls += [(source, *each) for each in zip(motions, pictures, strict=True)]
        return pictures


class Fusing(MomentAnimator):
    """Marks the pictures that it makes of two sources."""

    def blend(self, first: Any, second: Any, *frames: Any) -> list[np.ndarray]:
        *_, weights = frames
        return [np.full((32, 32, 3), round(200 * weight), np.uint8) for weight in weights]


def test_blend_is_left_to_the_animator() -> None:
    packets = stream(["+0", "+1", 0, 1, 1, 1, 1], kind=TransitionKind.BLEND)
    decoder = Decoder(animator=Fusing(32))
    got = [float(f.rgb.mean()) for packet in packets for f in decoder.push(packet)]
    assert got[1:4] == [150, 100, 50]  # weights of the old source


def test_a_cut_between_equal_crops_is_said_in_the_stream() -> None:
    config = EncoderConfig(crop="none", interval=0, transition="fade", transition_frames=8)
    encoder, decoder = Encoder(config, animator=MomentAnimator()), Decoder(animator=(spy := Spy()))
    for index in range(20):
        picture = clips.disc(index) if index < 12 else 255 - clips.disc(index)[::-1]
        for packet in encoder.push(picture, index):
            decoder.push(packet)
    assert encoder.sources == 2
    assert len(spy.calls) == 20  # no frame shows both


def test_flow_moves_pixels_where_fading_shows_them_twice() -> None:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 255, (16, 16, 3), np.uint8)
    scene = cv2.resize(coarse, (320, 320), interpolation=cv2.INTER_CUBIC)
    first, middle, second = (scene[20:276, at : at + 256] for at in (20, 24, 28))
    inner = slice(24, -24)
    errors = [
        np.abs(mixture.astype(int) - middle)[inner, inner].mean()
        for mixture in (fade(first, second, 0.5), Difference(first, second).mixed(first, 0.5))
    ]
    assert errors[1] < 0.35 * errors[0]
    for weight, end in ((0.0, first), (1.0, second)):
        mixture = Difference(first, second).mixed(first, weight)
        assert np.abs(mixture.astype(int) - end).max() <= 1


def test_pictures_of_any_height_are_mixed_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (clips.disc(at, 104, 104) for at in (10, 12))  # no multiple of the rows
    difference = Difference(first, second)
    row_by_row = difference.mixed(first, 0.4)
    monkeypatch.setattr(mixing, "_ROWS", 104)
    assert np.array_equal(row_by_row, difference.mixed(first, 0.4))
    assert not np.array_equal(row_by_row, first)


def test_the_difference_of_two_sources_goes_with_the_head() -> None:
    """Both show one scene, the second with a bright spot. When the scene moves, the spot does."""
    coarse = np.random.default_rng(3).integers(0, 150, (16, 16, 3), np.uint8)
    scene = cv2.resize(coarse, (320, 320), interpolation=cv2.INTER_CUBIC)
    spotted = cv2.circle(scene.copy(), (150, 150), 20, (255, 255, 255), -1)
    at_first, later = (scene[20:276, at : at + 256] for at in (20, 30))
    shown = Difference(at_first, spotted[20:276, 20:276]).mixed(later, 1.0)
    wanted, inner = spotted[20:276, 30:286], slice(24, -24)
    errors = [
        np.abs(picture.astype(int) - wanted)[inner, inner].mean()
        for picture in (shown, later, spotted[20:276, 20:276])
    ]
    assert errors[0] < 0.2 * min(errors[1:])


def test_what_is_not_asked_for_is_not_synthesised() -> None:
    """A weight of 0 costs no second picture."""
    packets = stream(["+0", "+1", 0, (0, (1, 0)), (0, (0, 90)), (0, (1, 9))], kind=None)
    decoder = Decoder(animator=(spy := Spy()))
    spy.size = 32
    for packet in packets:
        decoder.push(packet)
    assert len(spy.calls) == 5


def test_what_was_not_followed_leaves_no_spark() -> None:
    """The second has a light patch; where the first lights up there too, both are not added up."""
    first = np.full((64, 64, 3), 60, np.uint8)
    second, later = first.copy(), first.copy()
    second[24:40, 24:40], later[24:40, 24:40] = 180, 170
    mixture = Difference(first, second).mixed(later, 0.9)
    assert mixture[32, 32].min() >= 165 and mixture.max() <= 182

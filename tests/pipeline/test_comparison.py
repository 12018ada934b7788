"""Which sources are compared with a frame by their pictures, when, and what comes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests import clips
from tests.doubles import MomentAnimator
from thcodec import Encoder, EncoderConfig
from thcodec.bitstream import RecordType, StreamHeader
from thcodec.media.crop import CroppedFrame
from thcodec.models import registry
from thcodec.models.animator import Extraction
from thcodec.motion import Motion, Quantiser
from thcodec.pipeline.coded_source import CodedSource, SourceMaker
from thcodec.pipeline.seen import SeenFrame
from thcodec.pipeline.source_choice import SourceChoice
from thcodec.sources.policy import make_policy

STILL = clips.disc(0, 256, 256)


class Comparing(MomentAnimator):
    """Sources are as unlike as they are said to be, by the scene of what was seen in them."""

    compares = True

    def __init__(self, unlike: dict[str, float]) -> None:
        super().__init__()
        self.unlike = unlike
        self.asked: list[str] = []

    def unlikeness(self, motion: Motion, *rest: Any) -> float:
        self.asked.append(rest[-1].scene)
        return self.unlike[rest[-1].scene]


def seen(name: str, index: int, x: float = 0.0) -> SeenFrame:
    """A frame whose head stands `x` thousandths of ST-LPIPS to the right."""
    pose = Motion(np.zeros(3), np.array([x / 190, 0, 0]), 0.0, np.zeros((5, 3)))
    points = np.random.default_rng(1).normal(size=(5, 3))
    frame = CroppedFrame(STILL, index, HEADER.crop, False, True)
    return SeenFrame(index, frame, Extraction(points, points, 1.0, name), True, pose, 1.0)


def header() -> StreamHeader:
    encoder = Encoder(EncoderConfig(crop="none"), live=False, animator=MomentAnimator())
    packets = [*encoder.push(STILL), *encoder.flush()]
    assert packets[0].type == RecordType.HEADER
    return StreamHeader.parse(packets[0].payload)


HEADER = header()


class Held:
    """Sources that an encoder holds, by name, with where their heads stand; the first is shown."""

    def __init__(self, animator: Comparing, places: dict[str, float]) -> None:
        config = EncoderConfig()
        maker = SourceMaker(config, animator, Quantiser(HEADER.keypoint_model), live=False)
        self.choice = SourceChoice(
            config,
            HEADER,
            animator,
            registry.load_upscaler("lanczos"),
            maker,
            None,
            compares=True,
        )
        self.comparison = self.choice._comparison
        self.sources: dict[str, CodedSource] = {}
        for number, (name, place) in enumerate(places.items()):
            self.sources[name] = made = maker.make(number, seen(name, 0, place))
            self.choice._bank.enter(made)
        self.choice._source = next(iter(self.sources.values()))

    def shown(self, index: int, before: str) -> str:
        """The name of what a frame at 0 is made from; the frame before was from ``before``."""
        self.choice._show_nearest(seen("frame", index), self.sources[before])
        source = self.choice._source
        assert source is not None
        return str(source.seen.scene)


@pytest.mark.parametrize(
    ("unlike", "before", "shown"),
    [
        ({"now": 30, "old": 20}, "now", "old"),
        ({"now": 30, "old": 27}, "now", "now"),  # a switch shows
        ({"now": 30, "old": 33}, "old", "old"),  # a new source has to be better than what is shown
        ({"now": 30, "old": 40}, "old", "now"),
    ],
)
def test_pictures_decide_which_source_is_shown(
    unlike: dict[str, float], before: str, shown: str
) -> None:
    held = Held(Comparing(unlike), {"now": 3, "old": 12})  # the old one is further by keypoints
    assert held.shown(0, before) == shown


def test_what_may_have_come_near_is_looked_at_and_the_rest_seldom() -> None:
    animator = Comparing({"now": 20, "near": 25, "far": 30})
    held = Held(animator, {"now": 10, "near": 15, "far": 40})
    asked = []
    for index in range(10):
        before = len(animator.asked)
        if held.comparison.is_due(seen("frame", index)):
            held.shown(index, "now")
        asked.append(animator.asked[before:])
    assert asked[0] == asked[9] == ["now", "near", "far"]
    assert asked[3] == asked[6] == ["now", "near"]
    assert sum(map(bool, asked)) == 4


def test_a_frame_is_compared_once_however_often_it_is_asked() -> None:
    animator = Comparing({"now": 20, "far": 5})
    held = Held(animator, {"now": 10, "far": 40})
    assert held.shown(0, "now") == "far"
    held.choice._source = held.sources["now"]  # as if it had just been sent
    assert held.shown(0, "far") == "far"
    assert sorted(animator.asked) == ["far", "now"]


def test_a_new_source_is_compared_with_what_is_on_the_screen() -> None:
    held = Held(Comparing({"new": 25, "old": 10}), {"new": 0, "old": 40})
    held.sources["old"].compared_again = 5  # not its turn
    assert held.shown(1, "old") == "old"


@pytest.mark.parametrize(
    ("unlike", "far", "wanted"),
    [(20, 60, False), (40, 60, True), (40, 20, False)],
    ids=["alike", "neither alike nor near", "near"],
)
def test_a_source_is_wanted_where_keypoints_and_pictures_say_so(
    unlike: float, far: float, wanted: bool
) -> None:
    """The limit is 30."""
    held = Held(Comparing({"now": unlike}), {"now": far})
    asked = [held.choice._wanted(seen("frame", index), 1.0) for index in range(30)]
    assert asked[0]  # the first of all is wanted anyhow
    assert any(asked[1:]) == wanted


def test_no_source_is_bought_between_two_looks_where_one_that_is_held_will_do() -> None:
    animator = Comparing({"now": 5, "old": 90})
    held = Held(animator, {"now": 0, "old": 45})
    frames = [seen("frame", index, 0.0 if index < 4 else 45.0) for index in range(12)]
    for frame in frames:
        if frame.index == 4:
            animator.unlike = {"now": 90, "old": 5}
        chosen = held.choice.choose(frame, frames[frame.index + 1 :], 4.0)
        assert chosen.record is None
    assert chosen.source is held.sources["old"]


@pytest.mark.parametrize(
    ("policy", "looks"),
    [("threshold", True), ("budget", True), ("quality", False), ("best-frame", False)],
)
def test_how_unlike_the_shown_source_is_matters_to_policies_by_distance_only(
    policy: str, looks: bool
) -> None:
    animator = Comparing({"now": 5})
    held = Held(animator, {"now": 40})
    held.choice._policy = make_policy(policy, interval=50, limit=30)
    held.choice._wanted(seen("frame", 1), 1.0)
    assert bool(animator.asked) == looks


@pytest.mark.parametrize(
    ("live", "alignment", "compared"), [(False, None, True), (False, 0, False), (True, None, False)]
)
def test_files_compare_and_live_streams_do_not(
    live: bool, alignment: int | None, compared: bool
) -> None:
    animator = Comparing({"": 1.0})
    animator.unlikeness = lambda *_: animator.asked.append("") or 1.0  # type: ignore
    config = EncoderConfig(
        crop="none", interval=5, bank=3, source_size=64, alignment=alignment, policy="interval"
    )
    encoder = Encoder(config, live=live, animator=animator)
    for index in range(12):
        encoder.push(clips.disc(index, 256, 256))
    encoder.flush()
    assert bool(animator.asked) == compared

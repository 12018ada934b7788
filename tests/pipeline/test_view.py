"""Head pose that is changed at the decoder, and motion relative to the first frame."""

from dataclasses import replace

import numpy as np
import pytest

import thcodec
from tests import clips
from tests.doubles import MomentAnimator
from thcodec.motion import Motion, rotation_matrix, transform
from thcodec.pipeline.config import DecoderConfig
from thcodec.pipeline.view import View

POINTS = np.random.default_rng(3).normal(0, 0.4, (6, 3))


def motion(seed, jacobians=False):
    random = np.random.default_rng(seed)
    return Motion(
        random.uniform(-30, 30, 3),
        random.normal(0, 0.2, 3),
        float(random.normal(0, 0.2)),
        random.normal(0, 0.05, (6, 3)),
        random.normal(0, 1, (6, 3, 3)) if jacobians else None,
    )


def test_nothing_changed_is_nothing_touched():
    seen = motion(1)
    assert View().shown(seen, motion(2)) is seen


def test_the_head_turns_and_the_rest_stays():
    seen = motion(1, jacobians=True)
    shown = View(20.0, -10.0, 5.0).shown(seen, motion(2))
    turn = rotation_matrix(20.0, -10.0, 5.0)
    rigid = transform(POINTS, seen) - seen.translation - seen.expression
    wanted = rigid @ turn.T + seen.translation + seen.expression
    np.testing.assert_allclose(transform(POINTS, shown), wanted, atol=1e-9)
    np.testing.assert_allclose(shown.jacobians, turn @ seen.jacobians)


def test_yaw_of_a_frontal_head_is_its_yaw():
    seen = replace(motion(1), rotation=np.zeros(3))
    shown = View(yaw=25.0).shown(seen, seen)
    np.testing.assert_allclose(shown.rotation, [25.0, 0.0, 0.0], atol=1e-9)


def test_relative_motion_on_the_first_source_is_absolute():
    """The first frame is its source: what it moved by is the source's own motion."""
    view, first, second = View(relative=True), motion(1), motion(2)
    for seen in (first, second):
        shown = view.shown(seen, first)
        np.testing.assert_allclose(transform(POINTS, shown), transform(POINTS, seen), atol=1e-9)


def test_relative_motion_on_a_later_source_drifts():
    """That source's frame is shown with its change counted twice."""
    view, first, later = View(relative=True), motion(1), motion(2)
    view.shown(first, first)
    shown = view.shown(later, later)
    np.testing.assert_allclose(
        shown.translation - later.translation, later.translation - first.translation
    )
    change = rotation_matrix(*later.rotation) @ rotation_matrix(*first.rotation).T
    np.testing.assert_allclose(
        rotation_matrix(*shown.rotation), change @ rotation_matrix(*later.rotation), atol=1e-9
    )


class Spy(MomentAnimator):
    """Keeps the motions that it is to show."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def animate(self, source, motions):
        self.shown += motions
        return super().animate(source, motions)


def decoded(config):
    options = thcodec.EncoderConfig(crop="none", interval=6, transition="cut")
    encoder = thcodec.Encoder(options, animator=MomentAnimator())
    packets = [packet for number in range(12) for packet in encoder.push(clips.disc(number))]
    spy = Spy()
    decoder = thcodec.Decoder(config, animator=spy)
    for packet in packets + encoder.flush():
        decoder.push(packet)
    return spy.shown


def test_the_decoder_turns_every_frame():
    plain, turned = decoded(DecoderConfig()), decoded(DecoderConfig(yaw=15, roll=-40))
    wanted = rotation_matrix(15, 0, -40)
    assert len(turned) == 12
    for before, after in zip(plain, turned, strict=True):
        assert not np.any(before.rotation)
        np.testing.assert_allclose(rotation_matrix(*after.rotation), wanted, atol=1e-9)
        np.testing.assert_array_equal(before.translation, after.translation)


def test_the_decoder_shows_relative_motion():
    plain, relative = (decoded(DecoderConfig(motion=kind)) for kind in ("absolute", "relative"))
    change = [
        np.abs(a.translation - b.translation).max() for a, b in zip(plain, relative, strict=True)
    ]
    assert max(change[:6]) < 1e-9  # the first source
    assert min(change[6:]) > 0.01  # the second


@pytest.mark.parametrize(
    ("option", "value"), [("yaw", 91), ("pitch", -90.5), ("roll", float("nan")), ("motion", "no")]
)
def test_options_out_of_range(option, value):
    with pytest.raises(ValueError, match=f"{option} is"):
        DecoderConfig(**{option: value})

"""The shipped network on people it was never trained on, and on pictures without any."""

import numpy as np
import pytest

from thcodec.media.video_input import VideoInput
from thcodec.models.registry import load_animator
from thcodec.motion import Quantiser
from thcodec.pipeline.quality import psnr


@pytest.fixture(scope="module")
def animator():
    return load_animator()


@pytest.fixture(scope="module")
def frames(request):
    with VideoInput(request.getfixturevalue("shared_clip"), audio=False) as video:
        return [frame.rgb for frame, _ in zip(video.frames(), range(241), strict=False)]


def animate(animator, source, targets):
    first, *others = animator.extract([source, *targets])
    quantiser = Quantiser(animator.keypoint_model)
    canonical = quantiser.dequantise_canonical(quantiser.quantise_canonical(first.canonical))
    motions = [
        quantiser.dequantise(quantiser.quantise(animator.motion(seen, canonical, first)))
        for seen in (first, *others)
    ]
    return animator.animate(animator.prepare(source, canonical, motions[0]), motions[1:])


def test_the_source_s_own_motion_gives_the_source_back(animator, frames):
    assert psnr(frames[0], animate(animator, frames[0], frames[:1])[0]) > 30


def test_four_seconds_later_it_beats_repeating_the_source(animator, frames):
    pairs = [(frames[start], frames[start + 100]) for start in range(0, 141, 20)]
    gains = [
        psnr(target, animate(animator, source, [target])[0]) - psnr(target, source)
        for source, target in pairs
    ]
    assert np.mean(gains) > 1.0


def test_turning_the_head_at_the_decoder_turns_it(animator, frames):
    seen = animator.extract(frames[:1])[0]
    motion = animator.motion(seen, seen.canonical, seen)
    prepared = animator.prepare(frames[0], seen.canonical, motion)
    motion.rotation = motion.rotation + np.array([12.0, 0.0, 0.0])
    turned = animator.extract(animator.animate(prepared, [motion]))[0]
    change = animator.motion(turned, seen.canonical, turned).rotation - motion.rotation
    assert abs(change[0]) < 6


def test_batches_and_single_frames_agree(animator, frames):
    together = animator.extract(frames[:3])
    alone = [animator.extract([frame])[0] for frame in frames[:3]]
    for first, second in zip(together, alone, strict=True):
        np.testing.assert_allclose(first.keypoints, second.keypoints, atol=1e-4)


def test_faces_are_told_from_pictures_without_any(animator, frames):
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    corner = np.kron(frames[0][:64, :64], np.ones((4, 4, 1), np.uint8))
    assert min(seen.confidence for seen in animator.extract(frames[::20])) > 0.8
    assert max(seen.confidence for seen in animator.extract([noise, corner])) < 0.2

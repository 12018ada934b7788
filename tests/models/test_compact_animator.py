"""The shipped network on people it was never trained on, and on pictures without any."""

import weakref

import numpy as np

from thcodec.models.face_vid2vid import animator as animator_module
from thcodec.models.face_vid2vid.tracking import LOST
from thcodec.motion import Quantiser, transform
from thcodec.pipeline.quality import psnr


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


def test_two_sources_of_one_frame_are_that_frame(animator, frames):
    """The same still twice, at any weight: nothing may ghost."""
    seen = animator.extract(frames[:1])[0]
    motion = animator.motion(seen, seen.canonical, seen)
    source = animator.prepare(frames[0], seen.canonical, motion)
    alone = animator.animate(source, [motion])[0]
    for picture in animator.blend(
        source, source, [motion] * 3, [motion] * 3, np.array([0, 0.4, 1])
    ):
        assert np.abs(picture.astype(int) - alone).max() <= 1


def test_a_second_source_near_the_driving_frame_helps(animator, frames):
    near, far, target = (animator.extract([frames[i]])[0] for i in (116, 0, 120))
    sources = [
        animator.prepare(frames[i], seen.canonical, animator.motion(seen, seen.canonical, seen))
        for i, seen in ((0, far), (116, near))
    ]
    motions = [animator.motion(target, seen.canonical, seen) for seen in (far, near)]
    alone = animator.animate(sources[0], motions[:1])[0]
    both = animator.blend(*sources, motions[:1], motions[1:], np.array([0.5]))[0]
    assert psnr(frames[120], both) > psnr(frames[120], alone) + 0.5


def prepared_with(animator, picture):
    """A source as the decoder has it, and what was seen in it."""
    seen = animator.extract([picture])[0]
    own = animator.motion(seen, seen.canonical, seen)
    return animator.prepare(picture, seen.canonical, own), seen


def test_a_frame_of_one_source_is_the_same_frame_of_another(animator, frames):
    """What the decoder transfers is what the encoder would have sent for the other source."""
    (old, old_seen), (new, new_seen) = (prepared_with(animator, frames[at]) for at in (0, 60))
    driving = animator.extract([frames[70], frames[100]])
    sent = [animator.motion(seen, new_seen.canonical, new_seen) for seen in driving]
    wanted = [animator.motion(seen, old_seen.canonical, old_seen) for seen in driving]
    got = animator.transfer(sent, new, old)
    free = animator.keypoint_model.free
    for one, other in zip(got, wanted, strict=True):
        ours, theirs = (transform(old_seen.canonical, motion, free) for motion in (one, other))
        head = slice(0, -free)
        np.testing.assert_allclose(ours[head, :2], theirs[head, :2], atol=1e-6)
        np.testing.assert_allclose(one.rotation, other.rotation, atol=1)
        found = (ours[-free:, 2] < LOST / 2) & (theirs[-free:, 2] < LOST / 2)
        assert found.sum() >= free / 2
        assert np.abs((ours - theirs)[-free:, :2][found]).max() < 0.03  # 4 pixels of 256
    for one, other in zip(animator.animate(old, got), animator.animate(old, wanted), strict=True):
        assert psnr(one, other) > 30


def test_a_transfer_to_the_same_source_changes_nothing(animator, frames):
    source, seen = prepared_with(animator, frames[0])
    (driving,) = animator.extract([frames[50]])
    motion = animator.motion(driving, seen.canonical, seen)
    (back,) = animator.transfer([motion], source, source)
    np.testing.assert_allclose(back.expression, motion.expression, atol=2e-3)


def test_two_sources_in_one_pose_do_not_ghost(animator, frames):
    """Faded at one pose the face stays where each of the two has it, and nearly as sharp; the
    paper's fade of two poses shows it twice."""
    (old, old_seen), (new, new_seen) = (prepared_with(animator, frames[at]) for at in (0, 100))
    (driving,) = animator.extract([frames[110]])
    motion = animator.motion(driving, new_seen.canonical, new_seen)
    at_one_pose = animator.transfer([motion], new, old)
    still = animator.motion(old_seen, old_seen.canonical, old_seen)
    (picture,) = animator.animate(new, [motion])
    (faded,) = animator.blend(new, old, [motion], at_one_pose, [0.5])
    (ghost,) = animator.blend(new, old, [motion], [still], [0.5])
    seen = animator.extract([picture, faded, *animator.animate(old, at_one_pose)])
    face = [each.keypoints[:, :2] for each in seen]
    assert np.abs(face[1] - face[0]).max() * 128 < 4  # pixels
    assert np.linalg.norm(face[2] - face[0], axis=1).mean() * 128 < 2
    assert psnr(picture, faded) > psnr(picture, ghost) + 2


def test_a_pair_of_sources_is_compared_once_and_not_kept_alive(animator, frames, monkeypatch):
    calls = []
    real = animator_module.optical_flow
    monkeypatch.setattr(
        animator_module, "optical_flow", lambda *pair: calls.append(1) or real(*pair)
    )
    (old, _), (new, seen) = (prepared_with(animator, frames[at]) for at in (0, 60))
    motion = animator.motion(seen, seen.canonical, seen)
    for _ in range(3):
        animator.transfer([motion], new, old)
    assert len(calls) == 1
    gone = weakref.ref(new)
    del new
    assert gone() is None


def test_any_canonical_keypoints_of_a_stream_can_be_transferred(animator, frames):
    _, seen = prepared_with(animator, frames[0])
    motion = animator.motion(seen, seen.canonical, seen)
    for far in (0.0, 1e9):
        canonical = np.full_like(seen.canonical, far)
        pair = [animator.prepare(frames[at], canonical, motion) for at in (0, 60)]
        (got,) = animator.transfer([motion], *pair)
        assert np.isfinite(got.expression).all()
        animator.animate(pair[1], [got])

"""The published network, small and untaught, through the whole stream."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import thcodec
from tests import clips
from tests.models import published_small as small
from tests.models.published_reference import Reference
from thcodec.bitstream import Reader
from thcodec.bitstream.header import ModelIdentity
from thcodec.errors import LimitError, UnknownModelError, WeightsError
from thcodec.models.face_vid2vid.published import animator as published
from thcodec.models.face_vid2vid.published.animator import PublishedAnimator
from thcodec.models.face_vid2vid.published.weights import load_net
from thcodec.models.registry import load_animator
from thcodec.motion import Quantiser
from thcodec.pipeline.config import DecoderConfig

PLAIN = thcodec.EncoderConfig(crop="none", interval=5)
FULL = {name: replace(config, size=256) for name, config in small.CONFIGS.items()}


@pytest.fixture(scope="module", params=FULL)
def named(request, tmp_path_factory):
    """Name of a network, its checkpoint and the direct transcription."""
    path = tmp_path_factory.mktemp("weights") / "w.pth.tar"
    state = small.flat(small.write(FULL[request.param], path))
    return f"face-vid2vid:{request.param}", path, Reference(state, FULL[request.param])


@pytest.fixture
def sizes(monkeypatch):
    """Let the registry's names stand for small networks."""
    monkeypatch.setattr(published, "CONFIGS", {f"face-vid2vid:{n}": c for n, c in FULL.items()})


def tensor(picture):
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def test_encode_and_decode(named, sizes, tmp_path):
    name, weights, _ = named
    clip = clips.write_clip(tmp_path / "c.mp4", frames=12)
    config = replace(PLAIN, animator=name, weights=weights)
    summary = thcodec.encode(clip, tmp_path / "a.thv", config)
    assert (summary.frames, summary.sources) == (12, 3)
    with Reader(tmp_path / "a.thv") as reader:
        assert (reader.header.animator.name, reader.header.animator.version) == (name, "1")
        assert reader.header.keypoint_model.keypoints == 5
    again = thcodec.decode(tmp_path / "a.thv", tmp_path / "b.mp4", DecoderConfig(weights=weights))
    assert again.frames == 12 and not again.damage
    assert clips.probe(tmp_path / "b.mp4")[2] == 256


@torch.inference_mode()
def test_pictures_are_those_of_the_transcription(named):
    _, weights, reference = named
    animator = PublishedAnimator(load_net(weights, reference.config), ModelIdentity("small", "1"))
    source, target = clips.disc(0, 256, 256), clips.disc(9, 256, 256)
    points = reference.canonical(tensor(source))
    moved = [reference.moved(points, reference.pose(tensor(each))) for each in (source, target)]
    wanted = reference.picture(tensor(source), *(each.float() for each in moved))[0]
    wanted = 255 * wanted[0].permute(1, 2, 0).numpy()

    seen = animator.extract([source, target])
    own = reference.moved(reference.canonical(tensor(target)), reference.pose(tensor(target)))
    np.testing.assert_allclose(seen[1].keypoints, own[0], atol=1e-4)
    motions = [animator.motion(each, seen[0].canonical, seen[0]) for each in seen]
    prepared = animator.prepare(source, seen[0].canonical, motions[0])
    np.testing.assert_allclose(animator.animate(prepared, motions[1:])[0], wanted, atol=0.6)

    quantiser = Quantiser(animator.keypoint_model)
    canonical = quantiser.dequantise_canonical(quantiser.quantise_canonical(seen[0].canonical))
    motions = [quantiser.dequantise(quantiser.quantise(motion)) for motion in motions]
    made = animator.animate(animator.prepare(source, canonical, motions[0]), motions[1:])[0]
    assert 0 < np.abs(made - wanted).mean() < 1


def test_canonical_keypoints_are_found_once_per_source(named, monkeypatch):
    _, weights, reference = named
    net = load_net(weights, reference.config)
    calls = []
    net.detector.register_forward_hook(lambda *_: calls.append(1))
    animator = PublishedAnimator(net, ModelIdentity("small", "1"))
    encoder = thcodec.Encoder(PLAIN, live=False, animator=animator)
    for number in range(12):
        encoder.push(clips.disc(number), number)
    encoder.flush()
    assert (encoder.frames, encoder.sources, len(calls)) == (12, 3, 3)


def test_the_source_branch_runs_once_per_source(named):
    _, weights, reference = named
    net = load_net(weights, reference.config)
    calls = []
    net.generator.source.register_forward_hook(lambda *_: calls.append(1))
    animator = PublishedAnimator(net, ModelIdentity("small", "1"))
    encoder = thcodec.Encoder(PLAIN, live=False, animator=animator)
    packets = [p for number in range(12) for p in encoder.push(clips.disc(number), number)]
    decoder = thcodec.Decoder(animator=animator)
    frames = [f for packet in packets + encoder.flush() for f in decoder.push(packet)]
    assert (len(frames), len(calls)) == (12, 3)


def test_a_frame_of_one_source_is_the_same_frame_of_another(named):
    _, weights, reference = named
    animator = PublishedAnimator(load_net(weights, reference.config), ModelIdentity("small", "1"))
    old, new, driving = animator.extract([clips.disc(number, 256, 256) for number in (0, 6, 9)])
    sent, wanted = (animator.motion(driving, seen.canonical, seen) for seen in (new, old))
    pair = [animator.prepare(clips.disc(0, 256, 256), seen.canonical, sent) for seen in (new, old)]
    (got,) = animator.transfer([sent], *pair)
    np.testing.assert_array_equal(got.expression, wanted.expression)
    np.testing.assert_array_equal(got.rotation, wanted.rotation)


def test_jacobians_turn_with_the_head(named):
    _, weights, reference = named
    pictures = []
    for jacobians in (False, True):
        animator = PublishedAnimator(
            load_net(weights, reference.config), ModelIdentity("small", "1"), jacobians=jacobians
        )
        source = clips.disc(0, 256, 256)
        seen = animator.extract([source])[0]
        motion = animator.motion(seen, seen.canonical, seen)
        prepared = animator.prepare(source, seen.canonical, motion)
        turned = replace(motion, rotation=motion.rotation + np.array([30.0, 0.0, 0.0]))
        pictures.append(animator.animate(prepared, [motion, turned]))
    np.testing.assert_array_equal(pictures[0][0], pictures[1][0])  # no turn, no difference
    assert np.abs(pictures[0][1].astype(int) - pictures[1][1]).max() > 0


def test_the_network_has_one_size(named):
    name, weights, _ = named
    with pytest.raises(LimitError, match=r"256 pixels, not of 512"):
        load_animator(name, weights=weights, size=512)


def test_small_weights_do_not_fit_the_real_network(named):
    name, weights, _ = named
    with pytest.raises(
        WeightsError, match=r"of a wrong shape: .* \(8, 3, 3, 3\) instead of \(64, 3, 3, 3\)"
    ):
        load_animator(name, weights=weights)


def test_a_stream_of_other_weights(named, sizes):
    name, weights, _ = named
    with pytest.raises(WeightsError, match="give the right file with --weights"):
        load_animator(name, weights=weights, expected=ModelIdentity(name, "1", bytes(32)))
    with pytest.raises(UnknownModelError, match="known: compact 7, face-vid2vid:vox-256 1"):
        load_animator(name, weights=weights, expected=ModelIdentity(name, "9", bytes(32)))

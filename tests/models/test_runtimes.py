"""The compact network on OpenVINO gives what it gives on torch, with any weights."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from thcodec.errors import ThvError, WeightsError
from thcodec.models import cache, registry, runtime
from thcodec.models.face_vid2vid import graphs
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.dense_motion import MotionField, warp_volume
from thcodec.models.face_vid2vid.geometry import sample, sample_volume
from thcodec.models.face_vid2vid.network import FaceVid2Vid
from thcodec.models.weights_file import write_weights

if runtime.has_openvino():
    import openvino

needs_openvino = pytest.mark.skipif(not runtime.has_openvino(), reason="OpenVINO is not installed")
SIZE = 64


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights in which every part of the network has a say, also those that begin as zero."""
    torch.manual_seed(5)
    net = FaceVid2Vid(COMPACT)
    for name, value in net.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif value.is_floating_point() and value.ndim < 2:
            value.add_(0.05 * torch.randn_like(value))
        elif not value.any():
            value.copy_(0.02 * torch.randn_like(value.float()))
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    write_weights(net.state_dict(), path, {})
    return path


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    noise = np.random.default_rng(1).integers(0, 255, (5, 8, 8, 3), np.uint8)
    return [np.kron(each, np.ones((SIZE // 8, SIZE // 8, 1), np.uint8)) for each in noise]


def animated(animator, pictures):
    first, *others = animator.extract(pictures)
    canonical = first.canonical
    motions = [animator.motion(seen, canonical, first) for seen in (first, *others)]
    source, second = (animator.prepare(picture, canonical, motions[0]) for picture in pictures[:2])
    made = animator.animate(source, motions)
    weights = np.linspace(0, 1, len(motions))
    drift = np.zeros_like(motions[0].expression)
    aligned = [
        animator.align(motion, motion, drift, seen, canonical, motions[0], first, 2).expression
        for motion, seen in zip(motions[1:], others, strict=True)
    ]
    return (
        [first, *others],
        aligned,
        made + animator.blend(source, second, motions, motions, weights),
    )


@needs_openvino
@pytest.mark.parametrize("live", [False, True])
def test_both_runtimes_see_and_paint_the_same(random_weights, pictures, live):
    (seen, aligned, made), (seen_there, aligned_there, made_there) = (
        animated(
            registry.load_animator(
                weights=random_weights, size=SIZE, runtime=name, threads=2, live=live
            ),
            pictures,
        )
        for name in ("torch", "openvino")
    )
    for one, other in zip(seen, seen_there, strict=True):
        np.testing.assert_allclose(one.keypoints, other.keypoints, atol=2e-4)
        np.testing.assert_allclose(one.canonical, other.canonical, atol=2e-4)
    np.testing.assert_allclose(aligned, aligned_there, atol=1e-3)
    difference = np.abs(np.array(made, int) - np.array(made_there, int))
    assert difference.max() <= 1 and difference.mean() < 0.01
    assert np.std(made) > 20  # there is something to be alike in


@needs_openvino
@pytest.mark.real
def test_the_shipped_network_is_the_same_on_both_runtimes(shared_clip):
    from thcodec.media.video_input import VideoInput

    with VideoInput(shared_clip, audio=False) as video:
        frames = [frame.rgb for frame, _ in zip(video.frames(), range(50), strict=False)][::10]
    (_, _, made), (_, _, made_there) = (
        animated(registry.load_animator(runtime=name), frames) for name in ("torch", "openvino")
    )
    difference = np.abs(np.array(made, int) - np.array(made_there, int))
    assert difference.max() <= 2 and difference.mean() < 0.01


@pytest.fixture
def seen(random_weights, pictures, monkeypatch, tmp_path):
    """What a network sees that is loaded anew, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def load_and_see() -> np.ndarray:
        network = registry.load_animator(weights=random_weights, size=SIZE, runtime="openvino")
        return network.extract(pictures[:1])[0].keypoints

    return load_and_see


@needs_openvino
def test_what_was_converted_and_compiled_is_kept(seen, monkeypatch, tmp_path):
    expected = seen()
    kept = sorted(path.suffix for path in tmp_path.rglob("*.*"))
    assert kept == [".bin", ".blob", ".xml"]
    monkeypatch.setattr(graphs, "traced", None)
    monkeypatch.setattr(openvino.Core, "compile_model", None)
    np.testing.assert_array_equal(seen(), expected)


@needs_openvino
def test_nobody_is_told_what_is_run(tmp_path):
    """OpenVINO's telemetry counts its uses in the home folder before it sends them."""
    code = "import thcodec.models.openvino_files, openvino; openvino.convert_model"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert not list(tmp_path.iterdir())


@needs_openvino
@pytest.mark.parametrize("attempt", range(6))  # about every second one hung, when any could
def test_threads_that_are_the_first_to_ask_for_a_type_do_not_hang(attempt):
    code = """if True:
        import threading
        import openvino
        import thcodec.models.openvino_files

        together = threading.Barrier(8)
        def translate():
            together.wait()
            openvino.Type.f32.to_dtype()
        threads = [threading.Thread(target=translate) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


@needs_openvino
def test_ctrl_c_is_no_fault_after_another_thread_let_the_network_go(random_weights):
    """OpenVINO gives the thread that loads it another stack for signals."""
    code = f"""if True:
        import faulthandler, gc, pathlib, signal, threading
        import numpy as np
        from thcodec.models import registry

        faulthandler.enable()  # whose stack, too small for OpenVINO, is there before
        weights = pathlib.Path({str(random_weights)!r})
        held = [registry.load_animator(weights=weights, size={SIZE}, runtime="openvino")]
        held[0].extract([np.zeros(({SIZE}, {SIZE}, 3), np.uint8)])
        thread = threading.Thread(target=lambda: (held.clear(), gc.collect()))
        thread.start()
        thread.join()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            pass
    """
    subprocess.run([sys.executable, "-c", code], check=True)


@needs_openvino
@pytest.mark.parametrize("suffix", [".bin", ".blob", ".xml"])
def test_what_is_damaged_in_the_cache_is_made_again(seen, tmp_path, suffix):
    expected = seen()
    (kept,) = tmp_path.rglob("*" + suffix)
    broken = bytearray(kept.read_bytes())
    size, middle = len(broken), len(broken) // 2
    broken[middle] ^= 1
    kept.write_bytes(broken)
    np.testing.assert_array_equal(seen(), expected)
    repaired = cache.load(kept.name)
    assert repaired is not None
    assert repaired != bytes(broken)[32:]
    # Generated names count on in a process: a graph made again may be some bytes longer.
    assert abs(len(repaired) + 32 - size) <= size // 100
    cache.save(kept.name, b"whole, but not what OpenVINO reads")
    np.testing.assert_array_equal(seen(), expected)


@needs_openvino
def test_a_cache_that_cannot_be_written_is_no_fault(seen, tmp_path):
    (tmp_path / "thcodec").write_text("in the way")
    assert np.isfinite(seen()).all()


@needs_openvino
def test_a_conversion_of_other_weights_or_a_damaged_one_is_not_used(random_weights, tmp_path):
    from thcodec.models import openvino_files
    from thcodec.models.face_vid2vid.openvino_networks import convert_weights, part_of

    sha256 = registry.sha256_of(random_weights)
    weights = tmp_path / random_weights.name
    part = part_of(weights, sha256, "synthesise", SIZE)
    kept = part.file(tmp_path, int8=True)
    openvino_files.write(convert_weights(random_weights, "synthesise", SIZE), kept, sha256)
    assert part.int8() is not None
    assert replace(part, sha256=bytes(32)).int8() is None
    text = kept.read_bytes()
    for broken in (text[: len(text) // 2], b"", b"<net/>"):
        kept.write_bytes(broken)
        assert part.int8() is None
    kept.write_bytes(text)
    values = kept.with_suffix(".bin")
    for harm in (lambda: values.write_bytes(values.read_bytes()[:1000]), values.unlink):
        harm()
        assert part.int8() is None


@needs_openvino
@pytest.mark.parametrize("size", [256, 512])
def test_the_shipped_int8_paints_nearly_what_float32_does(size):
    """It is that of the shipped weights: it moves what these move, within a level or two."""
    corner = np.linspace(60, 200, 128, dtype=np.uint8)
    picture = np.stack(np.broadcast_arrays(corner[:, None], corner[None], np.uint8(120)), -1)
    picture = np.tile(picture, (size // 128, size // 128, 1))
    plain, quantised = (
        registry.load_animator(runtime=name, size=size) for name in ("openvino", "int8")
    )
    seen = plain.extract([picture])[0]
    own = plain.motion(seen, seen.canonical, seen)
    shift = np.array([0.1, 0.05, 0.0])
    turned = replace(own, rotation=own.rotation + 10, translation=own.translation + shift)
    made, other = (
        network.animate(network.prepare(picture, seen.canonical, own), [turned])[0].astype(int)
        for network in (plain, quantised)
    )
    moved = np.abs(made - picture).mean()
    assert np.abs(made - other).mean() < min(2, moved / 2), moved


@needs_openvino
def test_the_shipped_int8_sees_keypoints_where_float32_does(shared_portraits):
    """Within a pixel of 256, and what is taken from close-ups is nearer."""
    pictures = [
        np.array(Image.open(path).convert("RGB").resize((256, 256)))
        for path in shared_portraits[:4]
    ]
    plain, quantised = (registry.load_animator(runtime=name) for name in ("openvino", "int8"))
    one, other = (
        np.stack([seen.keypoints for seen in network.extract(pictures)])[:, : COMPACT.seen, :2]
        for network in (plain, quantised)
    )
    apart = 128 * np.linalg.norm(one - other, axis=-1)
    assert 0 < apart.max() < 1.5
    assert np.median(apart[:, list(COMPACT.detail)]) < 0.2


@needs_openvino
def test_the_shipped_int8_field_is_nearly_that_of_float32(shared_portraits):
    """It is that of the shipped weights, and what encoders align with where there is int8."""
    picture = np.array(Image.open(shared_portraits[0]).convert("RGB").resize((256, 256)))
    plain, quantised = (registry.load_animator(runtime=name) for name in ("openvino", "int8"))
    seen = plain.extract([picture])[0]
    own = plain.motion(seen, seen.canonical, seen)
    turned = replace(own, rotation=own.rotation + np.array([5.0, 25.0, 0.0]))
    one, other = (
        network._reach(seen, seen.canonical, own, turned) for network in (plain, quantised)
    )
    still = plain._reach(seen, seen.canonical, own, own)
    moved = np.abs(one.picture - still.picture).mean()
    assert not np.array_equal(one.picture, other.picture)
    assert np.abs(one.picture - other.picture).mean() < min(0.002, moved / 10), moved
    assert np.abs(one.shares - other.shares).mean() < 0.002


@needs_openvino
def test_encoders_in_several_threads_may_share_a_network(random_weights):
    network = registry.load_animator(weights=random_weights, size=SIZE, runtime="openvino")
    pictures = list(np.random.default_rng(0).integers(0, 255, (24, SIZE, SIZE, 3), np.uint8))
    alone = [network.extract([picture])[0].keypoints for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: network.extract([picture])[0], pictures))
    for expected, seen in zip(alone, together, strict=True):
        np.testing.assert_array_equal(seen.keypoints, expected)


@needs_openvino
def test_int8_that_is_not_there_is_a_clear_error(random_weights):
    with pytest.raises(WeightsError, match="there is no int8 synthesis of 64 pixels"):
        registry.load_animator(weights=random_weights, size=SIZE, runtime="int8")


def test_without_openvino_auto_is_torch_and_openvino_says_what_to_install(monkeypatch):
    monkeypatch.setattr(runtime, "find_spec", lambda name: None)
    assert runtime.choose_runtime("auto", "cpu") == "torch"
    with pytest.raises(ThvError, match=r"pip install 'thcodec\[fast\]'"):
        runtime.choose_runtime("openvino", "cpu")


def test_openvino_is_for_the_cpu():
    assert runtime.choose_runtime("auto", "cuda") == "torch"
    with pytest.raises(ThvError, match="on the CPU only, not on cuda"):
        runtime.choose_runtime("openvino", "cuda")


@needs_openvino
def test_a_network_works_on_after_a_fault(random_weights):
    network = registry.load_animator(
        weights=random_weights, size=SIZE, runtime="openvino", threads=2
    )
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)

    def breaks() -> Iterator[tuple[np.ndarray]]:
        yield (picture[None],)
        raise ThvError("no more")

    extract = network._networks._extract
    for faulty in (breaks(), [(picture[None],), (picture,)], [(picture[None],), 3]):
        for _ in range(3):
            with pytest.raises((ThvError, RuntimeError, TypeError)):
                extract.each(faulty)
            faulty = [(picture[None],), 3]
    assert len(extract.each([(picture[None],)] * 5)) == 5


@needs_openvino
def test_what_is_begun_goes_on_by_itself_and_no_further_than_somebody_waits(random_weights):
    network = registry.load_animator(
        weights=random_weights, size=SIZE, runtime="openvino", threads=2
    )
    compiled = network._networks._extract
    pictures = [(np.full((1, SIZE, SIZE, 3), grey, np.uint8),) for grey in range(0, 240, 6)]
    alone = [compiled.each([picture])[0][0] for picture in pictures]
    gate, run, compiled_run = threading.Event(), list[int](), compiled._run

    def gated(arrays: tuple[np.ndarray]) -> tuple[np.ndarray, ...]:
        run.append(int(arrays[0][0, 0, 0, 0]))
        assert gate.wait(60)
        return compiled_run(arrays)

    compiled._run = gated
    results = compiled.begin(pictures[:4])
    while len(run) < 2:
        time.sleep(0.001)
    gate.set()
    for expected, (keypoints, _) in zip(alone, results(), strict=False):
        np.testing.assert_array_equal(keypoints, expected)
    assert len(run) == 4
    gate.clear()
    given_up = compiled.begin(pictures)
    del given_up
    gate.set()
    compiled._workers.shutdown()
    assert len(run) <= 4 + 2


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert runtime.default_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert runtime.default_threads() >= 1


def test_a_volume_sampled_plane_by_plane_is_a_volume_sampled():
    torch.manual_seed(0)
    volume = torch.randn(2, 5, 4, 9, 7, dtype=torch.float64)
    grid = 3 * torch.rand(2, 3, 6, 5, 3, dtype=torch.float64) - 1.5  # also outside
    grid[0, 0, 0, 0] = torch.tensor([1.0, 1.0, 1.0])
    grid[0, 0, 0, 1] = torch.tensor([-1.0, -1.0, -1.0])
    grid[0, 0, 0, 2] = torch.tensor([0.0, 1.0, 1 / 3])
    torch.testing.assert_close(sample_volume(volume, *grid.unbind(-1)), sample(volume, grid))


def test_gradients_of_a_volume_sampled_plane_by_plane():
    torch.manual_seed(1)
    volume = torch.randn(1, 2, 3, 5, 5, dtype=torch.float64, requires_grad=True)
    grid = (1.8 * torch.rand(1, 2, 4, 4, 3, dtype=torch.float64) - 0.9).requires_grad_()
    found, expected = (
        torch.autograd.grad((made**2).sum(), (volume, grid))
        for made in (sample_volume(volume, *grid.unbind(-1)), sample(volume, grid))
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_the_warped_volume_is_that_of_the_paper():
    torch.manual_seed(2)
    volume, flow = torch.randn(1, 3, 4, 8, 8), torch.rand(1, 4, 8, 8, 3) - 0.5
    shown = torch.ones(1, 1, 8, 8)
    field = MotionField(flow.permute(0, 4, 1, 2, 3), flow[:, 0, ..., :2], shown, shown, shown)
    expected = sample(volume, flow * torch.tensor([1.0, 1.0, 1 / 0.6]))
    torch.testing.assert_close(warp_volume(volume, field, 0.6), expected, atol=1e-4, rtol=1e-4)

"""Published checkpoints: read as data, what is wrong with them named."""

import pytest
import torch
from safetensors.torch import save_file

from tests.models import published_small as small
from thcodec.errors import WeightsError
from thcodec.models.face_vid2vid.published.weights import load_net
from thcodec.models.folding import without_spectral_norm


class Hostile:
    """Would make a file if it were unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


def refused(path, match):
    with pytest.raises(WeightsError, match=match) as caught:
        load_net(path, small.SPADE)
    assert path.name in str(caught.value)


def saved(path, change):
    """A published file after ``change`` of its dictionary."""
    state = small.checkpoint(small.SPADE)
    change(state)
    torch.save(state, path)
    return path


def test_other_entries_are_passed_over(tmp_path):
    state = small.write(small.SPADE, tmp_path / "w.pth.tar", epoch=7)
    net = load_net(tmp_path / "w.pth.tar", small.SPADE)
    torch.testing.assert_close(net.pose.yaw.weight, state["he_estimator"]["fc_roll.weight"])


def test_spectral_norms_are_folded_away(tmp_path):
    part = small.write(small.SPADE, tmp_path / "w.pth.tar")["generator"]
    net = load_net(tmp_path / "w.pth.tar", small.SPADE)
    weight, u, v = (part[f"decoder.up_0.conv_s.weight_{end}"] for end in ("orig", "u", "v"))
    folded = net.generator.decoder.up[0].conv_s.weight
    torch.testing.assert_close(folded, without_spectral_norm(weight, u, v))
    assert torch.linalg.matrix_norm(folded.flatten(1), 2) == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_safetensors_and_parallel_names(tmp_path, prefix):
    state = small.checkpoint(small.PLAIN)
    flat = {f"{m}.{prefix}{k}": t for m, part in state.items() for k, t in part.items()}
    save_file(flat, tmp_path / "w.safetensors")
    net = load_net(tmp_path / "w.safetensors", small.PLAIN)
    torch.testing.assert_close(net.detector.kp.bias, state["kp_detector"]["kp.bias"])


def test_half_precision_is_computed_in_single(tmp_path):
    state = {
        module: {key: t.half() if t.ndim > 1 else t for key, t in part.items()}
        for module, part in small.checkpoint(small.PLAIN).items()
    }
    torch.save(state, tmp_path / "w.pth")
    net = load_net(tmp_path / "w.pth", small.PLAIN)
    assert {p.dtype for p in net.parameters()} == {torch.float32}


def test_a_missing_tensor_is_named(tmp_path):
    path = saved(tmp_path / "w.pth", lambda s: s["kp_detector"].pop("kp.weight"))
    refused(path, r"missing: kp_detector\.kp\.weight$")


def test_a_missing_spectral_vector_is_named(tmp_path):
    key = "decoder.up_1.conv_0.weight_u"
    refused(saved(tmp_path / "w.pth", lambda s: s["generator"].pop(key)), rf"missing: .*{key}$")


def test_a_surplus_tensor_is_named(tmp_path):
    path = saved(tmp_path / "w.pth", lambda s: s["he_estimator"].update(extra=torch.ones(1)))
    refused(path, r"surplus: he_estimator\.extra$")


def test_a_wrong_shape_is_named(tmp_path):
    path = saved(tmp_path / "w.pth", lambda s: s["generator"].update({"mask.x": torch.ones(1)}))
    refused(path, r"surplus: generator\.mask\.x$")
    path = saved(
        tmp_path / "w.pth", lambda s: s["he_estimator"].update({"fc_t.bias": torch.ones(4)})
    )
    refused(path, r"wrong shape: he_estimator\.fc_t\.bias \(4,\) instead of \(3,\)$")


def test_integers_for_weights_are_named(tmp_path):
    integers = torch.ones(3, dtype=torch.int64)
    path = saved(tmp_path / "w.pth", lambda s: s["he_estimator"].update({"fc_t.bias": integers}))
    refused(path, r"no numbers with a fraction: he_estimator\.fc_t\.bias$")


def test_the_other_network_s_file(tmp_path):
    small.write(small.PLAIN, tmp_path / "w.pth")
    refused(tmp_path / "w.pth", r"missing: kp_detector\.down\.weight, .* more; surplus: .* more")


@pytest.mark.parametrize("module", ["generator", "kp_detector", "he_estimator"])
def test_a_missing_module_is_named(tmp_path, module):
    refused(saved(tmp_path / "w.pth", lambda s: s.pop(module)), f"it has no {module}")


@pytest.mark.parametrize("content", [[1], torch.ones(2), {"generator": 3}])
def test_what_is_no_checkpoint_at_all(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    refused(tmp_path / "w.pth", "no checkpoint of face-vid2vid")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_that_is_cut_short(tmp_path, share):
    path = tmp_path / "w.pth"
    small.write(small.SPADE, path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    refused(path, "cannot be read as weights")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_runs_nothing(tmp_path, zipped):
    trace = tmp_path / "executed"
    state = {**small.checkpoint(small.SPADE), "options": Hostile(trace)}
    torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    refused(tmp_path / "w.pth", "cannot be read as weights")
    assert not trace.exists()

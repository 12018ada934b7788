"""ESRGAN of TensorFlow Hub: a small SavedModel with its signature, made here."""

import hashlib
import sys

import numpy as np
import pytest

from thcodec.errors import WeightsError
from thcodec.models.esrgan import tfhub
from thcodec.models.registry import load_upscaler


def test_without_tensorflow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"pip install 'thcodec\[tfhub\]'"):
        load_upscaler("tfhub", weights=tmp_path)


def test_without_the_hub_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    with pytest.raises(WeightsError, match=r"pip install 'thcodec\[tfhub\]'"):
        load_upscaler("tfhub")


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(WeightsError, match="no folder with a SavedModel"):
        load_upscaler("tfhub", weights=tmp_path)


def test_the_hash_tells_models_apart(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "variables.index").write_bytes(b"one")
    first = tfhub.digest(tmp_path)
    (tmp_path / "variables" / "variables.index").write_bytes(b"two")
    assert len(first) == 32 and tfhub.digest(tmp_path) != first


@pytest.fixture(scope="module")
def saved_models(tmp_path_factory):
    """Folders of three models: as on the hub, the same by signature only, and one of factor 2."""
    tf = pytest.importorskip("tensorflow", reason="needs extra [tfhub]")

    class Model(tf.Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor
            self.gain = tf.Variable(1.0)

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)])
        def enlarge(self, image):
            size = self.factor * tf.shape(image)[1:3]
            return self.gain * tf.image.resize(image, size, "nearest")

    class Callable(Model):
        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)])
        def __call__(self, image):
            return self.enlarge(image)

    root = tmp_path_factory.mktemp("models")
    for name, model in {"called": Callable(4), "signed": Model(4), "twice": Callable(2)}.items():
        tf.saved_model.save(model, str(root / name), signatures=model.enlarge)
    return root


@pytest.mark.parametrize("name", ["called", "signed"])
def test_a_saved_model_enlarges(saved_models, name):
    upscaler = load_upscaler("tfhub", weights=saved_models / name)
    still = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    large = upscaler.upscale(still, 256)
    assert np.array_equal(large, still.repeat(4, 0).repeat(4, 1))
    load_upscaler("tfhub", weights=saved_models / name, expected=upscaler.identity)


def test_a_model_of_another_factor_is_refused_before_it_is_needed(saved_models):
    with pytest.raises(WeightsError, match=r"gives \(1, 32, 32, 3\), not \(1, 64, 64, 3\)"):
        load_upscaler("tfhub", weights=saved_models / "twice")


def test_a_damaged_model(saved_models, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xfe no protocol buffer")
    with pytest.raises(WeightsError, match="cannot be read as a SavedModel"):
        load_upscaler("tfhub", weights=tmp_path)


def test_a_handle_that_is_in_the_cache_needs_no_network(saved_models, tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_hub", reason="needs extra [tfhub]")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    place = tmp_path / hashlib.sha1(tfhub.HANDLE.encode()).hexdigest()
    (saved_models / "called").rename(place)
    try:
        assert load_upscaler("tfhub").identity.sha256 == tfhub.digest(place)
    finally:
        place.rename(saved_models / "called")


def test_offline_it_says_so(saved_models, tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_hub", reason="needs extra [tfhub]")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match=r"cannot be fetched.*no network.*--upscaler-weights"):
        load_upscaler("tfhub", weights="http://127.0.0.1:9/esrgan/1")

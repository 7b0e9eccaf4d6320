"""The parameter compute_dtype of the estimators."""

from __future__ import annotations

import pickle
from typing import Any

import cnnx
import numpy as np
import pytest

pytest.importorskip("sklearn")
from cnnx.sklearn import CNNClassifier, CNNRegressor
from sklearn.base import clone

X = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), np.uint8)
Y = np.arange(30) % 3


def network(input_shape: tuple[int, int, int], classes: Any, *, seed: int = 0) -> cnnx.Model:
    count = classes if isinstance(classes, int) else len(classes)
    names = None if isinstance(classes, int) else classes
    layers = [cnnx.Conv2d(4, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(count)]
    return cnnx.Model(layers, input_shape=input_shape, classes=names, seed=seed)


@pytest.fixture(autouse=True)
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """No warning, whatever this CPU has."""
    monkeypatch.setattr(cnnx._core, "has_native_bfloat16", lambda: True)


@pytest.mark.parametrize("estimator", [CNNClassifier, CNNRegressor])
def test_it_is_that_of_the_model(estimator: Any) -> None:
    settings = {"epochs": 2, "random_state": 0, "network": network}
    plain = estimator(**settings).fit(X, Y)
    rounded = estimator(**settings, compute_dtype="bfloat16").fit(X, Y)
    assert plain.model_.compute_dtype == "float32"
    assert rounded.model_.compute_dtype == "bfloat16"
    assert plain.history_.loss != rounded.history_.loss
    assert clone(rounded).compute_dtype == "bfloat16"
    again = pickle.loads(pickle.dumps(rounded))
    assert again.predict(X).tobytes() == rounded.predict(X).tobytes()


def test_none_keeps_that_of_a_model() -> None:
    model = network((8, 8, 1), 3)
    model.compute_dtype = "bfloat16"
    for given, expected in ((None, "bfloat16"), ("float32", "float32")):
        fitted = CNNClassifier(model, epochs=1, compute_dtype=given).fit(X, Y)
        assert fitted.model_.compute_dtype == expected
    assert model.compute_dtype == "bfloat16"


def test_later_calls_may_change_it() -> None:
    fitted = CNNClassifier(network, random_state=0)
    fitted.partial_fit(X, Y, classes=[0, 1, 2])
    assert fitted.model_.compute_dtype == "float32"
    fitted.set_params(compute_dtype="bfloat16").partial_fit(X, Y)
    assert fitted.model_.compute_dtype == "bfloat16"
    fitted.set_params(compute_dtype="float32", warm_start=True, epochs=1).fit(X, Y)
    assert fitted.model_.compute_dtype == "float32"


@pytest.mark.parametrize("own", ["float32", "bfloat16"])
def test_none_brings_that_of_the_network_back(own: str) -> None:
    model = network((8, 8, 1), 3)
    model.compute_dtype = own
    other = {"float32": "bfloat16", "bfloat16": "float32"}[own]
    fitted = CNNClassifier(model, epochs=1, warm_start=True, compute_dtype=other).fit(X, Y)
    fitted = pickle.loads(pickle.dumps(fitted))
    assert fitted.model_.compute_dtype == other
    assert fitted.set_params(compute_dtype=None).fit(X, Y).model_.compute_dtype == own


@pytest.mark.parametrize("word", ["float16", 16, ""])
def test_other_words_are_refused(word: Any) -> None:
    sentence = r"CNNClassifier: compute_dtype is .*, expected 'float32' or 'bfloat16'"
    with pytest.raises(ValueError, match=sentence):
        CNNClassifier(network, epochs=1, compute_dtype=word).fit(X, Y)

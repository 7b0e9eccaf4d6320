"""Parameters that change between calls of `partial_fit` or `fit`, and fits that fail."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import cnnx
import numpy as np
import pytest

pytest.importorskip("sklearn")
from cnnx.callbacks import Callback
from cnnx.sklearn import CNNClassifier, CNNRegressor

SIDE = 8
LABELS = np.array(["X", "O", "+"])


def linear(input_shape: tuple[int, int, int], classes: Any, *, seed: int = 0) -> cnnx.Model:
    count, names = (classes, None) if isinstance(classes, int) else (len(classes), classes)
    layers = [cnnx.Flatten(), cnnx.Dense(count)]
    return cnnx.Model(layers, input_shape=input_shape, classes=names, seed=seed)


def classifier(**settings: Any) -> CNNClassifier:
    return CNNClassifier(linear, epochs=2, random_state=0, **settings)


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (30, SIDE, SIDE, 1), dtype=np.uint8)


@pytest.fixture
def y() -> np.ndarray:
    return LABELS[np.arange(30) % 3]


def bits(estimator: CNNClassifier | CNNRegressor, x: Any) -> bytes:
    return estimator.model_(x).tobytes()


@pytest.mark.parametrize(
    "changed", [{"optimizer": "sgd"}, {"weight_decay": 0.3}, {"label_smoothing": 0.9}]
)
def test_partial_fit_refuses_changed_parameters_of_its_trainer(
    changed: dict[str, Any], x: np.ndarray, y: np.ndarray
) -> None:
    estimator = classifier().partial_fit(x, y, classes=LABELS)
    before = bits(estimator, x)
    (name, value), *_ = changed.items()
    estimator.set_params(**changed)
    with pytest.raises(ValueError, match=f"^partial_fit: {name} is {value!r}, but training began"):
        estimator.partial_fit(x, y)
    assert bits(estimator, x) == before
    copied = copy.deepcopy(estimator).partial_fit(x, y)  # its optimizer starts anew
    assert bits(copied, x) != before
    same = {"optimizer": cnnx.AdamW(0.003, weight_decay=0.05), "batch_size": 8}
    estimator.set_params(**{name: getattr(classifier(), name)}).set_params(**same)
    assert bits(estimator.partial_fit(x, y), x) != before


@pytest.mark.parametrize("is_partial", [True, False])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"network": "lenet5"}, "network is 'lenet5'"),
        ({"image_shape": (1, SIDE * SIDE, 1)}, f"image_shape is .1, {SIDE * SIDE}, 1."),
        ({"standardize": False}, "standardize is False"),
    ],
)
def test_a_fitted_network_refuses_parameters_of_another(
    change: dict[str, Any], expected: str, is_partial: bool, x: np.ndarray, y: np.ndarray
) -> None:
    fitted = classifier(warm_start=True).fit(x, y)
    fitted.set_params(**fitted.get_params())
    fitted.partial_fit(x, y)
    fitted = pickle.loads(pickle.dumps(fitted)).set_params(**change)
    before = bits(fitted, x)
    function = "partial_fit" if is_partial else "fit with warm_start"
    sentence = rf"^{function}: {expected}, but the network was built with .*, expected no change; "
    with pytest.raises(ValueError, match=sentence):
        (fitted.partial_fit if is_partial else fitted.fit)(x, y)
    assert bits(fitted, x) == before


def test_partial_fit_without_a_learning_rate_has_that_of_the_optimizer(
    x: np.ndarray, y: np.ndarray
) -> None:
    estimator = classifier(learning_rate=0.0).partial_fit(x, y, classes=LABELS)
    before = bits(estimator, x)
    assert bits(estimator.partial_fit(x, y), x) == before
    assert bits(estimator.set_params(learning_rate=None).partial_fit(x, y), x) != before


class _Failing(Callback):
    """Ends the training with an error."""

    def on_epoch_end(self, trainer: cnnx.Trainer, progress: Any) -> None:
        raise RuntimeError("failed on purpose")


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_failed_fit_leaves_the_fitted_classifier(
    method: str, x: np.ndarray, y: np.ndarray
) -> None:
    other = np.where(y == "X", "cat", "dog")
    estimator = classifier().fit(x, y)
    before = {**vars(estimator)}
    predicted = estimator.predict(x).tolist()
    if method == "partial_fit":
        del estimator.model_  # so that the next call is a first one
    estimator.set_params(callbacks=[_Failing()])
    with pytest.raises(RuntimeError, match="on purpose"):
        getattr(estimator, method)(x[:, :4], other, **_classes(method))
    estimator.set_params(callbacks=None).model_ = before["model_"]
    assert vars(estimator) == before
    assert estimator.predict(x).tolist() == predicted


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_unfitted_classifier_stays_unfitted(method: str, x: np.ndarray, y: np.ndarray) -> None:
    estimator = classifier(callbacks=[_Failing()])
    before = {**vars(estimator)}
    with pytest.raises(RuntimeError, match="on purpose"):
        getattr(estimator, method)(x, np.where(y == "X", "cat", "dog"), **_classes(method))
    assert vars(estimator) == before


def test_a_failed_fit_leaves_the_fitted_regressor(x: np.ndarray) -> None:
    targets = x.mean(axis=(1, 2, 3))
    estimator = CNNRegressor(linear, epochs=2, random_state=0).fit(x, targets)
    predicted = estimator.predict(x)
    estimator.set_params(callbacks=[_Failing()])
    with pytest.raises(RuntimeError, match="on purpose"):
        estimator.fit(x, np.stack([targets + 1000, targets], axis=1))
    np.testing.assert_array_equal(estimator.predict(x), predicted)


def _classes(method: str) -> dict[str, Any]:
    return {"classes": ["cat", "dog"]} if method == "partial_fit" else {}

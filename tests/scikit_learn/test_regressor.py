"""`CNNRegressor`: shapes and units of the targets, losses, weights, continued training."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest

pytest.importorskip("sklearn")
from cnnx.sklearn import CNNRegressor


def dense_network(input_shape: tuple[int, int, int], outputs: int, *, seed: int = 0) -> cnnx.Model:
    """A network that a test trains in milliseconds."""
    layers = [cnnx.Flatten(), cnnx.Dense(16), cnnx.ReLU(), cnnx.Dense(outputs)]
    return cnnx.Model(layers, input_shape=input_shape, seed=seed)


def regressor(**settings: Any) -> CNNRegressor:
    return CNNRegressor(
        **{
            "network": dense_network,
            "epochs": 20,
            "learning_rate": 0.01,
            "random_state": 0,
            **settings,
        }
    )


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    return rng.random((64, 8, 8))


@pytest.fixture
def y(x: np.ndarray) -> np.ndarray:
    """Far from mean 0 and deviation 1."""
    return 1000 + 100 * x[:, :4].mean(axis=(1, 2))


def test_targets_of_any_unit_are_learned(x: np.ndarray, y: np.ndarray) -> None:
    fitted = regressor(epochs=100).fit(x, y)
    assert fitted.score(x, y) > 0.9
    predicted = fitted.predict(x)
    assert predicted.shape == (64,)
    assert predicted.dtype == np.float64
    scaled = regressor(epochs=100).fit(x, (y - 1000) / 100)
    np.testing.assert_allclose(predicted, 1000 + 100 * scaled.predict(x), rtol=1e-4)


def test_the_model_and_its_file_predict_in_the_unit_of_y(
    tmp_path: Path, x: np.ndarray, y: np.ndarray
) -> None:
    fitted = regressor().fit(x, y)
    fitted.save(tmp_path / "model.cnnx")
    for model in (fitted.model_, cnnx.load(tmp_path / "model.cnnx")):
        np.testing.assert_array_equal(model.predict(x.astype(np.float32)), fitted.predict(x))


def test_several_targets(x: np.ndarray, y: np.ndarray) -> None:
    both = np.stack([y, -y / 1000], axis=1)
    fitted = regressor().fit(x, both)
    assert fitted.predict(x).shape == (64, 2)
    assert regressor().fit(x, both[:, :1]).predict(x).shape == (64, 1)


def test_targets_without_a_dense_layer_keep_their_unit(x: np.ndarray) -> None:
    def network(input_shape: Any, outputs: int) -> cnnx.Model:
        layers = [cnnx.Flatten(), cnnx.Dense(outputs, bias=False)]
        return cnnx.Model(layers, input_shape=input_shape)

    fitted = regressor(network=network, epochs=1).fit(x, x.mean(axis=(1, 2)))
    np.testing.assert_array_equal(fitted.model_.predict(x.astype(np.float32)), fitted.predict(x))


@pytest.mark.parametrize("loss", ["mse", "l1", "huber"])
def test_losses_by_name(loss: str, x: np.ndarray, y: np.ndarray) -> None:
    losses = {"mse": cnnx.MSE(), "l1": cnnx.L1(), "huber": cnnx.Huber()}
    by_name = regressor(loss=loss).fit(x, y).predict(x)
    np.testing.assert_array_equal(by_name, regressor(loss=losses[loss]).fit(x, y).predict(x))


@pytest.mark.parametrize("loss", ["squared", cnnx.CrossEntropy()])
def test_other_losses_are_refused(loss: Any, x: np.ndarray, y: np.ndarray) -> None:
    sentence = r"^CNNRegressor: loss is .*, expected '"
    with pytest.raises((TypeError, ValueError), match=sentence):
        regressor(loss=loss).fit(x, y)


def test_targets_far_from_zero_for_their_range_are_warned_about(
    x: np.ndarray, y: np.ndarray
) -> None:
    with pytest.warns(
        cnnx.Warning, match=r"y varies by .* around 1.*e\+08, .*expected y - y\.mean"
    ):
        regressor().fit(x, y + 1e8)
    regressor().fit(x, np.full(64, 1e8))


def test_weights_of_zero_are_as_left_out(x: np.ndarray, y: np.ndarray) -> None:
    weights = np.where(np.arange(64) < 40, 1.0, 0.0)
    weighted = regressor().fit(x, y, sample_weight=weights).predict(x)
    np.testing.assert_array_equal(weighted, regressor().fit(x[:40], y[:40], np.ones(40)).predict(x))


def test_training_continues_in_the_unit_of_the_first_fit(x: np.ndarray, y: np.ndarray) -> None:
    warm = regressor(warm_start=True).fit(x, y)
    before = warm.score(x, y)
    warm.fit(x, y)
    assert warm.n_iter_ == 40
    assert warm.score(x, y) > before
    partial = regressor()
    for _ in range(20):
        partial.partial_fit(x, y)
    assert partial.n_iter_ == 20
    copied = copy.deepcopy(partial)
    np.testing.assert_array_equal(copied.predict(x), partial.predict(x))
    copied.partial_fit(x, y)
    assert abs(copied.predict(x) - partial.predict(x)).max() < 20
    with pytest.raises(ValueError, match="loss is 'nonsense', expected"):
        partial.set_params(loss="nonsense").partial_fit(x, y)
    with pytest.raises(ValueError, match=r"^partial_fit: loss is 'l1', but training began with"):
        partial.set_params(loss="l1").partial_fit(x, y)
    with pytest.raises(ValueError, match="partial_fit: early_stopping is True"):
        regressor(early_stopping=True).partial_fit(x, y)


def test_a_model_that_predicts_in_the_unit_of_y_is_trained_further(
    x: np.ndarray, y: np.ndarray
) -> None:
    fitted = regressor(epochs=100).fit(x, y)
    same = regressor(network=fitted.model_, epochs=0).fit(x, y)
    np.testing.assert_allclose(same.predict(x), fitted.predict(x), rtol=1e-6)
    two = regressor(network=fitted.model_).fit(x, np.stack([y, -y], axis=1))
    assert two.predict(x).shape == (64, 2)


def test_images_of_a_palette_are_refused() -> None:
    image = pytest.importorskip("PIL.Image")
    y = np.arange(6.0)
    drawn = [image.fromarray(np.full((8, 8, 3), int(40 * value), np.uint8)) for value in y]
    assert CNNRegressor(epochs=1).fit(drawn, y).predict(drawn).shape == (6,)
    drawn[3] = drawn[3].convert("P")
    with pytest.raises(TypeError, match=r'^CNNRegressor: X holds images of Pillow in mode "P", '):
        CNNRegressor().fit(drawn, y)

"""Metrics of predicted values: against scikit-learn's formulas written out."""

from __future__ import annotations

import json
import math

import cnnx
import numpy as np
import pytest
from cnnx.evaluation import RegressionEvaluation, evaluate_regression


def test_metrics_are_the_formulas() -> None:
    random = np.random.default_rng(0)
    y = random.normal(size=(40, 3)).astype(np.float32)
    predicted = (y + random.normal(0, 0.3, y.shape)).astype(np.float32)
    found = RegressionEvaluation(predicted, y)
    distance = predicted.astype(np.float64) - y
    assert found.mean_absolute_error == pytest.approx(np.abs(distance).mean())
    assert found.root_mean_squared_error == pytest.approx(math.sqrt((distance**2).mean()))
    variances = y.astype(np.float64).var(axis=0)
    np.testing.assert_allclose(found.r2_of_outputs, 1 - (distance**2).mean(axis=0) / variances)
    assert found.r2 == pytest.approx(found.r2_of_outputs.mean())
    assert f"{found.r2:.4f}" in str(found)


def test_values_that_float32_does_not_hold() -> None:
    large = 2.0**24
    found = RegressionEvaluation([large + 1, large + 3], np.array([large, large + 1]))
    assert found.mean_absolute_error == 1.5


def test_r2_of_equal_targets_is_not_defined() -> None:
    found = RegressionEvaluation([[1.0, 1], [2, 1]], [[1.0, 5], [2, 5]])
    assert found.r2_of_outputs[0] == 1
    assert math.isnan(found.r2)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["r2"] is None


def test_a_model_is_measured_in_batches_and_as_a_whole() -> None:
    x, _ = cnnx.data.xo(32, seed=1)
    layers = [cnnx.AvgPool2d(8), cnnx.Flatten(), cnnx.Dense(1)]
    model = cnnx.Model(layers, input_shape=(32, 32, 1))
    brightness = x.mean(axis=(1, 2, 3)) / 255
    trainer = cnnx.Trainer(model, loss=cnnx.L1())
    trainer.fit(x, brightness, epochs=1)
    whole = evaluate_regression(model, x, brightness)
    assert whole.mean_absolute_error == pytest.approx(trainer.evaluate(x, brightness)["loss"])
    batches = [(x[:10], brightness[:10]), (x[10:], brightness[10:])]
    assert evaluate_regression(model, batches).to_dict() == whole.to_dict()
    with pytest.raises(ValueError, match=r"y has shape \(31,\), expected the outputs' shape"):
        evaluate_regression(model, x, brightness[1:])
    with pytest.raises(ValueError, match="there are no images, expected at least one"):
        evaluate_regression(model, x[:0], brightness[:0])


def test_targets_have_the_axes_of_the_outputs() -> None:
    x, _ = cnnx.data.xo(4, size=16, seed=1)
    model = cnnx.Model([cnnx.Conv2d(1, (1, 3))], input_shape=(16, 16, 1))
    wanted = np.zeros((4, 16, 14), np.float32)
    cnnx.Trainer(model, loss=cnnx.MSE()).fit(x, wanted, epochs=1)
    assert evaluate_regression(model, x, wanted).count == 4
    with pytest.raises(ValueError, match=r"y has shape \(4, 14, 16\), expected the outputs' shape"):
        evaluate_regression(model, x, wanted.transpose(0, 2, 1))
    single = evaluate_regression(model, x[0], wanted[0])
    assert (single.count, single.targets.shape) == (1, (1, 16 * 14))


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_single_image_is_one(outputs: int) -> None:
    x, _ = cnnx.data.xo(4, size=16, seed=1)
    layers = [cnnx.AvgPool2d(8), cnnx.Flatten(), cnnx.Dense(outputs)]
    model = cnnx.Model(layers, input_shape=(16, 16, 1))
    cnnx.Trainer(model, loss=cnnx.MSE()).fit(x, np.zeros((4, outputs)), epochs=1)
    found = evaluate_regression(model, x[0], 1.0 if outputs == 1 else [1.0, 2.0])
    assert found.targets.tolist() == [[1.0, 2.0][:outputs]]
    assert found.predicted.tolist() == np.reshape(model.predict(x[:1]), (1, outputs)).tolist()


def test_weights_are_refused() -> None:
    x, _ = cnnx.data.xo(4, size=16, seed=1)
    layers = [cnnx.AvgPool2d(8), cnnx.Flatten(), cnnx.Dense(1)]
    model = cnnx.Model(layers, input_shape=(16, 16, 1))
    y, weights = np.zeros(4), np.ones(4)
    cnnx.Trainer(model, loss=cnnx.MSE()).fit(x, y, epochs=1)
    with pytest.raises(ValueError, match=r"x has sample_weight, expected \(x, y\): every image c"):
        evaluate_regression(model, (x, y, weights))
    with pytest.raises(ValueError, match=r"a batch has sample_weight, expected \(x, y\): every im"):
        evaluate_regression(model, [(x, y, weights)])


def test_wrong_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match=r"predicted has shape \(1,\) and targets \(2,\)"):
        RegressionEvaluation([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"predicted has shape \(\)"):
        RegressionEvaluation(1.0, 2.0)
    with pytest.raises(ValueError, match="targets holds NaN"):
        RegressionEvaluation([1.0], [math.nan])

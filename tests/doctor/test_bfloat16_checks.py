"""The doctor finds networks that bfloat16 does not suit, and passes those that it does."""

from __future__ import annotations

import cnnx
import numpy as np
import pytest
from cnnx.doctor import Finding, check_model
from cnnx.doctor.bfloat16_checks import rounded_to_bfloat16

X, Y = cnnx.data.xo(64, size=16, seed=1)


def network(offset: float) -> cnnx.Model:
    """A network whose maps are `offset` and what differs between images, which is small."""
    layers = [cnnx.Conv2d(8, 3), cnnx.ReLU(), cnnx.MaxPool2d(2), cnnx.Flatten(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(16, 16, 1), classes=["X", "O"], seed=1)
    model.parameters["conv2d_1.bias"] = np.full(8, offset)
    weight = model.parameters["dense_1.weight"]
    model.parameters["dense_1.weight"] = weight - weight.mean(axis=0)  # so that offsets cancel
    return model


def precision(findings: list[Finding]) -> Finding | None:
    return next((each for each in findings if each.check == "bfloat16-precision"), None)


def test_maps_with_a_large_mean_and_a_small_deviation_are_found() -> None:
    model = network(1000)
    assert precision(check_model(model, X)) is None  # in float32
    found = precision(check_model(model, X, compute_dtype="bfloat16"))
    assert found is not None
    assert found.severity == "warning"
    assert {"relu_1", "max_pool2d_1"} <= set(found.examples)
    assert found.count == len(found.examples) == len(found.details)
    assert 'compute in float32: model.compute_dtype = "float32"' in found.advice
    assert model.compute_dtype == "float32"
    model._core.compute_dtype = "bfloat16"
    assert precision(check_model(model, X)) == found
    assert precision(check_model(model, X, compute_dtype="float32")) is None


@pytest.mark.parametrize("offset", [0, 1])
def test_a_healthy_network_passes(offset: float) -> None:
    assert precision(check_model(network(offset), X, compute_dtype="bfloat16")) is None


def test_a_trained_network_passes() -> None:
    model = cnnx.models.small((16, 16, 1), ["X", "O"])
    model._core.compute_dtype = "bfloat16"
    x, y = cnnx.data.xo(1000, size=16, seed=2)
    cnnx.Trainer(model, optimizer=cnnx.Adam(2e-3)).fit(x, y, epochs=4)
    assert check_model(model, X, Y) == []


def test_rounding_is_to_nearest_even() -> None:
    values = np.array([1, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -1e38, 0], np.float32)
    expected = np.array([1, 1, 1 + 2**-6, 1 + 2**-7, -1e38, 0])
    rounded = rounded_to_bfloat16(values)
    np.testing.assert_allclose(rounded, expected, rtol=2**-8)
    assert rounded[:4].tolist() == expected[:4].tolist()


def test_other_words_are_refused() -> None:
    with pytest.raises(ValueError, match="check_model: compute_dtype is 'float16', expected"):
        check_model(network(0), X, compute_dtype="float16")  # type: ignore[arg-type]

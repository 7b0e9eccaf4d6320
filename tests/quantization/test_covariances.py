"""Covariances of the inputs of layers, against those of the values that kernels of a 1 pick out."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.quantization.calibration_images import CalibrationImages
from cnnx.quantization.covariances import input_covariances
from cnnx.quantization.network import Network

IMAGES = np.random.default_rng(4).random((40, 9, 8, 3), np.float32) + 3  # a large mean


def covariance(layers: list[cnnx.Layer], name: str) -> np.ndarray:
    model = cnnx.Model(layers, input_shape=IMAGES.shape[1:])
    images = CalibrationImages(IMAGES, False)
    ((found, array),) = input_covariances(model, Network.of(model), images, [name])
    assert found == name
    return array


def expected(inputs: np.ndarray) -> np.ndarray:
    """Of (rows, inputs), smaller off the diagonal."""
    rows, columns = inputs.shape
    exact = np.cov(inputs.astype(np.float64), rowvar=False, bias=True)
    return np.where(np.eye(columns, dtype=bool), exact, exact * rows / (rows + columns))


@pytest.mark.parametrize(
    "how",
    [
        {"padding": 0},
        {"padding": "same", "stride": 2},
        {"padding": ((2, 0), (1, 3)), "stride": (1, 2)},
        {"padding": "same", "dilation": 2},
    ],
)
def test_of_a_convolution(how: dict[str, Any]) -> None:
    found = covariance([cnnx.Conv2d(2, (3, 2), **how), cnnx.Flatten()], "conv2d_1")
    one_hot = np.eye(18, dtype=np.float32).reshape(3, 2, 3, 18)
    inputs = cnnx.ops.conv2d(IMAGES, one_hot, **how).reshape(-1, 18)
    np.testing.assert_allclose(found, expected(inputs)[np.newaxis], rtol=1e-5, atol=1e-5)


def test_of_a_depthwise_convolution() -> None:
    layers = [cnnx.Conv2d(3, 3, groups=3, padding=1, stride=2), cnnx.Flatten()]
    found = covariance(layers, "conv2d_1")
    assert found.shape == (3, 9, 9)
    one_hot = np.eye(9, dtype=np.float32).reshape(3, 3, 1, 9)
    for channel in range(3):
        image = IMAGES[..., channel : channel + 1]
        inputs = cnnx.ops.conv2d(image, one_hot, padding=1, stride=2).reshape(-1, 9)
        np.testing.assert_allclose(found[channel], expected(inputs), rtol=1e-5, atol=1e-5)


def test_of_a_dense_layer() -> None:
    found = covariance([cnnx.Conv2d(2, 5), cnnx.Flatten(), cnnx.Dense(2)], "dense_1")
    assert found.shape == (1, 40, 40)
    assert (np.linalg.eigvalsh(found[0]) > 0).all()  # although there are only 40 images


def test_parts_that_fit_the_memory_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [cnnx.Conv2d(4, 3), cnnx.Conv2d(4, 3, groups=4), cnnx.Flatten(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=IMAGES.shape[1:])
    arguments = (model, Network.of(model), CalibrationImages(IMAGES, False))
    names = ["conv2d_1", "conv2d_2", "dense_1"]
    whole = dict(input_covariances(*arguments, names))
    monkeypatch.setattr("cnnx.quantization.covariances._MOST_NUMBERS", 1)
    parts = dict(input_covariances(*arguments, names))
    assert list(parts) == names
    for name in names:
        np.testing.assert_array_equal(parts[name], whole[name])

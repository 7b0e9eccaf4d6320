"""Everything that a model does, of a model with int8 weights: copies, gradients, refusals."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from comparison import assert_same_bits
from quantized_networks import NETWORKS, plain, residual
from reference_network import ReferenceNetwork

WEIGHT, SCALE = "conv2d_1.weight", "conv2d_1.weight_scale"


def pixels_for(model: cnnx.Model) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (3, *model.input_shape), dtype=np.uint8)


COPIES: dict[str, Callable[[cnnx.Model], cnnx.Model]] = {
    "clone": lambda model: model.clone(),
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "of the same size": lambda model: model.resized(model.input_shape[:2]),
    "preprocessing": lambda model: model.with_preprocessing(model.preprocessing),
    "until the end": lambda model: model.until(model.layers[-1].name),
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("how", COPIES)
def test_a_copy_predicts_the_same_bits(how: str, network: str) -> None:
    model = NETWORKS[network]()
    pixels = pixels_for(model)
    assert_same_bits(COPIES[how](model)(pixels), model(pixels))


def test_another_size_has_the_same_weights() -> None:
    model = residual()
    larger = model.resized((20, 23))
    for name in model.parameters:
        assert_same_bits(larger.parameters[name], model.parameters[name])
    assert larger(pixels_for(larger)).shape == (3, 4)


def test_layers_of_a_model_in_another_one() -> None:
    model = plain()
    other = cnnx.Model([*model.layers[:-1], cnnx.Dense(7)], input_shape=model.input_shape)
    for name in ("conv2d_1.weight", "conv2d_2.weight", "conv2d_3.weight"):
        assert_same_bits(other.parameters[name], model.parameters[name])


# Weights and their scales.


def test_weights_beside_the_whole_numbers_are_refused() -> None:
    model = plain()
    before = model.parameters[WEIGHT].copy()
    sentence = rf"^set_parameter: {WEIGHT} holds .*, expected whole numbers from -128 to 127 times"
    with pytest.raises(ValueError, match=sentence):
        model.parameters[WEIGHT] = before + 0.3 * model.buffers[SCALE]
    with pytest.raises(ValueError, match=sentence):
        model.parameters[WEIGHT] = np.full_like(before, 128) * model.buffers[SCALE]
    assert_same_bits(model.parameters[WEIGHT], before)


def test_another_scale_keeps_the_whole_numbers() -> None:
    model = plain()
    whole = np.rint(model.parameters[WEIGHT] / model.buffers[SCALE])
    scales = np.linspace(0.003, 0.7, 16, dtype=np.float32)
    model.buffers[SCALE] = scales
    assert_same_bits(model.parameters[WEIGHT], (whole * scales).astype(np.float32))


@pytest.mark.parametrize("scale", [0, -0.1, np.nan, np.inf])
def test_scales_that_are_no_scales_are_refused(scale: float) -> None:
    model = plain()
    before = model.buffers[SCALE].copy()
    with pytest.raises(ValueError, match=f"^set_buffer: {SCALE} holds .*, expected finite numbers"):
        model.buffers[SCALE] = np.full_like(before, scale)
    assert_same_bits(model.buffers[SCALE], before)


# Training.

TRAINED: dict[str, Callable[[cnnx.Model], object]] = {
    "trainer": cnnx.Trainer,
    "with_classes": lambda model: model.with_classes(3),
    "with_new_weights": lambda model: model.with_new_weights(),
}


@pytest.mark.parametrize("function", TRAINED)
def test_training_is_refused(function: str) -> None:
    sentence = (
        f"^{function}: conv2d_1.weight is int8, expected a model with float32 weights: train that "
        "one and quantize it again$"
    )
    with pytest.raises(ValueError, match=sentence):
        TRAINED[function](plain())


# Gradients.


def test_gradients_pass_where_nothing_was_clipped() -> None:
    """The straight-through estimator of a Quantize layer between two others."""
    layers = [cnnx.Conv2d(2, 1), cnnx.Quantize(0.02, 100), cnnx.Flatten()]
    model = cnnx.Model(layers, input_shape=(4, 5, 2), seed=5)
    images = np.random.default_rng(1).standard_normal((3, 4, 5, 2)).astype(np.float32)
    factors = np.random.default_rng(2).standard_normal((3, 40)).astype(np.float32)
    byte = model.layer_outputs(images)["conv2d_1"] / np.float32(0.02) + 100
    inside = (byte >= 0) & (byte <= 255)
    assert 0 < inside.mean() < 1
    passed = np.where(inside, factors.reshape(byte.shape), 0)
    assert_same_bits(model.gradients(images, factors, of="conv2d_1"), passed)
    own = passed @ model.parameters["conv2d_1.weight"][0, 0].T
    np.testing.assert_allclose(model.gradients(images, factors), own, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
def test_gradients_of_a_network_are_those_of_the_reference(network: str) -> None:
    model = NETWORKS[network]()
    images = np.random.default_rng(4).random((2, *model.input_shape), np.float32)
    factors = np.random.default_rng(1).standard_normal((2, *model.output_shape))
    expected = ReferenceNetwork(model).output_gradients(images, factors)
    for name, gradient in expected.items():
        actual = model.gradients(images, factors.astype(np.float32), of=name)
        near = np.abs(actual - gradient) <= 1e-3 * np.abs(gradient).max()
        assert near.mean() > 0.97, name  # a value at the edge of two steps may have another one


# Descriptions.


def test_the_summary_names_int8_layers_and_counts_their_bytes() -> None:
    lines = plain().summary().splitlines()
    marked = [line.split()[0] for line in lines if line.endswith("  int8")]
    assert marked == ["conv2d_1", "conv2d_2", "conv2d_3", "dense_1"]
    int8 = 27 * 16 + 9 * 16 + 16 * 8 + 56 * 8 * 5
    floats = 16 + 16 + 8 + 5
    total = f"{int8 + floats:,} parameters ({int8:,} int8), {int8 + 4 * floats:,} bytes"
    assert lines[-1] == total


def test_graphs_name_int8_layers_and_scales() -> None:
    text = plain().to_mermaid()
    assert ", 16, int8" in text
    assert "Quantize scale 0.04, zero point 120" in text

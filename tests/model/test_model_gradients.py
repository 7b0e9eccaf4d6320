"""Model.gradients against the float64 network: of the images and of every layer's output."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from comparison import assert_same_bits
from random_graphs import SEEDS, SHAPE, RandomGraph
from reference_network import ReferenceNetwork
from small_models import build, small

CONV = {"kernel_size": 3, "padding": "same"}
# Layers that fuse, in the orders in which networks have them.
NETWORKS: dict[str, list[cnnx.Layer]] = {
    "relu between convolutions": [
        cnnx.Conv2d(8, **CONV),
        cnnx.ReLU(),
        cnnx.Conv2d(8, **CONV),
        cnnx.ReLU6(),
        cnnx.Conv2d(4, 1),
    ],
    "pooled": [
        cnnx.Conv2d(8, **CONV),
        cnnx.ReLU(),
        cnnx.MaxPool2d(2),
        cnnx.Flatten(),
        cnnx.Dense(5),
        cnnx.ReLU(),
        cnnx.Dense(3),
    ],
    "residual": [
        cnnx.Conv2d(8, **CONV),
        cnnx.BatchNorm2d(),
        cnnx.ReLU(),
        cnnx.Residual(
            [cnnx.Conv2d(8, **CONV), cnnx.BatchNorm2d(), cnnx.ReLU(), cnnx.Conv2d(8, **CONV)]
        ),
        cnnx.Dropout(0.5),
        cnnx.Residual([cnnx.Conv2d(8, **CONV), cnnx.BatchNorm2d()]),
        cnnx.GlobalAvgPool2d(),
        cnnx.Dense(3),
    ],
    "inverted bottleneck": [
        cnnx.Conv2d(8, 1),
        cnnx.BatchNorm2d(),
        cnnx.ReLU6(),
        cnnx.Conv2d(8, **CONV, groups=8),
        cnnx.BatchNorm2d(),
        cnnx.ReLU6(),
        cnnx.Residual([cnnx.Conv2d(8, 1), cnnx.BatchNorm2d()]),
        cnnx.MaxPool2d(2),
    ],
    "a view at the end": [cnnx.Conv2d(2, 1), cnnx.ReLU(), cnnx.Flatten()],
}


def with_drawn_statistics(model: cnnx.Model) -> cnnx.Model:
    rng = np.random.default_rng(3)
    for name, value in model.buffers.items():
        low, high = (0.5, 2.0) if name.endswith("variance") else (-0.5, 0.5)
        model.buffers[name] = rng.uniform(low, high, value.shape)
    return model


def check_all(model: cnnx.Model, x: Any, tolerance: float) -> None:
    """The gradients of all layers; one is compared relative to its largest element.

    One that cancels is rounding noise beside those of the other layers: an L2 norm has none for a
    factor of its input.
    """
    factors = np.random.default_rng(1).standard_normal((len(x), *model.output_shape))
    expected = ReferenceNetwork(model).output_gradients(x, factors)
    assert list(expected) == ["input", *(layer.name for layer in model.layers)]
    noise = max(np.abs(gradient).max(initial=0) for gradient in expected.values()) / 1000
    for name, gradient in expected.items():
        actual = model.gradients(x, factors, of=name)
        assert actual.shape == gradient.shape, name
        largest = max(np.abs(gradient).max(initial=0), noise)
        np.testing.assert_allclose(
            actual, gradient, rtol=0, atol=tolerance * largest + 1e-12, err_msg=name
        )


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("trainable", [True, False])
def test_every_layer_of_common_networks(name: str, trainable: bool) -> None:
    """Frozen layers have the same gradients."""
    model = with_drawn_statistics(build(*NETWORKS[name]))
    for layer in model.layers:
        layer.trainable = trainable
    x = np.random.default_rng(2).standard_normal((3, 8, 6, 3)).astype(np.float32)
    check_all(model, x, 1e-5)


# Attention of one weight gives graph 31 equal pixels, of which float32 and float64 pool another.
@pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed != 31])
def test_every_layer_of_random_graphs(seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((2, *SHAPE)).astype(np.float32)
    check_all(RandomGraph(seed).model(), x, 3e-4)


def test_large_maps_that_a_step_does_not_save() -> None:
    """A depthwise convolution normalises such a map when it reads it."""
    layers = [
        cnnx.Conv2d(32, 1),
        cnnx.BatchNorm2d(),
        cnnx.ReLU(),
        cnnx.Conv2d(32, **CONV, groups=32),
        cnnx.BatchNorm2d(),
        cnnx.ReLU(),
        cnnx.MaxPool2d(2),
    ]
    model = with_drawn_statistics(build(*layers, input_shape=(70, 66, 2)))
    x = np.random.default_rng(2).standard_normal((1, 70, 66, 2)).astype(np.float32)
    check_all(model, x, 1e-5)


def test_threads_and_parts_of_a_batch_have_the_same_bits(restore_threads: None) -> None:
    model = with_drawn_statistics(build(*NETWORKS["residual"], input_shape=(16, 20, 3)))
    rng = np.random.default_rng(2)
    x, factors = rng.standard_normal((300, 16, 20, 3), np.float32), rng.standard_normal((300, 3))
    cnnx.set_num_threads(1)
    for of in ("input", "relu_1", "residual_1.conv2d_2"):
        whole = model.gradients(x, factors, of=of)
        for threads in (1, 2, 3):
            cnnx.set_num_threads(threads)
            assert_same_bits(model.gradients(x, factors, of=of), whole)
            assert_same_bits(model.gradients(x[:5], factors[:5], of=of), whole[:5])


def test_the_gradient_of_pixels_is_that_before_the_preprocessing() -> None:
    preprocessing = cnnx.Preprocessing(mean=[0.1, 0.2, 0.3], std=[0.5, 0.25, 0.8])
    layers = [cnnx.Conv2d(4, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(3)]
    plain, prepared = build(*layers), build(*layers, preprocessing=preprocessing)
    pixels = np.random.default_rng(2).integers(0, 256, (2, 8, 6, 3), np.uint8)
    factors = np.eye(3)[[0, 2]]
    x = (pixels / np.float32(255) - preprocessing.mean) / preprocessing.std
    expected = plain.gradients(x.astype(np.float32), factors) / preprocessing.std
    np.testing.assert_allclose(
        prepared.gradients((pixels / 255).astype(np.float32), factors), expected, rtol=1e-4
    )
    np.testing.assert_allclose(
        prepared.gradients(pixels, factors), expected / 255, rtol=1e-4, atol=1e-8
    )


def test_a_single_image_has_no_batch_axis() -> None:
    model = small()
    x = np.random.default_rng(2).random((8, 6, 3), np.float32)
    factors = np.array([0.0, 1.0, 0.0])
    for of in ("input", "relu_1"):
        gradient = model.gradients(x, factors, of=of)
        assert_same_bits(gradient, model.gradients(x[None], factors[None], of=of)[0])


def test_the_gradient_of_the_output_is_the_argument() -> None:
    factors = np.array([[0.5, 1.0, -2.0]], np.float32)
    gradient = small().gradients(np.zeros((1, 8, 6, 3)), factors, of="dense_1")
    assert_same_bits(gradient, factors)


def test_training_goes_on_unchanged() -> None:
    """Running statistics and dropout's random numbers do not notice a gradient."""
    x = np.random.default_rng(2).random((4, 8, 6, 3), np.float32)
    digests = []
    for looks in (False, True):
        model = build(*NETWORKS["residual"])
        trainer = cnnx.Trainer(model, seed=1)
        for _ in range(3):
            trainer.step(x, [0, 1, 2, 0])
            if looks:
                model.gradients(x, np.ones((4, 3)))
        digests.append([value.tobytes() for value in [*model.parameters.values()]])
    assert digests[0] == digests[1]


def test_chosen_layers_have_the_outputs_of_all_layers() -> None:
    model = with_drawn_statistics(build(*NETWORKS["residual"]))
    x = np.random.default_rng(2).standard_normal((3, 8, 6, 3)).astype(np.float32)
    every = model.layer_outputs(x)
    names = ["residual_1.relu_1", "batch_norm2d_1"]
    some = model.layer_outputs(x, names)
    assert list(some) == names
    for name, output in some.items():
        assert_same_bits(output, every[name])
    assert model.layer_outputs(x, []) == {}
    assert model.layer_outputs(x[0], ["relu_1"])["relu_1"].shape == (8, 6, 8)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"of": "conv2d_9"}, ValueError, "gradients: has no layer 'conv2d_9', expected conv2d_1"),
        ({"of": 3}, TypeError, "gradients: of is 3, expected the name of a layer, such as 'input'"),
        (
            {"grad_outputs": np.zeros(3)},
            ValueError,
            r"gradients: grad_outputs has shape \(3,\), expected .* of the outputs, \(2, 3\)",
        ),
        (
            {"grad_outputs": "1"},
            TypeError,
            "gradients: grad_outputs is '1', expected an array of real",
        ),
        ({"x": np.zeros((2, 8, 6))}, ValueError, "gradients: "),
        ({"layer": "relu_1"}, TypeError, "gradients: has no argument layer, expected one of"),
    ],
)
def test_refused_gradients(arguments: dict[str, Any], error: type, sentence: str) -> None:
    given = {"x": np.zeros((2, 8, 6, 3)), "grad_outputs": np.zeros((2, 3)), **arguments}
    with pytest.raises(error, match=f"^{sentence}"):
        small().gradients(**given)


@pytest.mark.parametrize(
    ("names", "error", "sentence"),
    [
        ("relu_1", TypeError, "layer_outputs: names is 'relu_1', expected a list of names"),
        (["relu"], ValueError, "layer_outputs: has no layer 'relu', expected relu_1"),
        ([1], TypeError, "layer_outputs: names is 1, expected the name of a layer, such as"),
        (["relu_1", "relu_1"], ValueError, "layer_outputs: names is .* expected each name once"),
    ],
)
def test_refused_names_of_layers(names: Any, error: type, sentence: str) -> None:
    with pytest.raises(error, match=f"^{sentence}"):
        small().layer_outputs(np.zeros((1, 8, 6, 3)), names)


def two_outputs() -> cnnx.Model:
    image = cnnx.Input((4, 3, 2))
    maps = cnnx.Conv2d(3, 3, padding="same")(image)
    outputs = {"class": cnnx.Dense(2)(cnnx.Flatten()(maps)), "mask": cnnx.Conv2d(2, 1)(maps)}
    return cnnx.Model.from_graph(image, outputs, seed=1)


@pytest.mark.parametrize("single", [False, True])
def test_gradients_of_several_outputs_are_those_of_their_ranges(single: bool) -> None:
    model = two_outputs()
    random = np.random.default_rng(0)
    x = random.random((5, 4, 3, 2), np.float32)
    factors = {name: random.standard_normal(y.shape) for name, y in model(x).items()}
    flat = np.concatenate([each.reshape(5, -1) for each in factors.values()], axis=1)
    if single:
        x, flat, factors = x[0], flat[0], {name: each[0] for name, each in factors.items()}
    assert_same_bits(model.gradients(x, factors), model.gradients(x, flat))
    one = model.gradients(x, {"mask": factors["mask"]}, of="conv2d_1")
    zero = {**factors, "class": np.zeros_like(factors["class"])}
    assert_same_bits(one, model.gradients(x, zero, of="conv2d_1"))
    assert np.abs(one).max() > 0


def test_a_view_has_a_gradient_of_its_own() -> None:
    """Without that of the other readers of its input, whose memory it is."""
    image = cnnx.Input((2, 3, 2))
    convolved = cnnx.Conv2d(4, 1)(image)
    flat, turned = cnnx.Flatten()(convolved), cnnx.Reshape((3, 2), 4)(convolved)
    branches = (
        cnnx.Dense(2)(flat),
        cnnx.Dense(2)(cnnx.Flatten()(cnnx.ReLU()(convolved))),
        cnnx.Dense(2)(cnnx.Flatten()(cnnx.Conv2d(3, 1)(turned))),
    )
    model = cnnx.Model.from_graph(image, cnnx.Add()(*branches))
    check_all(model, np.random.default_rng(0).random((3, 2, 3, 2), np.float32), 1e-5)


def test_refused_gradients_of_several_outputs() -> None:
    model, x = two_outputs(), np.zeros((5, 4, 3, 2), np.float32)
    sentence = "grad_outputs has the name 'box', expected the model's outputs class, mask$"
    with pytest.raises(ValueError, match=sentence):
        model.gradients(x, {"box": np.zeros((5, 4))})
    sentence = r"grad_outputs\['class'\] has shape \(5, 3\), expected that of the output, \(5, 2\)$"
    with pytest.raises(ValueError, match=sentence):
        model.gradients(x, {"class": np.zeros((5, 3))})
    with pytest.raises(TypeError, match="grad_outputs is a dict, expected an array"):
        model.until("conv2d_1").gradients(x, {"class": np.zeros((5, 2))})

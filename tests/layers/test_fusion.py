"""Fused layers, and batches in slices, give the bits of the ops one after another."""

from __future__ import annotations

import copy

import cnnx
import numpy as np
import pytest
from cnnx import ops

pytestmark = pytest.mark.parity

# Every pair and triple that a plan may fuse, and some that it must not.
NETWORKS: dict[str, list[cnnx.Layer]] = {
    "direct": [
        cnnx.Conv2d(6, 5, padding=2),
        cnnx.ReLU(),
        cnnx.MaxPool2d(2),
        cnnx.Conv2d(9, 3),
        cnnx.ReLU(),
        cnnx.Conv2d(5, 3, stride=2, padding=1),
        cnnx.ReLU(),
        cnnx.Flatten(),
        cnnx.Dense(7),
        cnnx.ReLU(),
        cnnx.Dense(3),
    ],
    "one channel within": [
        cnnx.Conv2d(1, 3),
        cnnx.ConvTranspose2d(4, 3),
        cnnx.ReLU(),
        cnnx.MaxPool2d(2),
        cnnx.Conv2d(1, 1),
        cnnx.ReLU(),
        cnnx.Conv2d(5, 5, padding=2),
        cnnx.ReLU(),
        cnnx.Flatten(),
        cnnx.Dense(3),
    ],
    "sums in several parts": [
        cnnx.Conv2d(70, 1),
        cnnx.ReLU(),
        cnnx.Conv2d(33, 3, stride=2, padding=2),
        cnnx.ReLU(),
        cnnx.Conv2d(600, 1, stride=3),
        cnnx.ReLU(),
        cnnx.Conv2d(3, 1, padding=1),
        cnnx.ReLU(),
    ],
    "winograd": [
        # Maps so large that training and inference use the same forward method.
        cnnx.Conv2d(16, 3, padding=1),
        cnnx.ReLU(),
        cnnx.Conv2d(20, 3),
        cnnx.ReLU(),
        cnnx.Conv2d(16, 3, padding=1),
        cnnx.MaxPool2d(2),
        cnnx.Conv2d(17, 3, padding=1),
        cnnx.ReLU(),
        cnnx.MaxPool2d(2),
        cnnx.Flatten(),
        cnnx.Dense(3),
    ],
    "pool without relu, relu behind pool": [
        cnnx.Conv2d(4, 3),
        cnnx.MaxPool2d(2),
        cnnx.ReLU(),
        cnnx.Conv2d(3, 2),
        cnnx.ReLU(),
        cnnx.MaxPool2d(3),
        cnnx.ReLU(),
    ],
    "depthwise and other activations": [
        cnnx.Conv2d(8, 3, stride=2),
        cnnx.ReLU(),
        cnnx.Conv2d(8, 3, padding=1, groups=8),
        cnnx.ReLU(),
        cnnx.MaxPool2d(2),
        cnnx.Conv2d(12, 1),
        cnnx.LeakyReLU(),
        cnnx.Conv2d(12, 3, padding=1, groups=12),
        cnnx.Sigmoid(),
        cnnx.Conv2d(4, 1),
        cnnx.ReLU(),
        cnnx.AvgPool2d(2),
    ],
    "depthwise, long pixels": [
        cnnx.Conv2d(264, 1, stride=2),
        cnnx.ReLU(),
        cnnx.Conv2d(264, 3, padding=1, groups=264),
        cnnx.ReLU(),
        cnnx.Conv2d(264, 3, groups=264),
        cnnx.ReLU(),
        cnnx.Conv2d(4, 1),
    ],
    "transposed": [
        cnnx.Conv2d(6, 3, stride=2),
        cnnx.ReLU(),
        cnnx.ConvTranspose2d(16, 3, stride=2),
        cnnx.ReLU(),
        cnnx.ConvTranspose2d(16, 3),
        cnnx.ReLU(),
        cnnx.ConvTranspose2d(20, 2, stride=3, groups=4),
        cnnx.ReLU(),
        cnnx.Conv2d(20, 3, stride=2, padding=1, groups=10),
        cnnx.ReLU(),
        cnnx.ConvTranspose2d(20, 2, stride=3, groups=20),
        cnnx.ReLU(),
        cnnx.ConvTranspose2d(20, 3, groups=10),
        cnnx.ReLU(),
        cnnx.ConvTranspose2d(3, 5, padding=1),
        cnnx.ReLU(),
    ],
    "narrow groups": [
        cnnx.Conv2d(20, 3, stride=2),
        cnnx.ReLU(),
        cnnx.Conv2d(20, 3, padding=1, groups=5),
        cnnx.ReLU(),
        cnnx.Conv2d(20, 3, padding=1, groups=10),
        cnnx.ReLU(),
        cnnx.MaxPool2d(2),
    ],
}
SHAPE = (19, 18, 2)


def with_relu6(layers: list[cnnx.Layer]) -> list[cnnx.Layer]:
    """The same layers with the ceiling of ReLU6."""
    return [cnnx.ReLU6() if isinstance(layer, cnnx.ReLU) else layer for layer in layers]


RELU6_NETWORKS = {name: with_relu6(layers) for name, layers in NETWORKS.items()}


def build(name: str) -> cnnx.Model:
    """The network with parameters that make zeros, ties and negatives common."""
    return with_biases(cnnx.Model(NETWORKS[name], input_shape=SHAPE, seed=3))


def with_biases(model: cnnx.Model) -> cnnx.Model:
    """The model with random biases."""
    generator = np.random.default_rng(5)
    for key in model.parameters:
        if key.endswith("bias"):
            shape = model.parameters[key].shape
            model.parameters[key] = generator.normal(0, 0.3, shape).astype(np.float32)
    return model


def images(count: int) -> np.ndarray:
    x = np.random.default_rng(7).normal(0, 1, (count, *SHAPE)).astype(np.float32)
    x[::2, 3:9] = 0.0  # flat regions, where all four pixels of a window tie
    return x


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("count", [1, 3, 8, 37])
def test_inference_equals_the_layers_one_by_one(
    name: str, count: int, restore_threads: None
) -> None:
    model, x = build(name), images(count)
    expected = list(model.layer_outputs(x).values())[-1]
    for number in (1, 2, 3, 8):
        cnnx.set_num_threads(number)
        assert same_bits(model(x), expected), number


@pytest.mark.parametrize("count", [1, 37])
def test_a_convolution_overwrites_the_array_it_adds_and_not_its_input(
    count: int, restore_threads: None
) -> None:
    def wide() -> cnnx.Layer:
        return cnnx.Conv2d(16, 3, padding=1)

    layers = [wide(), cnnx.ReLU(), cnnx.Residual([wide(), cnnx.ReLU(), wide()]), cnnx.ReLU()]
    layers += [cnnx.Residual(wide()), cnnx.MaxPool2d(2)]
    model = cnnx.Model(layers, input_shape=SHAPE, seed=3)
    x = images(count)
    expected = list(model.layer_outputs(x).values())[-1]
    for number in (1, 2, 3):
        cnnx.set_num_threads(number)
        assert same_bits(model(x), expected), number


def gradients_one_by_one(
    model: cnnx.Model, layers: list[cnnx.Layer], x: np.ndarray, grad_output: np.ndarray
) -> dict[str, np.ndarray]:
    """Every parameter's gradient, from the public ops in the order of the layers."""
    outputs = [x, *model.layer_outputs(x).values()]
    names = list(model.layer_outputs(x[:1]))
    gradients: dict[str, np.ndarray] = {}
    grad = grad_output
    for index in reversed(range(len(layers))):
        layer, name, before = layers[index], names[index], outputs[index]
        settings = layer.settings
        grad = grad.reshape(outputs[index + 1].shape)
        if isinstance(layer, (cnnx.Conv2d, cnnx.ConvTranspose2d)):
            weight = model.parameters[f"{name}.weight"]
            backward = getattr(ops, f"{layer.kind}_backward")
            grad, gradients[f"{name}.weight"], gradients[f"{name}.bias"] = backward(
                grad,
                before,
                weight,
                stride=settings["stride"],
                padding=(settings["padding"][:2], settings["padding"][2:]),
                groups=settings["groups"],
            )
        elif isinstance(layer, cnnx.Dense):
            weight = model.parameters[f"{name}.weight"]
            before = before.reshape(len(x), -1)
            grad, gradients[f"{name}.weight"], gradients[f"{name}.bias"] = ops.dense_backward(
                grad, before, weight
            )
        elif isinstance(layer, cnnx.MaxPool2d):
            grad = ops.max_pool2d_backward(grad, before, settings["kernel_size"])
        elif isinstance(layer, cnnx.AvgPool2d):
            grad = ops.avg_pool2d_backward(grad, before, settings["kernel_size"])
        elif isinstance(layer, cnnx.ReLU):
            grad = ops.relu_backward(grad, before)
        elif isinstance(layer, cnnx.ReLU6):
            grad = ops.relu6_backward(grad, outputs[index + 1])
        elif isinstance(layer, cnnx.LeakyReLU):
            grad = ops.leaky_relu_backward(grad, before, negative_slope=settings["negative_slope"])
        elif isinstance(layer, cnnx.Sigmoid):
            grad = ops.sigmoid_backward(grad, outputs[index + 1])
        else:
            assert isinstance(layer, cnnx.Flatten)
            grad = grad.reshape(before.shape)
    return gradients


def check_training(model: cnnx.Model, layers: list[cnnx.Layer], x: np.ndarray) -> None:
    """At 1, 2, 3 and 8 threads."""
    target = np.random.default_rng(9).normal(0, 1, model(x).shape).astype(np.float32)
    grad_output = ops.mean_squared_error_backward(model(x), target)
    expected = gradients_one_by_one(model, layers, x, grad_output)
    for number in (1, 2, 3, 8):
        cnnx.set_num_threads(number)
        trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.1), loss=cnnx.MSE())
        trainer.compute_gradients(x, target)
        start = 0
        for key in model.parameters:
            value = expected[key]
            actual = trainer.gradients[start : start + value.size].reshape(value.shape)
            assert same_bits(actual, value), (key, number)
            start += value.size


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("count", [1, 5])
def test_training_equals_the_ops_one_by_one(name: str, count: int, restore_threads: None) -> None:
    check_training(build(name), NETWORKS[name], images(count))


@pytest.mark.parametrize("name", RELU6_NETWORKS)
def test_relu6_equals_the_layers_one_by_one(name: str, restore_threads: None) -> None:
    model = with_biases(cnnx.Model(RELU6_NETWORKS[name], input_shape=SHAPE, seed=3))
    for key in model.parameters:
        if key.endswith("weight"):
            model.parameters[key] = model.parameters[key] * np.float32(4)
    x = images(3)
    outputs = model.layer_outputs(x)
    kinds = zip(RELU6_NETWORKS[name], outputs.values(), strict=True)
    maxima = [output.max() for layer, output in kinds if isinstance(layer, cnnx.ReLU6)]
    assert np.float32(6) in maxima
    expected = list(outputs.values())[-1]
    for number in (1, 2):
        cnnx.set_num_threads(number)
        assert same_bits(model(x), expected), number
    check_training(model, RELU6_NETWORKS[name], x)


def inverted_bottlenecks(clip: cnnx.Layer) -> list[cnnx.Layer]:
    """Blocks of MobileNetV2 with the activation `clip`."""

    def norm(*layers: cnnx.Layer) -> list[cnnx.Layer]:
        return [*layers, cnnx.BatchNorm2d()]

    def block() -> list[cnnx.Layer]:
        expand = norm(cnnx.Conv2d(48, 1, bias=False))
        depthwise = norm(cnnx.Conv2d(48, 3, padding=1, groups=48, bias=False))
        return [*expand, clip, *depthwise, clip, *norm(cnnx.Conv2d(16, 1, bias=False))]

    sums = [
        layer
        for groups in (1, 16)
        for layer in (cnnx.Residual(norm(cnnx.Conv2d(16, 3, padding=1, groups=groups))), clip)
    ]
    return [*block(), cnnx.Residual(block()), clip, *sums]


def test_relu6_equals_a_clip_that_nothing_fuses(restore_threads: None) -> None:
    fused, separate = (
        cnnx.Model(inverted_bottlenecks(clip), input_shape=SHAPE, seed=3)
        for clip in (cnnx.ReLU6(), cnnx.Clip(0, 6))
    )
    x = images(5)
    for model in (fused, separate):
        for key in model.parameters:
            if "batch_norm2d" in key and key.endswith("weight"):
                model.parameters[key] = np.full_like(model.parameters[key], 5)
    target = np.zeros_like(fused(x))
    for number in (1, 2):
        cnnx.set_num_threads(number)
        found = []
        for model in (fused, separate):
            trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(1e-4), loss=cnnx.MSE())
            trainer.step(x, target)
            found.append((trainer.gradients.copy(), model(x)))
        assert same_bits(found[0][0], found[1][0])
        assert same_bits(found[0][1], found[1][1])


@pytest.mark.parametrize(
    "body",
    [
        [cnnx.Conv2d(40, 1)],
        [cnnx.Conv2d(600, 1), cnnx.Conv2d(40, 1)],  # sums that travel to memory and back
        [cnnx.Conv2d(40, 5, padding=2, bias=False)],
    ],
)
def test_a_direct_convolution_adds_a_shortcut(
    body: list[cnnx.Layer], restore_threads: None
) -> None:
    again = cnnx.Residual(copy.deepcopy(body))
    layers = [cnnx.Conv2d(40, 1), cnnx.Residual(body), cnnx.ReLU(), again]
    model = with_biases(cnnx.Model(layers, input_shape=SHAPE, seed=3))
    x = images(3)
    expected = list(model.layer_outputs(x).values())[-1]
    for number in (1, 2, 3):
        cnnx.set_num_threads(number)
        assert same_bits(model(x), expected), number


@pytest.mark.parametrize("outputs", range(1, 10))
@pytest.mark.parametrize(
    ("size", "kernel", "padding", "relu"),
    [
        ((28, 28), 5, 2, True),
        ((7, 71), 3, 1, False),  # several vectors, odd sides
        ((6, 2), (4, 2), (2, 1), True),  # fewer pixels than a vector has
        ((9, 33), (1, 7), (0, 3), False),
        ((66, 35), 3, 4, True),  # rows outside the image, several bands
    ],
)
@pytest.mark.parametrize("pooled", [True, False])
def test_images_with_one_channel(
    outputs: int,
    size: tuple[int, int],
    kernel: int | tuple[int, int],
    padding: int | tuple[int, int],
    relu: bool,
    pooled: bool,
    restore_threads: None,
) -> None:
    layers: list[cnnx.Layer] = [cnnx.Conv2d(outputs, kernel, padding=padding)]
    layers += [cnnx.ReLU()] if relu else []
    layers += [cnnx.MaxPool2d(2)] if pooled else []
    model = cnnx.Model(layers, input_shape=(*size, 1), seed=4)
    model.parameters["conv2d_1.bias"] = np.linspace(-0.4, 0.2, outputs, dtype=np.float32)
    x = np.random.default_rng(8).normal(0, 1, (3, *size, 1)).astype(np.float32)
    x[0, 2:5] = 0.0  # ties
    check_training(model, layers, x)
    x[1, 1, 1] = np.nan
    x[2, 1, 0] = np.inf
    expected = list(model.layer_outputs(x).values())[-1]
    for number in (1, 2, 3):
        cnnx.set_num_threads(number)
        assert same_bits(model(x), expected), number


def test_nan_passes_fused_and_separate_layers_alike(restore_threads: None) -> None:
    model = build("direct")
    x = images(4)
    x[1, 4, 4, 0] = np.nan
    assert same_bits(np.isnan(model(x)), np.isnan(list(model.layer_outputs(x).values())[-1]))


def test_changed_parameters_take_effect(restore_threads: None) -> None:
    model, x = build("winograd"), images(2)
    before = model(x)
    name = "conv2d_1.weight"
    model.parameters[name] = model.parameters[name] * np.float32(0.5)
    after = model(x)
    assert not same_bits(before, after)
    assert same_bits(after, list(model.layer_outputs(x).values())[-1])
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.1), loss=cnnx.MSE())
    trainer.step(x, np.zeros_like(after))
    assert not same_bits(after, model(x))
    assert same_bits(model(x), list(model.layer_outputs(x).values())[-1])

"""Equalisation of channels: the outputs stay, and the ranges of channels become equal."""

from __future__ import annotations

import cnnx
import numpy as np
import pytest
from cnnx.quantization.equalisation import SharedChannels, equalise, shared_channels
from cnnx.quantization.network import Network
from cnnx.quantization.statistics import value_statistics

IMAGES = np.random.default_rng(5).random((6, 12, 12, 3), np.float32)


def plain() -> cnnx.Model:
    layers = [
        *(cnnx.Conv2d(8, 3), cnnx.ReLU(), cnnx.Conv2d(8, 3, groups=8), cnnx.LeakyReLU()),
        *(cnnx.Crop2d(((0, 1), (1, 0))), cnnx.Conv2d(6, 3), cnnx.PReLU()),
        *(cnnx.MaxPool2d(2), cnnx.Flatten(), cnnx.Dense(5)),
        *(cnnx.ReLU(), cnnx.Dense(3)),
    ]
    return cnnx.Model(layers, input_shape=(12, 12, 3))


def residual() -> cnnx.Model:
    image = cnnx.Input((12, 12, 3))
    stream = cnnx.ReLU()(cnnx.Conv2d(4, 3)(image))
    inner = cnnx.ReLU()(cnnx.Conv2d(6, 3, padding=1)(stream))
    stream = cnnx.ReLU()(cnnx.Add()(cnnx.Conv2d(4, 3, padding=1)(inner), stream))
    pooled = cnnx.Flatten()(cnnx.GlobalAvgPool2d()(stream))
    return cnnx.Model.from_graph(image, cnnx.Dense(3)(pooled))


def equalised(model: cnnx.Model) -> tuple[Network, list[SharedChannels]]:
    network = Network.of(model)
    shared = shared_channels(network)
    held = {name for each in shared for name in each.held}
    found = value_statistics(model, IMAGES, False, held)
    equalise(network, shared, {name: found[name].largest for name in held})
    return network, shared


@pytest.mark.parametrize("build", [plain, residual])
def test_outputs_stay_although_channels_are_scaled(build: type) -> None:
    model = build()
    network, shared = equalised(model)
    changed = network.built(model)
    np.testing.assert_allclose(changed(IMAGES), model(IMAGES), rtol=1e-4, atol=1e-5)
    for each in shared:
        name = f"{each.makers[0]}.weight"
        assert not np.allclose(changed.parameters[name], model.parameters[name], rtol=0.1)


def test_layers_of_shared_channels() -> None:
    assert [(each.makers, each.readers) for each in shared_channels(Network.of(plain()))] == [
        (("conv2d_1",), ("conv2d_2",)),
        (("conv2d_2",), ("conv2d_3",)),
        (("conv2d_3",), ("dense_1",)),
        (("dense_1",), ("dense_2",)),
    ]
    stream = (("conv2d_1", "conv2d_3"), ("conv2d_2", "dense_1"))
    inner = (("conv2d_2",), ("conv2d_3",))
    found = [(each.makers, each.readers) for each in shared_channels(Network.of(residual()))]
    assert sorted(found) == sorted([stream, inner])


@pytest.mark.parametrize("between", [cnnx.ReLU6(), cnnx.Sigmoid(), cnnx.SiLU(), cnnx.BatchNorm2d()])
def test_layers_that_change_with_the_scale_end_a_pair(between: cnnx.Layer) -> None:
    layers = [cnnx.Conv2d(4, 3), between, cnnx.Conv2d(4, 3), cnnx.Flatten()]
    assert shared_channels(Network.of(cnnx.Model(layers, input_shape=(8, 8, 3)))) == []


def test_channels_before_a_depthwise_convolution_have_equal_ranges() -> None:
    model = plain()
    weight = model.parameters["conv2d_1.weight"].copy()
    weight[..., 3] *= 1000
    model.parameters["conv2d_1.weight"] = weight
    network, _ = equalised(model)
    largest = value_statistics(network.built(model), IMAGES, False, {"relu_1"})["relu_1"].largest
    used = largest[largest > 0]
    assert len(used) > 4
    np.testing.assert_allclose(used, used[0], rtol=1e-4)

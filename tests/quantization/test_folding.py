"""Folding of batch norms, scales and dropout: the same outputs with fewer layers."""

from __future__ import annotations

import cnnx
import numpy as np
import pytest
from cnnx.quantization.folding import folded
from cnnx.quantization.network import Network


def with_statistics(model: cnnx.Model) -> cnnx.Model:
    """The model with norms and scales that change their inputs."""
    rng = np.random.default_rng(7)
    for arrays in (model.parameters, model.buffers):
        for name in arrays:
            if "norm" in name or "scale" in name:
                arrays[name] = rng.uniform(0.5, 2, arrays[name].shape)
    return model


def test_outputs_stay() -> None:
    layers = [
        *(cnnx.Conv2d(8, 3, bias=False), cnnx.BatchNorm2d(), cnnx.Scale2d(), cnnx.ReLU()),
        *(cnnx.Conv2d(8, 3, groups=8), cnnx.BatchNorm2d(affine=False), cnnx.Dropout(0.5)),
        *(cnnx.GlobalAvgPool2d(), cnnx.Flatten(), cnnx.Dense(3), cnnx.Dropout(0.5)),
    ]
    model = with_statistics(cnnx.Model(layers, input_shape=(9, 9, 3)))
    network = folded(Network.of(model))
    kinds = [node.kind for node in network.nodes.values()]
    assert kinds == ["conv2d", "relu", "conv2d", "global_avg_pool2d", "flatten", "dense"]
    x = np.random.default_rng(0).random((5, 9, 9, 3), np.float32)
    np.testing.assert_allclose(network.built(model)(x), model(x), rtol=2e-5, atol=2e-6)


def test_norms_whose_input_has_other_readers_stay() -> None:
    image = cnnx.Input((8, 8, 3))
    maps = cnnx.Conv2d(4, 3)(image)
    both = cnnx.Add()(cnnx.BatchNorm2d()(maps), maps)
    model = with_statistics(cnnx.Model.from_graph(image, cnnx.BatchNorm2d()(both)))
    network = folded(Network.of(model))
    assert [node.kind for node in network.nodes.values()].count("batch_norm2d") == 2
    x = np.random.default_rng(0).random((5, 8, 8, 3), np.float32)
    np.testing.assert_allclose(network.built(model)(x), model(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("sign", "norms"), [(1.0, 0), (-1.0, 1)])
def test_a_maximum_before_a_norm_is_passed_if_scales_are_positive(sign: float, norms: int) -> None:
    layers = [cnnx.Conv2d(4, 3), cnnx.MaxPool2d(2, padding=1), cnnx.BatchNorm2d()]
    model = with_statistics(cnnx.Model(layers, input_shape=(9, 9, 3)))
    weight = model.parameters["batch_norm2d_1.weight"].copy()
    weight[2] *= sign
    model.parameters["batch_norm2d_1.weight"] = weight
    network = folded(Network.of(model))
    assert [node.kind for node in network.nodes.values()].count("batch_norm2d") == norms
    x = np.random.default_rng(0).random((5, 9, 9, 3), np.float32)
    np.testing.assert_allclose(network.built(model)(x), model(x), rtol=2e-5, atol=2e-6)

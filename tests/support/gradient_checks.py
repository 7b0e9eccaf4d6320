"""Checks a model's loss and gradients against the float64 network of `reference_network`.

Not part of the package.
"""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
import reference
from reference_network import ReferenceNetwork, Step

UNTOUCHED = 7.0


def has_batch_norm(model: cnnx.Model) -> bool:
    return any(layer.kind == "batch_norm2d" for layer in model.layers)


def target_of(model: cnnx.Model, count: int) -> Any:
    return np.random.default_rng(1).standard_normal((count, *model.output_shape))


def trainer_of(model: cnnx.Model, seed: int = 0) -> cnnx.Trainer:
    return cnnx.Trainer(model, optimizer=cnnx.SGD(0.1), loss=cnnx.MSE(), seed=seed)


def gradients_by_name(trainer: cnnx.Trainer) -> dict[str, Any]:
    found, start = {}, 0
    for name, value in trainer.model.parameters.items():
        found[name] = trainer.gradients[start : start + value.size].reshape(value.shape)
        start += value.size
    assert start == trainer.gradients.size
    return found


def frozen_layers(model: cnnx.Model) -> set[str]:
    return {layer.name for layer in model.layers if not layer.trainable}


def check_gradients(model: cnnx.Model, x: Any, tolerance: float, seed: int = 0) -> None:
    """Loss, gradients and running statistics of one step, against the float64 network.

    A gradient that cancels is rounding noise: a bias before a batch norm changes nothing.
    """
    y = target_of(model, len(next(iter(x.values())) if isinstance(x, dict) else x))
    network, trainer = ReferenceNetwork(model), trainer_of(model, seed)
    trainer.gradients[...] = UNTOUCHED
    loss = trainer.compute_gradients(x, y)
    expected = network.gradients(
        x, lambda outputs: reference.mean_squared_error_backward(outputs, y), Step(seed)
    )
    frozen = frozen_layers(model)
    largest = max(np.abs(gradient).max() for gradient in expected.values())
    for name, actual in gradients_by_name(trainer).items():
        if name.rsplit(".", 1)[0] in frozen:
            assert (actual == UNTOUCHED).all(), name
            continue
        bound = tolerance * max(np.abs(expected[name]).max(), largest / 100)
        np.testing.assert_allclose(actual, expected[name], rtol=0, atol=bound, err_msg=name)
    for name, value in model.buffers.items():
        np.testing.assert_allclose(value, network.buffers[name], rtol=1e-5, atol=1e-6, err_msg=name)
    network = ReferenceNetwork(model)
    assert loss == pytest.approx(
        reference.mean_squared_error(network(x, Step(seed)), y), rel=1e-5, abs=1e-6
    )

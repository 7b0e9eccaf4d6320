"""Random graphs of every kind of layer: gradients against the float64 network, and bits."""

from __future__ import annotations

import cnnx
import numpy as np
import pytest
from comparison import assert_same_bits
from gradient_checks import check_gradients, has_batch_norm
from random_graphs import SEEDS, SHAPE, RandomGraph

every_seed = pytest.mark.parametrize("seed", SEEDS)


@every_seed
def test_gradients(seed: int) -> None:
    model = RandomGraph(seed).model()
    x = np.random.default_rng(seed).standard_normal((4, *SHAPE)).astype(np.float32)
    if any(layer.trainable and layer.parameter_count for layer in model.layers):
        check_gradients(model, x, 3e-4, seed)


@every_seed
def test_inference(seed: int, restore_threads: None) -> None:
    model = RandomGraph(seed).model()
    x = np.random.default_rng(seed).standard_normal((17, *SHAPE)).astype(np.float32)
    cnnx.set_num_threads(1)
    last = [*model.layer_outputs(x).values()][-1]
    whole = model(x)
    if has_batch_norm(model):
        scale = np.abs(last).max()
        np.testing.assert_allclose(whole, last, rtol=0, atol=1e-5 * scale)
    else:
        assert_same_bits(whole, last)
    for threads in (2, 3):
        cnnx.set_num_threads(threads)
        for count in (1, 5, 17):
            assert_same_bits(model(x[:count]), whole[:count])

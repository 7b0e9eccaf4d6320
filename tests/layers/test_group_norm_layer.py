"""GroupNorm and LayerNorm in a model: parameters, training, its file, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cnnx
import numpy as np
import pytest
from comparison import assert_same_bits
from graph_networks import with_random_values
from samples import gaussians

SHAPE = (6, 5, 4)
LAYERS = {
    "group_norm_1": lambda: cnnx.GroupNorm(2, epsilon=0.125),
    "layer_norm_1": lambda: cnnx.LayerNorm(epsilon=0.125),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def expected(name: str, model: cnnx.Model, x: np.ndarray) -> np.ndarray:
    weight, bias = (model.parameters[f"{name}.{each}"] for each in ("weight", "bias"))
    if name == "layer_norm_1":
        return cnnx.ops.layer_norm(x, weight, bias, epsilon=0.125)
    return cnnx.ops.group_norm(x, weight, bias, 2, epsilon=0.125)


@every_layer
def test_a_new_layer_has_its_initial_parameters(name: str) -> None:
    model = cnnx.Model([LAYERS[name]()], input_shape=SHAPE)
    assert {key: array.tolist() for key, array in model.parameters.items()} == {
        f"{name}.weight": [1.0] * 4,
        f"{name}.bias": [0.0] * 4,
    }
    assert not model.buffers


@every_layer
def test_training_and_inference_are_one_formula(name: str, rng: np.random.Generator) -> None:
    model = with_random_values(cnnx.Model([LAYERS[name]()], input_shape=SHAPE))
    x, y = gaussians(rng, 7, *SHAPE), gaussians(rng, 7, *SHAPE)
    assert_same_bits(model(x), expected(name, model, x))
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.1), loss=cnnx.MSE())
    loss = trainer.compute_gradients(x, y)
    assert loss == pytest.approx(np.mean((expected(name, model, x) - y) ** 2), rel=1e-5)


@every_layer
@pytest.mark.parametrize("trainable", [True, False])
def test_training_updates_weight_and_bias_unless_they_are_frozen(
    name: str, trainable: bool, rng: np.random.Generator
) -> None:
    layer = LAYERS[name]()
    layer.trainable = trainable
    layers = [cnnx.Conv2d(4, 3), layer, cnnx.Flatten(), cnnx.Dense(2)]
    model = with_random_values(cnnx.Model(layers, input_shape=SHAPE))
    before = {key: array.copy() for key, array in model.parameters.items()}
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.1), loss=cnnx.MSE())
    trainer.step(gaussians(rng, 3, *SHAPE), gaussians(rng, 3, 2))
    for key, array in model.parameters.items():
        assert bool((array != before[key]).any()) is (trainable or not key.startswith(name)), key


@every_layer
def test_a_file_gives_the_same_model(name: str, tmp_path: Path, rng: np.random.Generator) -> None:
    layers = [cnnx.Conv2d(4, 3), LAYERS[name](), cnnx.ReLU(), cnnx.Flatten(), LAYERS[name]()]
    model = with_random_values(cnnx.Model([*layers, cnnx.Dense(2)], input_shape=SHAPE))
    model.save(tmp_path / "model.cnnx")
    again = cnnx.load(tmp_path / "model.cnnx")
    x = gaussians(rng, 3, *SHAPE)
    assert_same_bits(again(x), model(x))
    again.save(tmp_path / "again.cnnx")
    assert (tmp_path / "again.cnnx").read_bytes() == (tmp_path / "model.cnnx").read_bytes()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: cnnx.GroupNorm(0), "group_norm: groups is 0, expected an integer from 1"),
        (lambda: cnnx.GroupNorm(2, epsilon=0.0), "group_norm: epsilon is 0.*, expected a finite"),
        (lambda: cnnx.LayerNorm(epsilon=-1.0), "layer_norm: epsilon is -1.*, expected a finite"),
        (lambda: cnnx.LayerNorm(epsilon=float("inf")), "LayerNorm: epsilon is inf, expected a fin"),
        (
            lambda: cnnx.Model([cnnx.GroupNorm(3)], input_shape=SHAPE),
            "layer group_norm_1: group_norm: groups is 3, expected a divisor of the 4 channels",
        ),
    ],
)
def test_wrong_values_are_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        call()


def test_wrong_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"^GroupNorm: groups is 2.0, expected an integer"):
        cnnx.GroupNorm(2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^GroupNorm: got 64 after groups, expected nothing there"):
        cnnx.GroupNorm(8, 64)

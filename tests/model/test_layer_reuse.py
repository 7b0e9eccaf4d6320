"""Layers of built models in a new model: weights, buffers, frozen flags and refusals."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.model.build import built
from model_file_parts import make_graph_model, make_model
from numpy.testing import assert_array_equal


def trained(model: cnnx.Model) -> cnnx.Model:
    """The model after a few steps, so that buffers and biases are none that a new model has."""
    rng = np.random.default_rng(1)
    x = rng.random((6, *model.input_shape), dtype=np.float32)
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.1))
    for _ in range(3):
        trainer.step(x, rng.integers(0, model.output_shape[0], 6))
    return model


def arrays(model: cnnx.Model) -> dict[str, bytes]:
    return {name: a.tobytes() for name, a in {**model.parameters, **model.buffers}.items()}


NETWORKS = {
    "chain": make_model,
    "graph": make_graph_model,
    "residual": lambda: cnnx.models.resnet20((16, 16, 3), 4),
    "parallel": lambda: cnnx.Model(
        [
            cnnx.Parallel([cnnx.Conv2d(2, 1), [cnnx.Conv2d(3, 3, padding=1), cnnx.ReLU()], []]),
            cnnx.GlobalAvgPool2d(),
            cnnx.Dense(2),
        ],
        input_shape=(6, 6, 2),
    ),
}
every_network = pytest.mark.parametrize("network", NETWORKS)


@every_network
def test_all_layers_are_the_same_model(network: str) -> None:
    model = trained(NETWORKS[network]())
    again = cnnx.Model(model.layers, input_shape=model.input_shape, classes=model.classes)
    assert arrays(again) == arrays(model)
    assert again._core.to_bytes() == model._core.to_bytes()


@every_network
def test_no_weight_is_drawn_that_is_copied(network: str, monkeypatch: Any) -> None:
    model = trained(NETWORKS[network]())
    given: list[set[str]] = []

    def noted(*arguments: Any) -> Any:
        given.append(set(arguments[5]))
        return built(*arguments)

    monkeypatch.setattr("cnnx.model.model.built", noted)
    monkeypatch.setattr("cnnx.model.variants.built", noted)
    cnnx.Model(model.layers, input_shape=model.input_shape)
    model.with_preprocessing(cnnx.Preprocessing())
    cnnx.Model([*model.layers[:-1], cnnx.Dense(7)], input_shape=model.input_shape)
    every = set(model.parameters)
    last = {f"{model.layers[-1].name}.{name}" for name in ("weight", "bias")}
    assert given == [every, every, every - last]


@every_network
def test_a_new_last_layer(network: str) -> None:
    model = trained(NETWORKS[network]())
    before = arrays(model)
    layers = [*model.layers[:-1], cnnx.Dense(7)]
    changed = cnnx.Model(layers, input_shape=model.input_shape, seed=3)
    assert changed.output_shape == (7,)
    found = arrays(changed)
    shared = {name: a for name, a in before.items() if not name.startswith("dense_1.")}
    assert shared.items() <= found.items()
    assert len(found) == len(shared) + 2
    trained(changed)
    assert arrays(model) == before  # the new model has its own memory


def test_the_preprocessing_comes_with_the_first_layer() -> None:
    model, other = make_model(), cnnx.Preprocessing("crop", 0.5, 0.5)
    changed = cnnx.Model([*model.layers[:-1], cnnx.Dense(2)], input_shape=model.input_shape)
    assert changed.preprocessing == model.preprocessing != cnnx.Preprocessing()
    given = cnnx.Model(model.layers, input_shape=model.input_shape, preprocessing=other)
    assert given.preprocessing == other
    inner = cnnx.Model([*model.layers[4:-1], cnnx.Dense(2)], input_shape=(4, 9, 6))
    assert inner.preprocessing == cnnx.Preprocessing()
    before = cnnx.Model([cnnx.ReLU(), *model.layers], input_shape=model.input_shape)
    assert before.preprocessing == cnnx.Preprocessing()


def test_layers_read_the_one_before_them() -> None:
    model = trained(make_graph_model())
    layers = list(model.layers)
    changed = cnnx.Model(
        [cnnx.Conv2d(3, 1), layers[0], cnnx.ReLU(), *layers[1:]], input_shape=model.input_shape
    )
    kinds = ["conv2d", "conv2d", "relu", "batch_norm2d"]
    assert [layer.kind for layer in changed.layers[:4]] == kinds
    inputs = [layer[3] for layer in changed._core.layers[:4]]
    assert inputs == [["input"], ["conv2d_1"], ["stem"], ["relu_1"]]
    x = np.random.default_rng(0).random((2, *model.input_shape), dtype=np.float32)
    image = changed.layer_outputs(x)["conv2d_1"]
    assert_array_equal(changed.layer_outputs(x)["stem"], model.layer_outputs(image)["stem"])


def test_frozen_layers_stay_frozen() -> None:
    model = make_model()
    for layer in model.layers[:4]:
        layer.trainable = False
    changed = cnnx.Model([*model.layers[:-1], cnnx.Dense(2)], input_shape=model.input_shape)
    assert [layer.trainable for layer in changed.layers] == [False] * 4 + [True] * 5
    kept = arrays(changed)
    trained(changed)
    moved = {name for name, a in arrays(changed).items() if a != kept[name]}
    assert moved == {"dense_1.weight", "dense_1.bias"}
    assert "frozen" in str(changed)
    assert "frozen" not in str(make_model())


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (
            lambda m: [*m.layers[3:5], cnnx.Dense(3)],
            r"holds residual_1\.add\S*, which reads \S+ and \S+, expected \S+ of the same model",
        ),
        (
            lambda m: [cnnx.Conv2d(5, 1), *m.layers],
            r"stem\.weight has shape \(\d, \d, 3, 4\) in its",
        ),
        (lambda m: [*m.layers[:2], *m.layers[:2]], "two layers are named"),
        (lambda m: [m], "layers holds Model.*, expected layers such as"),
    ],
)
def test_refusals(layers: Any, sentence: str) -> None:
    model = make_graph_model()
    with pytest.raises((ValueError, TypeError), match=sentence) as caught:
        cnnx.Model(layers(model), input_shape=model.input_shape)
    assert "\n" not in str(caught.value)

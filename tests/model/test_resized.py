"""Model.resized: the same network for images of another height and width."""

from __future__ import annotations

from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx import Conv2d, Dense, Flatten, GlobalAvgPool2d, MaxPool2d, Model, ReLU
from comparison import assert_same_bits
from graph_networks import with_random_values
from reference_network import ReferenceNetwork


def fully_convolutional() -> Model:
    """A trained model of classes, with running statistics and a frozen layer."""
    layers = [
        Conv2d(6, 3, padding="same", name="stem"),
        cnnx.BatchNorm2d(),
        ReLU(),
        cnnx.Residual([Conv2d(6, 3, padding=1), cnnx.BatchNorm2d()]),
        MaxPool2d(2, ceil_mode=True),
        cnnx.PReLU(),
        GlobalAvgPool2d(),
        Dense(2),
    ]
    model = Model(
        layers,
        input_shape=(9, 8, 3),
        classes=["X", "O"],
        preprocessing=cnnx.Preprocessing("fit", mean=0.5, std=(0.25, 0.5, 1)),
    )
    model.layers[0].trainable = False
    return with_random_values(model)


@pytest.mark.parametrize("size", [(5, 31), (9, 8), (1, 1), (64, 48)])
def test_a_copy_is_the_same_network(size: tuple[int, int], rng: np.random.Generator) -> None:
    model = fully_convolutional()
    copy = model.resized(size)
    assert copy.input_shape == (*size, 3)
    assert copy.classes == model.classes
    assert copy.preprocessing == model.preprocessing
    assert [(each.name, each.kind, each.trainable) for each in copy.layers] == [
        (each.name, each.kind, each.trainable) for each in model.layers
    ]
    for ours, its in ((model.parameters, copy.parameters), (model.buffers, copy.buffers)):
        assert list(ours) == list(its)
        for name, values in ours.items():
            assert_same_bits(its[name], values)
    x = rng.random((2, *size, 3), dtype=np.float32)
    normalised = (x - 0.5) / np.array([0.25, 0.5, 1], np.float32)
    np.testing.assert_allclose(copy(x), ReferenceNetwork(copy)(normalised), rtol=1e-3, atol=1e-4)


def test_one_number_is_a_square() -> None:
    assert fully_convolutional().resized(17).input_shape == (17, 17, 3)


def test_there_and_back_gives_the_same_bits(rng: np.random.Generator) -> None:
    model = fully_convolutional()
    x = rng.random((3, 9, 8, 3), dtype=np.float32)
    assert_same_bits(model.resized((20, 30)).resized((9, 8))(x), model(x))


def test_the_copy_is_independent(rng: np.random.Generator) -> None:
    model = fully_convolutional()
    copy = model.resized((9, 8))
    x = rng.random((4, 9, 8, 3), dtype=np.float32)
    before = model(x)
    cnnx.Trainer(copy).step(x, ["X", "O", "O", "X"])
    assert_same_bits(model(x), before)
    assert not np.array_equal(copy(x), before)


def test_the_outputs_keep_their_meaning(rng: np.random.Generator) -> None:
    model = Model([Conv2d(1, 3), GlobalAvgPool2d()], input_shape=(8, 8, 1))
    cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy())
    x = rng.random((2, 5, 6, 1), dtype=np.float32)
    copy = model.resized((5, 6))
    assert_same_bits(copy.predict_proba(x), cnnx.ops.sigmoid(copy(x)))


def test_a_copy_can_be_saved(tmp_path: Path, rng: np.random.Generator) -> None:
    copy = fully_convolutional().resized((12, 10))
    copy.save(tmp_path / "model.cnnx")
    x = rng.random((2, 12, 10, 3), dtype=np.float32)
    assert_same_bits(cnnx.load(tmp_path / "model.cnnx")(x), copy(x))


def test_a_dense_after_flatten_is_named() -> None:
    model = Model([Conv2d(2, 3), Flatten(), ReLU(), Dense(5, name="head")], input_shape=(8, 8, 1))
    with pytest.raises(
        ValueError,
        match=r"^resized: layer head: its weight has shape \(72, 5\), but images of \(9, 8\) need "
        r"\(84, 5\), expected a layer for images of any size, such as GlobalAvgPool2d instead of",
    ):
        model.resized((9, 8))
    assert model.resized((8, 8)).input_shape == (8, 8, 1)


def test_a_layer_that_does_not_fit_is_named() -> None:
    model = Model([Conv2d(2, 5, name="stem"), GlobalAvgPool2d()], input_shape=(8, 8, 1))
    with pytest.raises(ValueError, match=r"^resized: layer stem: conv2d: .*kernel"):
        model.resized((4, 8))


@pytest.mark.parametrize("size", [(0, 8), (8, -1), (2**31, 1)])
def test_a_size_out_of_range_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"^resized: size is \(.*\), expected \(height, width\)"):
        fully_convolutional().resized(size)


def test_a_size_of_another_form_is_refused() -> None:
    with pytest.raises(TypeError, match=r"resized: size is 2\.5, expected an integer or"):
        fully_convolutional().resized(2.5)  # type: ignore[arg-type]

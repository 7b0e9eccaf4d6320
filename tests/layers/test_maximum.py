"""Maximum of several arrays, and which of them gets the gradient."""

from __future__ import annotations

import cnnx
import numpy as np
import pytest
from comparison import assert_same_bits
from gradient_checks import check_gradients
from samples import Float32Array

SHAPE = (5, 7, 3)


def scales(*factors: float) -> cnnx.Model:
    """The maximum of the image times each factor."""
    image = cnnx.Input(SHAPE)
    inputs = [cnnx.Scale2d(bias=False)(image) for _ in factors]
    model = cnnx.Model.from_graph(image, cnnx.Maximum()(*inputs))
    for index, factor in enumerate(factors, 1):
        model.parameters[f"scale2d_{index}.weight"] = np.full(SHAPE[2], factor, np.float32)
    return model


def images(rng: np.random.Generator) -> Float32Array:
    return rng.standard_normal((4, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize("factors", [(1, -1), (-1, 1), (0.5, -2, 1), (1, 0, -1, 2, -3)])
def test_the_largest_number_is_the_output(
    factors: tuple[float, ...], rng: np.random.Generator
) -> None:
    x, model = images(rng), scales(*factors)
    assert_same_bits(model(x), np.max([x * np.float32(each) for each in factors], axis=0))
    check_gradients(model, x, 1e-6)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_nan_of_any_input_is_the_output(place: int, rng: np.random.Generator) -> None:
    parts = {name: cnnx.Input(SHAPE) for name in "abc"}
    model = cnnx.Model.from_graph(parts, cnnx.Maximum()(*parts.values()))
    x = {name: images(rng) for name in "abc"}
    expected = np.max(list(x.values()), axis=0)
    assert_same_bits(model(x), expected)
    x["abc"[place]][1, 2, 3] = expected[1, 2, 3] = np.nan
    np.testing.assert_array_equal(model(x), expected)


@pytest.mark.parametrize(
    ("factors", "chosen"), [((1, 1), 0), ((1, 1, 1), 0), ((-1, 1, 1), 1), ((0.5, 0.5, 2), 2)]
)
def test_the_first_of_equally_large_inputs_gets_the_gradient(
    factors: tuple[float, ...], chosen: int, rng: np.random.Generator
) -> None:
    x = rng.uniform(0.125, 1, (4, *SHAPE)).astype(np.float32)
    model = scales(*factors)
    trainer = cnnx.Trainer(model, loss=cnnx.MSE())
    trainer.compute_gradients(x, np.zeros_like(x))
    gradients = trainer.gradients.reshape(len(factors), -1)
    assert [bool(each.any()) for each in gradients] == [
        place == chosen for place in range(len(factors))
    ]
    check_gradients(model, x, 1e-5)


def test_an_array_compared_with_itself_passes_its_gradient_once(rng: np.random.Generator) -> None:
    image = cnnx.Input(SHAPE)
    maps = cnnx.Conv2d(3, 3, padding=1)(image)
    model = cnnx.Model.from_graph(image, cnnx.Maximum()(maps, maps, maps))
    check_gradients(model, images(rng), 1e-5)


def test_vectors_are_compared_as_images_are(rng: np.random.Generator) -> None:
    image, x = cnnx.Input(SHAPE), images(rng)
    flat = cnnx.Flatten()(image)
    model = cnnx.Model.from_graph(image, cnnx.Maximum()(flat, cnnx.Tanh()(flat)))
    assert_same_bits(model(x), np.maximum(x.reshape(4, -1), cnnx.ops.tanh(x.reshape(4, -1))))


def test_inputs_of_several_shapes_are_refused() -> None:
    image = cnnx.Input(SHAPE)
    sentence = (
        r"layer maximum_1: maximum: its inputs have shapes \(1, 5, 7, 3\) and \(1, 5, 7, 4\), "
        "expected equal ones$"
    )
    with pytest.raises(ValueError, match=sentence):
        cnnx.Model.from_graph(image, cnnx.Maximum()(image, cnnx.Conv2d(4, 1)(image)))

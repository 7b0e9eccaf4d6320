"""Trained arrays that are the same for every image: values, gradients, and uses in networks."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
import reference
from cnnx import ops
from comparison import (
    assert_exactly_equal,
    assert_form_does_not_matter,
    assert_same_bits,
    assert_threads_do_not_matter,
    assert_within_bound,
)
from gradient_checks import check_gradients, gradients_by_name
from samples import gaussians, small_integers

# Shapes of the images and of the array.
SIZES = [
    ((1, 1), (1, 1, 1)),
    ((3, 5), (2, 3, 4)),
    ((2, 4, 5, 3), (1, 197, 24)),
    ((17, 2, 2, 1), (5, 7, 33)),
    ((300, 2), (1, 1, 19)),
]
every_size = pytest.mark.parametrize(("images", "size"), SIZES, ids=str)


@every_size
def test_every_image_gets_the_array(
    images: tuple[int, ...], size: tuple[int, int, int], rng: np.random.Generator
) -> None:
    x, weight = gaussians(rng, *images), gaussians(rng, *size)
    assert_same_bits(ops.parameter(x, weight), np.stack([weight] * len(x)))


@every_size
def test_gradients_are_zero_and_a_sum_over_the_images(
    images: tuple[int, ...], size: tuple[int, int, int], rng: np.random.Generator
) -> None:
    x, weight, grad = (gaussians(rng, *each) for each in (images, size, (images[0], *size)))
    grad_input, grad_weight = ops.parameter_backward(grad, x, weight)
    expected_input, expected = reference.parameter_backward(grad, x)
    assert_exactly_equal(grad_input, expected_input)
    assert_within_bound(grad_weight, expected, terms=1, magnitude=expected)


def test_an_empty_batch_has_no_gradient() -> None:
    weight, empty = np.ones((2, 3, 4), np.float32), np.zeros((0, 5), np.float32)
    assert ops.parameter(empty, weight).shape == (0, 2, 3, 4)
    grads = ops.parameter_backward(np.zeros((0, 2, 3, 4)), empty, weight)
    assert_exactly_equal(grads[0], empty)
    assert_exactly_equal(grads[1], np.zeros_like(weight))


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    x, weight = small_integers(rng, 3, 5), small_integers(rng, 2, 3, 4)
    assert_form_does_not_matter(ops.parameter, x, weight)
    grad = small_integers(rng, 3, 2, 3, 4)
    assert_form_does_not_matter(ops.parameter_backward, grad, x, weight)


@pytest.mark.usefixtures("restore_threads")
def test_threads_do_not_matter(rng: np.random.Generator) -> None:
    x, weight, grad = (gaussians(rng, *size) for size in ((9, 40), (9, 64, 65), (9, 9, 64, 65)))
    assert_threads_do_not_matter(ops.parameter, x, weight)
    assert_threads_do_not_matter(ops.parameter_backward, grad, x, weight)


def vision_transformer() -> cnnx.Model:
    """A class token before patches, positions, and features of the token."""
    image = cnnx.Input((8, 8, 3))
    patches = cnnx.Conv2d(6, 4, stride=4)(image)
    token = cnnx.Parameter(1, 6, name="token")(patches)
    tokens = cnnx.Concat()(token, cnnx.Reshape(1, 24)(patches))
    positions = cnnx.Parameter((1, 5), 6, name="positions")(tokens)
    tokens = cnnx.Add()(cnnx.Reshape((1, 5), 6)(tokens), positions)
    mixed = cnnx.MatMul()(cnnx.Softmax()(cnnx.MatMul("second")(tokens, tokens)), tokens)
    features = cnnx.Flatten()(cnnx.Crop2d(((0, 0), (0, 4)))(mixed))
    return cnnx.Model.from_graph(image, cnnx.Dense(3)(features), seed=2)


def test_gradients_of_tokens_and_positions(rng: np.random.Generator) -> None:
    model = vision_transformer()
    for name in ("token.weight", "positions.weight"):
        model.parameters[name] = rng.standard_normal(model.parameters[name].shape)
    check_gradients(model, gaussians(rng, 4, 8, 8, 3), 1e-5)


def test_a_gradient_that_is_added_to_that_of_another_reader(rng: np.random.Generator) -> None:
    image = cnnx.Input((5, 4, 3))
    maps = cnnx.Conv2d(6, 3, padding=1)(image)
    product = cnnx.Multiply()(maps, cnnx.Parameter((5, 4), 6)(maps))
    model = cnnx.Model.from_graph(image, cnnx.Add()(product, cnnx.ReLU()(maps)), seed=3)
    check_gradients(model, gaussians(rng, 4, 5, 4, 3), 1e-5)


@pytest.mark.usefixtures("restore_threads")
def test_bits_of_a_training_do_not_depend_on_threads(rng: np.random.Generator) -> None:
    x, y = gaussians(rng, 12, 8, 8, 3), rng.integers(0, 3, 12)
    found = []
    for threads in (1, 2, 3):
        cnnx.set_num_threads(threads)
        model = vision_transformer()
        cnnx.Trainer(model, seed=1).fit(x, y, epochs=2, batch_size=5)
        found.append([each.tobytes() for each in model.parameters.values()])
    assert found[0] == found[1] == found[2]


def rounded(x: Any) -> Any:
    """The nearest bfloat16, halves to even."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


@pytest.mark.filterwarnings("ignore::cnnx.Warning")
def test_bfloat16_rounds_the_array_and_sums_gradients_in_floats(rng: np.random.Generator) -> None:
    image = cnnx.Input((2, 2, 1))
    array = cnnx.Parameter((3, 4), 5, name="array")(image)
    model = cnnx.Model.from_graph(image, cnnx.Flatten()(cnnx.MaxPool2d(1)(array)))
    model.parameters["array.weight"] = weight = gaussians(rng, 3, 4, 5)
    model.compute_dtype = "bfloat16"
    x, y = gaussians(rng, 33, 2, 2, 1), gaussians(rng, 33, 60)
    assert_same_bits(model(x), np.stack([rounded(weight).ravel()] * 33))
    trainer = cnnx.Trainer(model, loss=cnnx.MSE())
    trainer.compute_gradients(x, y)
    grads = 2 * (rounded(weight).ravel() - y) / y.size
    found = gradients_by_name(trainer)["array.weight"].ravel()
    exact = rounded(grads).astype(np.float64).sum(axis=0)
    assert_within_bound(found, exact, terms=len(x), magnitude=np.abs(grads).sum(axis=0))


def test_it_begins_with_a_deviation_of_0_02() -> None:
    image = cnnx.Input((2, 2, 1))
    model = cnnx.Model.from_graph(image, cnnx.Parameter(64, 8)(image), seed=1)
    values = model.parameters["parameter_1.weight"]
    assert np.std(values) == pytest.approx(0.02, rel=0.02)
    assert np.mean(values) == pytest.approx(0, abs=1e-3)
    assert np.abs(values).max() < 0.035


def test_coordinates_that_training_does_not_change(rng: np.random.Generator) -> None:
    image = cnnx.Input((4, 6, 3))
    places = cnnx.Parameter((4, 6), 2, name="places")
    places.trainable = False
    joined = cnnx.Concat()(image, places(image))
    model = cnnx.Model.from_graph(image, cnnx.GlobalAvgPool2d()(cnnx.Conv2d(4, 3)(joined)))
    rows, columns = np.linspace(-1, 1, 4), np.linspace(-1, 1, 6)
    model.parameters["places.weight"] = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1)
    before = model.parameters["places.weight"].copy()
    x = gaussians(rng, 5, 4, 6, 3)
    cnnx.Trainer(model).fit(x, rng.integers(0, 4, 5), epochs=2)
    assert_same_bits(model.parameters["places.weight"], before)
    assert_same_bits(model.layer_outputs(x)["places"][3], before)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ops.parameter([1.0], [1.0]), r"parameter: weight has shape \(1,\), expected \(h"),
        (lambda: ops.parameter(1.0, [[[1.0]]]), r"parameter: x has shape \(\), expected a batch"),
        (lambda: cnnx.Parameter(0, 3), r"parameter: size is \(0, 0\), expected two integers >= 1"),
        (lambda: cnnx.Parameter(2, 0), r"parameter: channels is 0, expected an integer from 1"),
    ],
)
def test_errors(call: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()


def test_an_array_beyond_any_memory_is_refused() -> None:
    image = cnnx.Input((2, 2, 1))
    with pytest.raises(ValueError, match=r"parameter: the output of shape .* has too many"):
        cnnx.Model.from_graph(image, cnnx.Parameter(10**6, 10**3)(image))

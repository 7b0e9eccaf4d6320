"""Matrix products of two images, forward and backward, in every order of their axes."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
import reference
from comparison import assert_exactly_equal, assert_same_bits, assert_within_bound
from gradient_checks import check_gradients
from reference_network import ReferenceNetwork
from samples import Float32Array

TRANSPOSED = ("none", "first", "second")
# (rows of pixels, rows, depth and columns of the matrices)
Sizes = tuple[int, int, int, int]
SIZES: list[Sizes] = [
    (1, 1, 1, 1),
    (1, 1, 300, 40),
    (2, 2, 3, 1),
    (3, 7, 5, 17),
    (2, 49, 32, 49),
    (1, 3, 257, 33),
    (1, 260, 8, 31),
    (2, 5, 1, 64),
    (5, 33, 256, 6),
]
every_form = pytest.mark.parametrize("transposed", TRANSPOSED)
every_size = pytest.mark.parametrize("sizes", SIZES, ids=str)


def shapes(transposed: str, sizes: Sizes) -> dict[str, tuple[int, int, int]]:
    """Of two images that fit each other."""
    height, rows, depth, columns = sizes
    x = (depth, rows) if transposed == "first" else (rows, depth)
    y = (columns, depth) if transposed == "second" else (depth, columns)
    return {"x": (height, *x), "y": (height, *y)}


def images(transposed: str, sizes: Sizes, rng: np.random.Generator) -> dict[str, Float32Array]:
    return {
        name: rng.standard_normal((3, *shape)).astype(np.float32)
        for name, shape in shapes(transposed, sizes).items()
    }


def whole_numbers(
    transposed: str, sizes: Sizes, rng: np.random.Generator
) -> dict[str, Float32Array]:
    """So small that no sum is rounded."""
    return {
        name: rng.integers(-8, 9, (3, *shape)).astype(np.float32)
        for name, shape in shapes(transposed, sizes).items()
    }


def product_of(transposed: Any, sizes: Sizes) -> cnnx.Model:
    """A model of the product alone."""
    inputs = {name: cnnx.Input(shape) for name, shape in shapes(transposed, sizes).items()}
    return cnnx.Model.from_graph(inputs, cnnx.MatMul(transposed)(*inputs.values()))


@every_size
@every_form
def test_products_of_whole_numbers_are_exact(
    transposed: str, sizes: Sizes, rng: np.random.Generator
) -> None:
    given, model = whole_numbers(transposed, sizes, rng), product_of(transposed, sizes)
    x, y = given.values()
    assert_exactly_equal(model(given), reference.matmul(x, y, transposed=transposed))
    grad = rng.integers(-8, 9, (3, *model.output_shape)).astype(np.float32)
    expected = reference.matmul_backward(grad, x, y, transposed=transposed)
    for name, each in zip(given, expected, strict=True):
        assert_exactly_equal(model.gradients(given, grad, of=name), each)


@every_size
@every_form
def test_products_are_rounded_as_one_sum(
    transposed: str, sizes: Sizes, rng: np.random.Generator
) -> None:
    given, model = images(transposed, sizes, rng), product_of(transposed, sizes)
    x, y = given.values()
    assert_within_bound(
        model(given),
        reference.matmul(x, y, transposed=transposed),
        terms=sizes[2],
        magnitude=reference.matmul(abs(x), abs(y), transposed=transposed),
    )


@every_form
def test_bits_depend_on_neither_threads_nor_the_batch(
    transposed: str, rng: np.random.Generator, restore_threads: None
) -> None:
    for sizes in ((2, 70, 300, 37), (1, 3, 400, 900), (5, 17, 9, 12)):
        given, model = images(transposed, sizes, rng), product_of(transposed, sizes)
        grad = rng.standard_normal((3, *model.output_shape)).astype(np.float32)
        cnnx.set_num_threads(1)
        one = [model(given), *(model.gradients(given, grad, of=name) for name in given)]
        for count in (2, 3):
            cnnx.set_num_threads(count)
            for image in range(3):
                single = {name: each[image : image + 1] for name, each in given.items()}
                assert_same_bits(model(single), one[0][image : image + 1])
            found = [model(given), *(model.gradients(given, grad, of=name) for name in given)]
            for each, expected in zip(found, one, strict=True):
                assert_same_bits(each, expected)


def attention(transposed: bool) -> cnnx.Model:
    """Two heads over the rows of the image, whose maps are queries, keys and values."""
    image = cnnx.Input((2, 9, 5))
    # A number that is added to all keys changes no softmax.
    queries, keys, values = (cnnx.Conv2d(7, 1, bias=k != 1)(image) for k in range(3))
    if transposed:  # of channels
        scores = cnnx.Softmax()(cnnx.MatMul("first")(queries, keys))
        return cnnx.Model.from_graph(image, cnnx.MatMul("second")(values, scores), seed=2)
    scores = cnnx.Softmax()(cnnx.MatMul("second")(queries, keys))
    return cnnx.Model.from_graph(image, cnnx.MatMul()(scores, values), seed=2)


@pytest.mark.parametrize("transposed", [False, True])
def test_attention_has_the_gradients_of_the_reference(
    transposed: bool, rng: np.random.Generator
) -> None:
    model, x = attention(transposed), rng.standard_normal((4, 2, 9, 5)).astype(np.float32)
    np.testing.assert_allclose(model(x), ReferenceNetwork(model)(x), atol=1e-6)
    check_gradients(model, x, 1e-5)


@every_form
def test_an_array_times_itself_has_both_gradients(
    transposed: Any, rng: np.random.Generator
) -> None:
    image = cnnx.Input((3, 6, 6))
    maps = cnnx.Conv2d(6, 1)(image)
    model = cnnx.Model.from_graph(image, cnnx.MatMul(transposed)(maps, maps), seed=1)
    check_gradients(model, rng.standard_normal((4, 3, 6, 6)).astype(np.float32), 1e-5)


EXPECTED = {
    "none": "as many rows, and as many channels of the first as columns of the second",
    "first": "as many rows, and as many columns",
    "second": "as many rows, and as many channels",
}


@every_form
def test_matrices_that_do_not_fit_are_refused(transposed: Any) -> None:
    for other in ((4, 7, 5), (3, 8, 6)):
        image = cnnx.Input((3, 7, 5))
        features = cnnx.Dense(int(np.prod(other)))(cnnx.Flatten()(image))
        second = cnnx.Reshape(other[:2], other[2])(features)
        sentence = (
            rf"layer matmul_1: matmul: its inputs have shapes \(1, 3, 7, 5\) and "
            rf"\(1, {other[0]}, {other[1]}, {other[2]}\), expected {EXPECTED[transposed]}$"
        )
        with pytest.raises(ValueError, match=sentence):
            cnnx.Model.from_graph(image, cnnx.MatMul(transposed)(image, second))


def test_lists_are_refused() -> None:
    image = cnnx.Input((3, 7, 5))
    features = cnnx.Flatten()(image)
    with pytest.raises(ValueError, match=r"matmul: x has shape \(1, 105\), expected"):
        cnnx.Model.from_graph(image, cnnx.MatMul()(features, features))


def test_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match="MatMul: transposed is 'both', expected 'none' or"):
        cnnx.MatMul("both")  # type: ignore[arg-type]

"""prelu and its backward against the reference, and the layer in a model and its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cnnx
import numpy as np
import pytest
import reference
from cnnx import ops
from comparison import (
    assert_exactly_equal,
    assert_form_does_not_matter,
    assert_gradient,
    assert_same_bits,
    assert_threads_do_not_matter,
    assert_within_bound,
)
from hypothesis import given
from hypothesis import strategies as st
from samples import gaussians, small_integers

pytestmark = pytest.mark.parity

SIZES = [
    *[(2, 3, 5, channels) for channels in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40, 600)],
    # Pixels around the four chains of a sum, a chunk's 16 pixels, and beyond many chunks.
    *[(1, 1, pixels, 5) for pixels in (1, 2, 3, 4, 5, 7, 8, 15, 16, 17)],
    *[(pixels, 600) for pixels in (1, 15, 16, 17, 33)],
    (1, 64, 65, 1),
    (64, 8, 8, 17),
    (7,),
]
every_size = pytest.mark.parametrize("size", SIZES, ids=str)


@every_size
def test_forward(size: tuple[int, ...], rng: np.random.Generator) -> None:
    x, weight = gaussians(rng, *size), gaussians(rng, size[-1])
    exact = reference.prelu(x, weight)
    assert_within_bound(ops.prelu(x, weight), exact, terms=1, magnitude=exact)


@every_size
def test_backward(size: tuple[int, ...], rng: np.random.Generator) -> None:
    x, grad_output, weight = gaussians(rng, *size), gaussians(rng, *size), gaussians(rng, size[-1])
    grads = ops.prelu_backward(grad_output, x, weight)
    expected_grads = reference.prelu_backward(grad_output, x, weight)
    products = abs(x * grad_output).reshape(-1, size[-1]).sum(axis=0)
    assert_within_bound(grads[0], expected_grads[0], terms=1, magnitude=expected_grads[0])
    assert_within_bound(grads[1], expected_grads[1], terms=x.size // size[-1], magnitude=products)


@every_size
def test_exact_on_small_integers(size: tuple[int, ...], rng: np.random.Generator) -> None:
    """Inputs with zeros, where the gradient is the slope."""
    x, grad_output = small_integers(rng, *size), small_integers(rng, *size)
    weight = small_integers(rng, size[-1])
    assert_exactly_equal(ops.prelu(x, weight), reference.prelu(x, weight))
    grads = ops.prelu_backward(grad_output, x, weight)
    for grad, exact in zip(grads, reference.prelu_backward(grad_output, x, weight), strict=True):
        assert_exactly_equal(grad, exact)


def test_one_slope_everywhere_is_leaky_relu(rng: np.random.Generator) -> None:
    x, grad_output, weight = gaussians(rng, 3, 5, 7), gaussians(rng, 3, 5, 7), np.full(7, 0.1)
    assert_same_bits(ops.prelu(x, weight), ops.leaky_relu(x, negative_slope=0.1))
    expected = ops.leaky_relu_backward(grad_output, x, negative_slope=0.1)
    assert_same_bits(ops.prelu_backward(grad_output, x, weight)[0], expected)


def test_nan_and_infinity_affect_only_their_position() -> None:
    x = np.array([[np.nan, np.inf, -np.inf, -1.0, 2.0]] * 3, np.float32)
    weight = np.full(5, 0.5, np.float32)
    assert_exactly_equal(ops.prelu(x, weight), [[np.nan, np.inf, -np.inf, -0.5, 2.0]] * 3)
    grad_output = np.array([[1.0, 1.0, 1.0, 1.0, np.inf]] * 3, np.float32)
    _, grad_weight = ops.prelu_backward(grad_output, x, weight)
    assert_exactly_equal(grad_weight, [0.0, 0.0, -np.inf, -3.0, 0.0])


def test_an_empty_batch_has_no_gradient() -> None:
    empty = np.zeros((0, 3, 3, 2), np.float32)
    assert ops.prelu(empty, [1, 1]).shape == empty.shape
    assert_exactly_equal(ops.prelu_backward(empty, empty, [1, 1])[1], [0.0, 0.0])


def test_the_reference_by_finite_differences(rng: np.random.Generator) -> None:
    x, grad_output, weight = *rng.standard_normal((2, 3, 4, 5)), rng.standard_normal(5)
    grad_input, grad_weight = reference.prelu_backward(grad_output, x, weight)
    assert_gradient(grad_input, lambda x: reference.prelu(x, weight), x, grad_output)
    assert_gradient(grad_weight, lambda w: reference.prelu(x, w), weight, grad_output)


@given(
    leading=st.lists(st.integers(1, 6), max_size=3), channels=st.integers(1, 40), seed=st.integers()
)
def test_any_shape(leading: list[int], channels: int, seed: int) -> None:
    rng = np.random.default_rng(abs(seed))
    x, grad_output = (small_integers(rng, *leading, channels) for _ in range(2))
    weight = small_integers(rng, channels)
    assert_exactly_equal(ops.prelu(x, weight), reference.prelu(x, weight))
    grads = ops.prelu_backward(grad_output, x, weight)
    for grad, exact in zip(grads, reference.prelu_backward(grad_output, x, weight), strict=True):
        assert_exactly_equal(grad, exact)


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    x, grad_output, weight = (small_integers(rng, *size) for size in ((3, 4, 6), (3, 4, 6), (6,)))
    assert_form_does_not_matter(ops.prelu, x, weight)
    assert_form_does_not_matter(ops.prelu_backward, grad_output, x, weight)


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize("size", [(64, 16, 16, 17), (2, 130, 130, 3), (530, 600)], ids=str)
def test_threads_do_not_matter(size: tuple[int, ...], rng: np.random.Generator) -> None:
    x, grad_output, weight = gaussians(rng, *size), gaussians(rng, *size), gaussians(rng, size[-1])
    assert_threads_do_not_matter(ops.prelu, x, weight)
    assert_threads_do_not_matter(ops.prelu_backward, grad_output, x, weight)


X = np.zeros((2, 3, 5))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ops.prelu(1.0, [1.0]), r"prelu: x has shape \(\), expected at least one channel"),
        (lambda: ops.prelu(X[..., :0], []), r"prelu: x has shape \(2, 3, 0\), expected at least"),
        (lambda: ops.prelu(X, 0.25), r"prelu: weight has shape \(\), expected \(5,\)"),
        (
            lambda: ops.prelu_backward(X, X, X[0]),
            r"prelu_backward: weight has shape \(3, 5\), expected \(5,\)",
        ),
        (
            lambda: ops.prelu_backward(X[:1], X, X[0, 0]),
            r"prelu_backward: grad_output has shape \(1, 3, 5\), expected \(2, 3, 5\)",
        ),
        (lambda: cnnx.PReLU(float("nan")), "PReLU: initial is nan, expected a finite number"),
    ],
)
def test_wrong_values_are_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        call()


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"^prelu: x has dtype complex128, expected real numbers"):
        ops.prelu(X * 1j, X[0, 0])
    with pytest.raises(TypeError, match=r"^PReLU: initial is 'small', expected a number"):
        cnnx.PReLU("small")  # type: ignore[arg-type]


def test_a_new_layer_has_its_initial_parameters() -> None:
    layers = [cnnx.PReLU(), cnnx.Flatten(), cnnx.PReLU(-0.5)]
    model = cnnx.Model(layers, input_shape=(1, 2, 3))
    assert {name: array.tolist() for name, array in model.parameters.items()} == {
        "prelu_1.weight": [0.25] * 3,
        "prelu_2.weight": [-0.5] * 6,
    }


def test_a_file_holds_the_slopes_and_not_their_initial_value(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    layers = [cnnx.Conv2d(5, 3), cnnx.PReLU(0.5), cnnx.Flatten(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(6, 6, 3), seed=1)
    model.parameters["prelu_1.weight"] = rng.standard_normal(5)
    model.save(tmp_path / "model.cnnx")
    again = cnnx.load(tmp_path / "model.cnnx")
    assert {name: [*array.shape] for name, array in again.parameters.items()} == {
        name: [*array.shape] for name, array in model.parameters.items()
    }
    assert b'"prelu_1.weight"' in (tmp_path / "model.cnnx").read_bytes()
    assert b"initial" not in (tmp_path / "model.cnnx").read_bytes()
    x = gaussians(rng, 3, 6, 6, 3)
    for each in (again, model.clone()):
        assert_same_bits(each.parameters["prelu_1.weight"], model.parameters["prelu_1.weight"])
        assert_same_bits(each(x), model(x))


def test_training_updates_the_slopes_unless_they_are_frozen(rng: np.random.Generator) -> None:
    for trainable in (True, False):
        layer = cnnx.PReLU()
        layer.trainable = trainable
        layers = [cnnx.Dense(7), layer, cnnx.Dense(2)]
        model = cnnx.Model([cnnx.Flatten(), *layers], input_shape=(2, 2, 3), seed=2)
        trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.1), loss=cnnx.MSE())
        trainer.step(gaussians(rng, 9, 2, 2, 3), gaussians(rng, 9, 2))
        moved = (model.parameters["prelu_1.weight"] != np.float32(0.25)).any()
        assert bool(moved) is trainable

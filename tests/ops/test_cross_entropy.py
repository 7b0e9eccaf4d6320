"""cross_entropy on logits and its gradient against the reference; weights, soft labels."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference
from cnnx import ops
from comparison import (
    assert_gradient,
    assert_number_within_bound,
    assert_same_bits,
    assert_threads_do_not_matter,
    assert_within_bound,
)
from hypothesis import given
from hypothesis import strategies as st
from samples import Float32Array, every_second, gaussians, on_a_float_boundary, small_integers

pytestmark = pytest.mark.parity

# (rows, classes)
SHAPES = [
    (1, 1),
    (1, 7),
    (13, 2),
    (7, 3),
    (64, 10),
    (65, 13),
    (6, 20),
    (5, 24),
    (3, 1000),
    (257, 4),
    (40, 16),
]


def check(logits: Float32Array, labels: npt.NDArray[np.int64], label_smoothing: float) -> None:
    rows, classes = logits.shape
    settings = {"label_smoothing": label_smoothing}
    assert_number_within_bound(
        ops.cross_entropy(logits, labels, **settings),
        reference.cross_entropy(logits, labels, **settings),
        terms=rows + classes,
        magnitude=np.log(classes) + 2 * np.abs(logits).max(),
    )
    target = reference.smoothed_targets(labels, classes, label_smoothing)
    assert_within_bound(
        ops.cross_entropy_backward(logits, labels, **settings),
        reference.cross_entropy_backward(logits, labels, **settings),
        terms=classes,
        magnitude=(reference.softmax(logits) + target) / rows,
    )


def random_soft_labels(rng: np.random.Generator, rows: int, classes: int) -> Float32Array:
    """Rows that add up to 1, most of them with zeros."""
    soft_labels = rng.random((rows, classes)) * rng.integers(0, 2, (rows, classes)) + 1e-9
    return np.asarray(soft_labels / soft_labels.sum(axis=1, keepdims=True), np.float32)


def check_weighted(
    logits: Float32Array, labels: npt.NDArray[Any], weights: Float32Array | None, smoothing: float
) -> None:
    rows, classes = logits.shape
    settings: dict[str, Any] = {"label_smoothing": smoothing, "class_weights": weights}
    target, total = reference.weighted_targets(labels, classes, smoothing, weights)
    assert_number_within_bound(
        ops.cross_entropy(logits, labels, **settings),
        reference.cross_entropy(logits, labels, **settings),
        terms=rows + classes,
        magnitude=target.sum() / total * (np.log(classes) + 2 * np.abs(logits).max()),
    )
    largest = target.sum(axis=1, keepdims=True) * reference.softmax(logits) + target
    assert_within_bound(
        ops.cross_entropy_backward(logits, labels, **settings),
        reference.cross_entropy_backward(logits, labels, **settings),
        terms=classes,
        magnitude=largest / total,
    )


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_class_weights_and_soft_labels_equal_the_reference(
    shape: tuple[int, int], label_smoothing: float, rng: np.random.Generator
) -> None:
    weights = np.asarray(rng.random(shape[1]), np.float32)
    labels, soft_labels = rng.integers(0, shape[1], shape[0]), random_soft_labels(rng, *shape)
    for logits in (small_integers(rng, *shape), gaussians(rng, *shape)):
        check_weighted(logits, labels, weights, label_smoothing)
        check_weighted(logits, soft_labels, None, label_smoothing)
        check_weighted(logits, soft_labels, weights, label_smoothing)


def test_one_hot_soft_labels_equal_labels(rng: np.random.Generator) -> None:
    logits, labels = gaussians(rng, 7, 5), rng.integers(0, 5, 7)
    for settings in ({}, {"class_weights": [1, 2, 0, 0.5, 1]}, {"label_smoothing": 0.2}):
        for function in (ops.cross_entropy, ops.cross_entropy_backward):
            expected = function(logits, labels, **settings)
            actual = function(logits, np.eye(5)[labels], **settings)
            np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-7)


def test_the_weighted_mean() -> None:
    """PyTorch's formula: rows of losses 1 and 3 with weights 3 and 1 have the mean (3 + 3) / 4."""
    logits = np.array([[0.0, np.log(np.e - 1)], [np.log(np.e**3 - 1), 0.0]], np.float32)
    assert ops.cross_entropy(logits, [0, 1]) == pytest.approx(2.0, rel=1e-6)
    weighted = ops.cross_entropy(logits, [0, 1], class_weights=[3, 1])
    assert weighted == pytest.approx(1.5, rel=1e-6)


def test_rows_of_weight_zero_have_no_loss() -> None:
    logits = np.ones((2, 3), np.float32)
    assert ops.cross_entropy(logits, [1, 1], class_weights=[1, 0, 1]) == 0
    gradient = ops.cross_entropy_backward(logits, [1, 1], class_weights=[1, 0, 1])
    np.testing.assert_array_equal(gradient, np.zeros((2, 3)))


def test_a_class_of_probability_zero_may_have_an_infinite_logit() -> None:
    logits = np.array([[0.0, -np.inf, 0.0]], np.float32)
    soft_labels = [[0.5, 0.0, 0.5]]
    assert ops.cross_entropy(logits, soft_labels) == pytest.approx(np.log(2), rel=1e-6)
    gradient = ops.cross_entropy_backward(logits, soft_labels)
    np.testing.assert_array_equal(gradient, np.zeros((1, 3)))


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_the_reference(
    shape: tuple[int, int], label_smoothing: float, rng: np.random.Generator
) -> None:
    labels = rng.integers(0, shape[1], shape[0])
    check(small_integers(rng, *shape), labels, label_smoothing)
    check(gaussians(rng, *shape), labels, label_smoothing)


def test_known_values() -> None:
    zeros = np.zeros((3, 4), np.float32)
    assert ops.cross_entropy(zeros, [0, 1, 3]) == pytest.approx(np.log(4), rel=3e-7)
    far = np.array([[1000.0, 0.0], [0.0, -1000.0]], np.float32)
    assert ops.cross_entropy(far, [1, 0]) == 500.0  # the mean of 1000 and 0
    gradient = ops.cross_entropy_backward(far, [1, 0])
    np.testing.assert_array_equal(gradient, [[0.5, -0.5], [0.0, 0.0]])


def test_the_mean_is_over_the_rows_given(rng: np.random.Generator) -> None:
    logits, labels = gaussians(rng, 7, 5), rng.integers(0, 5, 7)
    rows = [ops.cross_entropy(logits[i : i + 1], labels[i : i + 1]) for i in range(7)]
    assert ops.cross_entropy(logits, labels) == pytest.approx(np.mean(rows), rel=1e-6)


@pytest.mark.parametrize("classes", [1, 2, 3, 4, 5, 8, 10, 16, 17])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_at_once_have_the_bits_of_single_rows(
    classes: int, label_smoothing: float, weighted: bool, rng: np.random.Generator
) -> None:
    """Sixteen rows of at most sixteen classes are processed at once."""
    weights = np.full(classes, 0.5) if weighted else None
    settings = {"label_smoothing": label_smoothing, "class_weights": weights}
    logits, labels = 5 * gaussians(rng, 64, classes), rng.integers(0, classes, 64)
    logits[3, 0], logits[20, classes - 1], logits[30] = np.nan, -np.inf, -0.0
    rows = [
        ops.cross_entropy_backward(logits[i : i + 1], labels[i : i + 1], **settings)
        for i in range(64)
    ]
    # The mean divides by a power of two.
    assert_same_bits(
        ops.cross_entropy_backward(logits, labels, **settings), np.concatenate(rows) / 64
    )


def test_nan_reaches_the_loss_and_only_its_row_of_the_gradient(
    rng: np.random.Generator,
) -> None:
    logits, labels = gaussians(rng, 5, 13), rng.integers(0, 13, 5)
    clean = ops.cross_entropy_backward(logits, labels)
    logits[2, 7] = np.nan
    assert np.isnan(ops.cross_entropy(logits, labels))
    gradient = ops.cross_entropy_backward(logits, labels)
    assert np.isnan(gradient[2]).any()
    assert_same_bits(np.delete(gradient, 2, axis=0), np.delete(clean, 2, axis=0))


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_gradient_of_the_reference_by_finite_differences(
    label_smoothing: float, rng: np.random.Generator
) -> None:
    logits, labels = rng.standard_normal((4, 5)), rng.integers(0, 5, 4)
    settings = {"label_smoothing": label_smoothing}
    weighted = {**settings, "class_weights": [0.5, 0.0, 2.0, 1.0, 1.0]}
    soft_labels = random_soft_labels(rng, 4, 5).astype(np.float64)
    for target, used in ((labels, settings), (labels, weighted), (soft_labels, weighted)):
        backward = partial(reference.cross_entropy_backward, **used)  # type: ignore[arg-type]
        loss = partial(reference.cross_entropy, labels=target, **used)  # type: ignore[arg-type]
        assert_gradient(backward(logits, target), loss, logits)


@pytest.mark.usefixtures("restore_threads")
def test_threads_do_not_matter(rng: np.random.Generator) -> None:
    logits, labels = gaussians(rng, 5003, 13), rng.integers(0, 13, 5003)
    assert_threads_do_not_matter(lambda: ops.cross_entropy(logits, labels))
    assert_threads_do_not_matter(lambda: ops.cross_entropy_backward(logits, labels))
    soft_labels, weights = random_soft_labels(rng, 5003, 13), np.asarray(rng.random(13), np.float32)
    for function in (ops.cross_entropy, ops.cross_entropy_backward):
        for target in (labels, soft_labels):
            assert_threads_do_not_matter(partial(function, logits, target, class_weights=weights))


def test_layout_and_dtype_do_not_matter(rng: np.random.Generator) -> None:
    logits, labels = small_integers(rng, 7, 6), rng.integers(0, 6, 7)
    for function in (ops.cross_entropy, partial(ops.cross_entropy_backward, label_smoothing=0.1)):
        expected = function(logits, labels)
        for same in (every_second(logits), logits.astype(np.int16), on_a_float_boundary(logits)):
            assert_same_bits(function(same, labels), expected)
        for dtype in ("int8", "uint8", "int16", ">i4", "uint32", "int64", "uint64"):
            assert_same_bits(function(logits, labels.astype(dtype)), expected)
        assert_same_bits(function(logits.tolist(), labels.tolist()), expected)
        assert_same_bits(function(logits, every_second(labels)), expected)


@given(st.integers(1, 20), st.integers(1, 40), st.floats(0, 1))
def test_any_shape(rows: int, classes: int, label_smoothing: float) -> None:
    rng = np.random.default_rng(0)
    check(gaussians(rng, rows, classes), rng.integers(0, classes, rows), label_smoothing)


def test_labels_may_be_whole_floats(rng: np.random.Generator) -> None:
    logits = gaussians(rng, 3, 4)
    assert ops.cross_entropy(logits, [0.0, 1.0, 3.0]) == ops.cross_entropy(logits, [0, 1, 3])


@pytest.mark.parametrize(
    ("logits", "labels", "label_smoothing", "sentence"),
    [
        ((4,), [0], 0.0, r"logits has shape \(4,\), expected \(rows, classes\)"),
        ((0, 4), np.zeros(0, int), 0.0, r"logits has shape \(0, 4\), expected at least one row"),
        ((3, 4), [0, 1], 0.0, r"labels has shape \(2,\), expected one label per row, \(3,\)"),
        (
            (3, 4),
            [[0, 1, 2]],
            0.0,
            r"labels has shape \(1, 3\), expected one label per row, \(3,\), or soft labels",
        ),
        ((1, 2), [[0.5, 0.6]], 0.0, "the targets of row 0 add up to 1.1, expected soft labels"),
        ((1, 2), [[1.5, -0.5]], 0.0, "target -0.5 at row 0, class 1, expected soft labels >= 0"),
        ((1, 2), [[np.nan, 1]], 0.0, "target nan at row 0, class 0, expected soft labels >= 0"),
        ((3, 4), [0, 1, 4], 0.0, "label 4 at row 2 is out of range, expected 0 to 3"),
        ((3, 4), [0, -1, 3], 0.0, "label -1 at row 1 is out of range, expected 0 to 3"),
        ((3, 4), [0, 1, 2**40], 0.0, "label 1099511627776 at row 2 is out of range, expected 0 to"),
        ((3, 4), [0.5, 1, 2], 0.0, "label 0.5 at row 0 is not a whole number, expected class indi"),
        ((3, 4), [0, np.nan, 2], 0.0, "label nan at row 1 is not a whole number, expected class"),
        ((3, 4), [0, np.inf, 2], 0.0, "label inf at row 1 is not a whole number, expected class"),
        ((3, 4), ["a", "b", "c"], 0.0, "labels has dtype <U1, expected"),
        ((3, 4), [0, 1, 2], -0.1, "label_smoothing is -0.1, expected a number from 0 to 1"),
        ((3, 4), [0, 1, 2], 1.5, "label_smoothing is 1.5, expected a number from 0 to 1"),
        ((3, 4), [0, 1, 2], np.nan, "label_smoothing is nan, expected a number from 0 to 1"),
    ],
)
def test_refusals(
    logits: tuple[int, ...], labels: npt.ArrayLike, label_smoothing: float, sentence: str
) -> None:
    for function in (ops.cross_entropy, ops.cross_entropy_backward):
        with pytest.raises(
            (ValueError, TypeError), match=rf"^cross_entropy(_backward)?: {sentence}"
        ):
            function(np.zeros(logits), labels, label_smoothing=label_smoothing)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ([1, 2], r"class_weights has shape \(2,\), expected one per class, \(4,\)"),
        ([1, 2, -1, 1], "class_weights has -1 for class 2, expected finite numbers >= 0"),
        ([1, np.nan, 1, 1], "class_weights has nan for class 1, expected finite numbers"),
        (["a"] * 4, "class_weights has dtype <U1, expected"),
    ],
)
def test_invalid_class_weights_are_refused(weights: npt.ArrayLike, sentence: str) -> None:
    for function in (ops.cross_entropy, ops.cross_entropy_backward):
        with pytest.raises(
            (ValueError, TypeError), match=rf"^cross_entropy(_backward)?: {sentence}"
        ):
            function(np.zeros((3, 4)), [0, 1, 2], class_weights=weights)

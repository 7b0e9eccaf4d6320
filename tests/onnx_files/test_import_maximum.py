"""Max of ONNX, of activations and of numbers, and what is computed by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import pytest
from onnx_models import OnnxModel, check, imported, kinds, number, reduced

Build = Callable[[OnnxModel], Any]


def pixel(m: OnnxModel) -> Any:
    """An image of one pixel."""
    return m.node("Tanh", m.node("GlobalAveragePool", "x"))


def rows(m: OnnxModel) -> Any:
    return m.node("Flatten", m.node("GlobalMaxPool", "x"))


# On an image of shape (2, 8, 9, 7), and the kinds of the layers.
CASES: dict[str, tuple[Build, list[str]]] = {
    "of two": (lambda m: m.node("Max", "x", m.node("Neg", "x")), ["scale2d", "maximum"]),
    "of three": (
        lambda m: m.node("Max", m.node("Tanh", "x"), "x", m.node("Neg", "x")),
        ["tanh", "scale2d", "maximum"],
    ),
    "with itself": (lambda m: m.node("Max", "x", "x"), ["maximum"]),
    "of two and numbers": (
        lambda m: m.node("Max", number(m, -1), "x", number(m, 0.25), m.node("Neg", "x")),
        ["scale2d", "maximum", "clip"],
    ),
    "of two and 0": (
        lambda m: m.node("Max", m.node("Tanh", "x"), m.node("Sigmoid", "x"), number(m, 0)),
        ["tanh", "sigmoid", "maximum", "relu"],
    ),
    "of a pixel and an image": (
        lambda m: m.node("Max", pixel(m), "x"),
        ["adaptive_avg_pool2d", "tanh", "upsample2d", "maximum"],
    ),
    "of an image, a pixel and a number": (
        lambda m: m.node("Max", "x", pixel(m), number(m, -0.5)),
        ["adaptive_avg_pool2d", "tanh", "upsample2d", "maximum", "clip"],
    ),
    "of a pixel that an Expand repeats": (
        lambda m: m.node("Max", m.node("Expand", pixel(m), m.node("Shape", "x")), "x"),
        ["adaptive_avg_pool2d", "tanh", "upsample2d", "maximum"],
    ),
    "with the channels last": (
        lambda m: m.node("Max", *(m.node("Transpose", each, perm=[0, 2, 3, 1])
                                  for each in ("x", m.node("Neg", "x")))),
        ["scale2d", "maximum"],
    ),
    "of rows": (
        lambda m: m.node("Max", rows(m), m.node("Flatten", pixel(m))),
        ["max_pool2d", "adaptive_avg_pool2d", "tanh", "flatten", "flatten", "maximum"],
    ),
    "of one": (lambda m: m.node("Relu", m.node("Max", "x")), ["relu"]),
    "of one and a number": (lambda m: m.node("Max", "x", number(m, 0.5)), ["clip"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_maximum(name: str) -> None:
    build, expected = CASES[name]
    model = OnnxModel(2, 8, 9, 7)
    found = kinds(check(model, build(model)))
    assert sorted(found) == sorted(expected)


def convolved(m: OnnxModel) -> Any:
    return m.node("Conv", "x", m.weight(4, 8, 3, 3))


BY_A_MAXIMUM: dict[str, Build] = {
    "magnitudes": lambda m: m.node("Abs", convolved(m)),
    "the smaller of two": lambda m: m.node("Min", convolved(m), convolved(m)),
    "the smallest of an image, its square and numbers": (
        lambda m: m.node("Min", "x", number(m, 0.5), m.node("Mul", "x", "x"), number(m, 0.75))
    ),
    "the smallest of channels": lambda m: reduced(m, "ReduceMin", convolved(m), [1]),
    "the smallest of pixels": lambda m: reduced(m, "ReduceMin", "x", [2, 3], keepdims=0),
    "the smallest of rows": lambda m: reduced(m, "ReduceMin", convolved(m), [2]),
}


@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize("name", BY_A_MAXIMUM)
def test_what_is_computed_by_a_maximum(name: str, opset: int) -> None:
    m = OnnxModel(2, 8, 9, 7, opset=opset)
    assert {"maximum", "max_pool2d"} & {*kinds(check(m, BY_A_MAXIMUM[name](m)))}


BROUGHT_TOGETHER: dict[str, Build] = {
    "arrays of several shapes": (
        lambda m: m.node("Max", "x", m.node("MaxPool", "x", kernel_shape=[9, 1]))
    ),
    "axes in several orders": lambda m: m.node("Max", *_square(m)),
}


def _square(m: OnnxModel) -> tuple[Any, Any]:
    image = m.node("MaxPool", "x", kernel_shape=[3, 1])
    return image, m.node("Transpose", image, perm=[0, 1, 3, 2])


@pytest.mark.parametrize("name", BROUGHT_TOGETHER)
def test_arrays_are_brought_to_one_shape(name: str) -> None:
    m = OnnxModel(2, 8, 9, 7)
    check(m, BROUGHT_TOGETHER[name](m))


def test_an_array_of_constants_is_refused() -> None:
    m = OnnxModel(2, 8, 9, 7)
    largest = m.node("Min", "x", m.weight(8, 1, 1))
    with pytest.raises(cnnx.onnx.UnsupportedError, match="compares with an array, expected one"):
        imported(m, largest)

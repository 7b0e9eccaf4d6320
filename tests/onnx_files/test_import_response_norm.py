"""Global response norms of ConvNeXt V2 in the forms in which exporters write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_models import OnnxModel, check, imported, kinds

Build = Callable[[OnnxModel], Any]
FIRST, LAST = (2, 3), (1, 2)  # axes of the pixels with the channels first, and last


def reduced(m: OnnxModel, operator: str, x: Any, axes: tuple[int, ...], **settings: int) -> Any:
    if m.opset >= 18:
        return m.node(operator, x, m.constant(np.array(axes)), **settings)
    return m.node(operator, x, axes=list(axes), **settings)


def relative(
    m: OnnxModel, x: Any, axes: tuple[int, ...], norm: Callable[..., Any] | None = None
) -> Any:
    """The norms of the maps by their mean."""
    norms = norm(m, x, axes) if norm else reduced(m, "ReduceL2", x, axes)
    mean = reduced(m, "ReduceMean", norms, (1 if axes == FIRST else -1,))
    return m.node("Div", norms, m.node("Add", mean, m.constant(np.float32(1e-3))))


def parameters(m: OnnxModel, axes: tuple[int, ...]) -> tuple[Any, Any]:
    size = (1, 8, 1, 1) if axes == FIRST else (1, 1, 1, 8)
    return m.weight(*size), m.weight(*size)


def paper(m: OnnxModel, x: Any, axes: tuple[int, ...], **settings: Any) -> Any:
    """`gamma * (x * n) + beta + x`."""
    gamma, beta = parameters(m, axes)
    product = m.node("Mul", gamma, m.node("Mul", x, relative(m, x, axes, **settings)))
    return m.node("Add", m.node("Add", product, beta), x)


def timm(m: OnnxModel, x: Any, axes: tuple[int, ...]) -> Any:
    """`x + addcmul(bias, weight, x * n)`, whose product has a factor of 1."""
    weight, bias = parameters(m, axes)
    product = m.node("Mul", weight, m.node("Mul", x, relative(m, x, axes)))
    product = m.node("Mul", product, m.constant(np.float32(1)))
    return m.node("Add", x, m.node("Add", bias, product))


def roots(m: OnnxModel, x: Any, axes: tuple[int, ...]) -> Any:
    squares = m.node("Pow", x, m.constant(np.float32(2)))
    return m.node("Sqrt", reduced(m, "ReduceSum", squares, axes))


def products(m: OnnxModel, x: Any, axes: tuple[int, ...]) -> Any:
    return m.node("Sqrt", reduced(m, "ReduceSum", m.node("Mul", x, x), axes))


def sums_of_squares(m: OnnxModel, x: Any, axes: tuple[int, ...]) -> Any:
    return m.node("Sqrt", reduced(m, "ReduceSumSquare", x, axes))


FORMS: dict[str, Callable[[OnnxModel, Any, tuple[int, ...]], Any]] = {
    "paper": paper,
    "timm": timm,
    "roots of sums": lambda m, x, axes: paper(m, x, axes, norm=roots),
    "roots of products": lambda m, x, axes: paper(m, x, axes, norm=products),
    "roots of sums of squares": lambda m, x, axes: paper(m, x, axes, norm=sums_of_squares),
}


@pytest.mark.parametrize("opset", [13, 17, 18])
@pytest.mark.parametrize("axes", [FIRST, LAST])
@pytest.mark.parametrize("form", FORMS)
def test_a_response_norm_is_one_layer(form: str, axes: tuple[int, ...], opset: int) -> None:
    if "roots" in form and opset < 18:
        pytest.skip("ReduceSum and ReduceSumSquare got their axes at different versions")
    m = OnnxModel(2, 8, 9, 7, opset=opset)
    x = m.node("Tanh", "x")
    if axes == LAST:
        x = m.node("Transpose", x, perm=[0, 2, 3, 1])
    y = FORMS[form](m, x, axes)
    if axes == LAST:
        y = m.node("Transpose", y, perm=[0, 3, 1, 2])
    assert kinds(check(m, m.node("Neg", y))) == ["tanh", "global_response_norm", "scale2d"]


def test_a_shortcut_around_a_response_norm_stays() -> None:
    m = OnnxModel(2, 8, 9, 7)
    y = m.node("Add", "x", timm(m, m.node("Tanh", "x"), FIRST))
    assert kinds(check(m, y)) == ["tanh", "global_response_norm", "add"]


def test_a_layer_has_the_name_of_its_weight() -> None:
    m = OnnxModel(1, 8, 3, 3)
    weight = m.weight(1, 8, 1, 1, name="blocks.0.grn.weight")
    product = m.node("Mul", weight, m.node("Mul", "x", relative(m, "x", FIRST)))
    result = m.node("Add", m.node("Add", product, m.weight(8, 1, 1)), "x")
    assert [each.name for each in imported(m, result).model.layers] == ["blocks.0.grn"]


def without_shortcut(m: OnnxModel) -> Any:
    weight, bias = parameters(m, FIRST)
    product = m.node("Mul", weight, m.node("Mul", "x", relative(m, "x", FIRST)))
    return m.node("Add", product, bias)


def of_another(m: OnnxModel) -> Any:
    """The norms of another array."""
    weight, bias = parameters(m, FIRST)
    norms = relative(m, m.node("Tanh", "x"), FIRST)
    product = m.node("Mul", weight, m.node("Mul", "x", norms))
    return m.node("Add", m.node("Add", product, bias), "x")


def doubled(m: OnnxModel) -> Any:
    weight, bias = parameters(m, FIRST)
    product = m.node("Mul", weight, m.node("Mul", "x", relative(m, "x", FIRST)))
    product = m.node("Mul", product, m.constant(np.float32(2)))
    return m.node("Add", m.node("Add", product, bias), "x")


A_PART = "ReduceL2 .*: is a part of no global response norm, expected x "
AXES = "GlobalResponseNorm .*: takes norms along other axes than all of an image's height and width"
REFUSED: dict[str, tuple[Build, str]] = {
    "without the shortcut": (without_shortcut, A_PART),
    "of another array": (of_another, A_PART),
    "with another factor": (doubled, A_PART),
    "alone": (lambda m: reduced(m, "ReduceL2", "x", FIRST), A_PART),
    "along one axis": (lambda m: paper(m, "x", (2,)), AXES),
    "along the channels": (lambda m: paper(m, "x", (1,)), AXES),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_norms_are_refused(name: str) -> None:
    build, sentence = REFUSED[name]
    m = OnnxModel(2, 8, 9, 7)
    with pytest.raises(cnnx.onnx.UnsupportedError, match=sentence):
        imported(m, build(m))

"""L2 norms in the forms in which exporters write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cnnx.onnx import UnsupportedError
from onnx_models import OnnxModel, check, imported, kinds, number, reduced

Build = Callable[[OnnxModel], Any]


def norm(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    return reduced(m, "ReduceL2", x, axes)


def clipped(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    """As torch.nn.functional.normalize, its Expand left out."""
    return m.node("Div", x, m.node("Clip", norm(m, x, axes), number(m, 0.5)))


def expanded(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    """As torch.nn.functional.normalize."""
    least = m.node("Clip", norm(m, x, axes), number(m, 0.5))
    return m.node("Div", x, m.node("Expand", least, m.node("Shape", x)))


def largest(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    return m.node("Div", x, m.node("Max", number(m, 0.5), norm(m, x, axes)))


def plain(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    return m.node("Div", x, norm(m, x, axes))


def squares(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    total = reduced(m, "ReduceSum", m.node("Pow", x, number(m, 2)), axes)
    return m.node("Div", x, m.node("Max", m.node("Sqrt", total), number(m, 0.5)))


def inverse(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    total = reduced(m, "ReduceSum", m.node("Mul", x, x), axes)
    return m.node("Mul", m.node("Reciprocal", m.node("Sqrt", total)), x)


def bounded_sum(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    """As tf.math.l2_normalize, which bounds the sum of squares."""
    total = m.node("Max", reduced(m, "ReduceSum", m.node("Mul", x, x), axes), number(m, 0.25))
    return m.node("Mul", x, m.node("Reciprocal", m.node("Sqrt", total)))


def added(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    """As the L2Norm of SSD."""
    total = reduced(m, "ReduceSum", m.node("Pow", x, number(m, 2)), axes)
    return m.node("Div", x, m.node("Add", m.node("Sqrt", total), number(m, 1e-10)))


FORMS = {
    each.__name__: each
    for each in (clipped, expanded, largest, plain, squares, inverse, bounded_sum, added)
}


@pytest.mark.parametrize("opset", [13, 17, 18])
@pytest.mark.parametrize("form", FORMS)
def test_a_norm_over_the_channels_is_one_layer(form: str, opset: int) -> None:
    m = OnnxModel(2, 6, 5, 3, opset=opset)
    y = FORMS[form](m, m.node("Tanh", "x"), [1])
    assert kinds(check(m, m.node("Relu", y))) == ["tanh", "l2_norm", "relu"]


@pytest.mark.parametrize("form", FORMS)
def test_of_features_and_channels_last(form: str) -> None:
    m = OnnxModel(4, 7)
    assert kinds(check(m, FORMS[form](m, "x", [-1]))) == ["l2_norm"]
    m = OnnxModel(2, 6, 5, 3)
    y = FORMS[form](m, m.node("Transpose", "x", perm=[0, 2, 3, 1]), [3])
    assert kinds(check(m, m.node("Transpose", y, perm=[0, 3, 1, 2]))) == ["l2_norm"]


@pytest.mark.parametrize("axes", [[2], [3], [2, 3], [1, 2], [1, 2, 3]])
def test_over_any_axes_of_an_image(axes: list[int]) -> None:
    m = OnnxModel(2, 6, 5, 3)
    y = clipped(m, m.node("Tanh", "x"), axes)
    result = check(m, m.node("Relu", y))
    assert kinds(result).count("l2_norm") == 1
    if axes == [1, 2, 3]:
        assert "channel_shuffle" not in kinds(result)


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_lp_normalization(axis: int) -> None:
    m = OnnxModel(2, 6, 5, 3)
    result = check(m, m.node("LpNormalization", m.node("Tanh", "x"), axis=axis, p=2))
    assert "l2_norm" in kinds(result)


def test_lp_normalization_of_zeros_and_of_small_numbers() -> None:
    """Zeros give 0, as in ONNX Runtime, and all others are divided by their norm."""
    m = OnnxModel(3, 4)
    result = imported(m, m.node("LpNormalization", "x"))
    x = np.float32([[0, 0, 0, 0], [0, 1e-20, 0, 0], [0, 3e-15, 4e-15, 0]])
    expected = np.float32([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0.6, 0.8, 0]])
    np.testing.assert_allclose(result.run(x), expected, rtol=1e-4)


def test_a_bound_of_the_sum_is_that_of_the_norm() -> None:
    m = OnnxModel(2, 2)
    got = imported(m, bounded_sum(m, "x", [1])).run(np.float32([[3, 4], [0.15, 0.2]]))
    np.testing.assert_allclose(got, np.float32([[0.6, 0.8], [0.3, 0.4]]), rtol=1e-6)


@pytest.mark.parametrize("bound", [0.5, 0.0, -1.0])
def test_a_bound_is_the_least_divisor(bound: float) -> None:
    m = OnnxModel(3, 2)
    y = m.node("Div", "x", m.node("Clip", norm(m, "x", [1]), number(m, bound)))
    got = imported(m, y).run(np.float32([[0.3, 0.4], [1.5, 2], [0.15, 0.2]]))
    small = [0.3, 0.4] if bound > 0 else [0.6, 0.8]
    np.testing.assert_allclose(got, np.float32([[0.6, 0.8], [0.6, 0.8], small]), rtol=1e-6)


def test_a_learned_scale_follows() -> None:
    """The L2Norm of SSD."""
    m = OnnxModel(2, 6, 5, 3)
    y = m.node("Mul", expanded(m, "x", [1]), m.weight(1, 6, 1, 1))
    assert kinds(check(m, y)) == ["l2_norm", "scale2d"]


@pytest.mark.parametrize("opset", [13, 17])
def test_a_learned_scale_that_the_file_has_for_every_pixel_follows(opset: int) -> None:
    """PyTorch's exporter repeats it for the images and pixels that it has seen."""
    m = OnnxModel(2, 6, 5, 3, opset=opset)
    scale = np.broadcast_to(np.random.default_rng(1).random((6, 1, 1)), (2, 6, 5, 3))
    y = m.node("Mul", m.constant(scale), expanded(m, "x", [1]))
    result = check(m, y)
    assert kinds(result) == ["l2_norm", "scale2d"]
    assert result.model.parameters["scale2d_1.weight"].shape == (6,)


def of_another(m: OnnxModel) -> Any:
    return m.node("Div", "x", norm(m, m.node("Tanh", "x"), [1]))


def with_a_ceiling(m: OnnxModel) -> Any:
    least = m.node("Clip", norm(m, "x", [1]), number(m, 0.5), number(m, 2))
    return m.node("Div", "x", least)


def much_added(m: OnnxModel) -> Any:
    return m.node("Div", "x", m.node("Add", norm(m, "x", [1]), number(m, 1e-6)))


def with_a_bound_of_the_image(m: OnnxModel) -> Any:
    least = m.node("Squeeze", m.node("ReduceMax", "x", keepdims=0))
    return m.node("Div", "x", m.node("Clip", norm(m, "x", [1]), least))


def repeated(m: OnnxModel) -> Any:
    shape = m.constant([2, 6, 5, 4])
    least = m.node("Clip", norm(m, "x", [1, 3]), number(m, 0.5))
    return m.node("Div", "x", m.node("Expand", least, shape))


A_PART = "ReduceL2 .*: is a part of no .*, and of no L2 norm, expected x / max"
REFUSED: dict[str, tuple[Build, str]] = {
    "of another array": (of_another, A_PART),
    "with a ceiling": (with_a_ceiling, A_PART),
    "with a bound of the image": (with_a_bound_of_the_image, A_PART),
    "with a larger number added": (much_added, A_PART),
    "alone": (lambda m: norm(m, "x", [1]), A_PART),
    "a root": (lambda m: m.node("Sqrt", "x"), "Sqrt .*: cnnx has no layer"),
    "along the batch": (lambda m: clipped(m, "x", [0]), "LpNormalization .*: .* along the batch"),
    "repeated": (repeated, r"repeats its divisor to \(2, 6, 5, 4\), expected \(2, 6, 5, 1\)"),
    "p 1": (lambda m: m.node("LpNormalization", "x", p=1), "is a norm with p 1, expected 2"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_norms_are_refused(name: str) -> None:
    build, sentence = REFUSED[name]
    m = OnnxModel(2, 6, 5, 1)
    with pytest.raises(UnsupportedError, match=sentence):
        imported(m, build(m))

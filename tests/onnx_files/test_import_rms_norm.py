"""RMS norms in the forms in which exporters write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.onnx import UnsupportedError
from onnx_arrays import array_model
from onnx_exports import graph
from onnx_models import OnnxModel, check, imported, kinds, number, reduced

Build = Callable[[OnnxModel], Any]


def root(m: OnnxModel, x: Any, axes: list[int], operator: str = "ReduceMean") -> Any:
    square = x if operator == "ReduceSumSquare" else m.node("Mul", x, x)
    mean = reduced(m, operator, square, axes)
    return m.node("Sqrt", m.node("Add", mean, number(m, 0.25)))


def quotient(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    return m.node("Div", x, root(m, x, axes))


def reciprocal(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    """As the exporters of PyTorch."""
    square = m.node("Pow", x, number(m, 2))
    mean = m.node("Add", number(m, 0.25), reduced(m, "ReduceMean", square, axes))
    return m.node("Mul", x, m.node("Reciprocal", m.node("Sqrt", mean)))


def one_by_root(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    return m.node("Mul", m.node("Div", number(m, 1), root(m, x, axes)), x)


def of_sum(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    return m.node("Div", x, root(m, x, axes, "ReduceSum"))


def of_sum_of_squares(m: OnnxModel, x: Any, axes: list[int]) -> Any:
    return m.node("Div", x, root(m, x, axes, "ReduceSumSquare"))


FORMS = {
    each.__name__: each for each in (quotient, reciprocal, one_by_root, of_sum, of_sum_of_squares)
}


@pytest.mark.parametrize("opset", [13, 17, 18])
@pytest.mark.parametrize("form", FORMS)
def test_a_norm_and_its_weight_are_one_layer(form: str, opset: int) -> None:
    m = OnnxModel(2, 6, 5, 3, opset=opset)
    y = FORMS[form](m, m.node("Tanh", "x"), [1])
    plain = check(m, m.node("Relu", y))
    assert kinds(plain) == ["tanh", "rms_norm", "relu"]
    result = check(m, m.node("Relu", m.node("Mul", m.weight(1, 6, 1, 1), y)))
    assert kinds(result) == ["tanh", "rms_norm", "relu"]
    assert list(result.model.parameters) == ["rms_norm_1.weight"]


@pytest.mark.parametrize("form", FORMS)
def test_of_features_and_channels_last(form: str) -> None:
    m = OnnxModel(4, 7)
    assert kinds(check(m, m.node("Mul", FORMS[form](m, "x", [-1]), m.weight(7)))) == ["rms_norm"]
    m = OnnxModel(2, 6, 5, 3)
    y = FORMS[form](m, m.node("Transpose", "x", perm=[0, 2, 3, 1]), [3])
    y = m.node("Mul", y, m.weight(6))
    assert kinds(check(m, m.node("Transpose", y, perm=[0, 3, 1, 2]))) == ["rms_norm"]


@pytest.mark.parametrize("axes", [[2], [3], [2, 3], [1, 2], [1, 2, 3]])
def test_over_any_axes_of_an_image(axes: list[int]) -> None:
    m = OnnxModel(2, 6, 5, 3)
    y = m.node("Mul", quotient(m, m.node("Tanh", "x"), axes), m.weight(6, 1, 1))
    assert kinds(check(m, m.node("Relu", y))).count("rms_norm") == 1


@pytest.mark.parametrize("axis", [-1, 1, 2, 3])
def test_the_operator(axis: int) -> None:
    m = OnnxModel(2, 6, 5, 3, opset=23)
    sizes = m.shape[axis:]
    y = m.node("RMSNormalization", m.node("Tanh", "x"), m.weight(*sizes), axis=axis, epsilon=0.25)
    assert "rms_norm" in kinds(check(m, y))


def test_the_operator_with_the_channels_last_has_the_name_of_its_weight() -> None:
    m = OnnxModel(2, 6, 5, 3, opset=23)
    x, weight = (
        m.node("Transpose", "x", perm=[0, 2, 3, 1]),
        m.weight(6, name="blocks.0.norm.weight"),
    )
    result = check(m, m.node("RMSNormalization", x, weight))
    assert [(layer.name, layer.kind) for layer in result.model.layers] == [
        ("blocks.0.norm", "rms_norm")
    ]
    np.testing.assert_array_equal(
        result.model.parameters["blocks.0.norm.weight"],
        next(np.frombuffer(each.raw_data, np.float32) for each in m.weights),
    )


def test_the_operator_of_onnx_runtime() -> None:
    """ONNX's own checker and reference do not know it."""
    m = OnnxModel(3, 7)
    weight = m.weight(7)
    y = m.node("SimplifiedLayerNormalization", "x", weight, axis=-1, epsilon=0.25)
    x = m.input()
    factors = np.frombuffer(m.weights[0].raw_data, np.float32)
    expected = cnnx.ops.rms_norm(x, factors, epsilon=0.25)
    result = imported(m, y)
    assert kinds(result) == ["rms_norm"]
    np.testing.assert_array_equal(result.run(x), expected)


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("opset", [15, 20])
def test_a_scale_after_the_layer_of_a_file_of_cnnx_stays(affine: bool, opset: int) -> None:
    norm = cnnx.RMSNorm(affine=affine, name="norm")
    layers = [norm, cnnx.Scale2d(bias=False), cnnx.Scale2d()]
    model = cnnx.Model(layers, input_shape=(4, 5, 3))
    result = array_model(graph(model, pixels=False, opset=opset), {}, 1).model
    assert result.summary() == model.summary()


def of_another(m: OnnxModel) -> Any:
    return m.node("Div", "x", root(m, m.node("Tanh", "x"), [1]))


def test_a_layer_norm_stays_a_layer_norm() -> None:
    """It is an RMS norm of the distances from the mean."""
    m = OnnxModel(4, 7, opset=17)
    centred = m.node("Sub", "x", reduced(m, "ReduceMean", "x", [-1]))
    y = quotient(m, centred, [-1])
    assert kinds(check(m, m.node("Mul", y, m.weight(7)))) == ["layer_norm"]


def without_epsilon(m: OnnxModel) -> Any:
    return m.node(
        "Div", "x", m.node("Sqrt", reduced(m, "ReduceMean", m.node("Mul", "x", "x"), [1]))
    )


ROOT = "Sqrt .*: cnnx has no layer for this operator"
REFUSED: dict[str, tuple[Build, str]] = {
    "of another array": (of_another, ROOT),
    "without epsilon": (without_epsilon, ROOT),
    "the root alone": (lambda m: root(m, "x", [1]), ROOT),
    "along the batch": (lambda m: quotient(m, "x", [0]), "RMSNormalization .*: .* along the batch"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_roots_are_refused(name: str) -> None:
    build, sentence = REFUSED[name]
    m = OnnxModel(2, 6, 5, 3)
    with pytest.raises(UnsupportedError, match=sentence):
        imported(m, build(m))

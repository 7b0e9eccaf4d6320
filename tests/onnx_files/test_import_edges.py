"""Rare forms of ONNX graphs that random graphs found: outputs as in ONNX, or a refusal."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.onnx.tensors import rounded_to_bfloat16
from onnx_exports import random_pixels
from onnx_models import OnnxModel, check, imported, reference_output

pytest.importorskip("onnx", reason="needs onnx: install the extra onnx")


@pytest.mark.parametrize(
    ("auto_pad", "pads"), [("SAME_UPPER", [1, 0, 1, 1]), ("SAME_LOWER", [1, 1, 1, 0])]
)
def test_average_pools_count_the_padding_of_auto_pad(auto_pad: str, pads: list[int]) -> None:
    def output(**padding: Any) -> Any:
        model = OnnxModel(2, 4, 6, 5)
        settings = {"kernel_shape": [4, 2], "strides": [2, 2], "count_include_pad": 1}
        pooled = imported(model, model.node("AveragePool", "x", **settings, **padding))
        return pooled.run(model.input())

    assert np.array_equal(output(auto_pad=auto_pad), output(pads=pads))


@pytest.mark.parametrize(
    "settings",
    [{"pads": [1, 0]}, {"pads": [2, 1], "group": 2}, {"kernel_shape": [3], "pads": [1, 1]}],
)
def test_features_are_convolved_with_padding(settings: dict[str, Any]) -> None:
    m = OnnxModel(2, 8, 9, 5)
    features = m.node("Flatten", m.node("GlobalMaxPool", "x"))
    signal = m.node("Unsqueeze", features, m.constant([2]))
    weight = m.weight(4, 8 // settings.get("group", 1), *settings.get("kernel_shape", [1]))
    check(m, m.node("Conv", signal, weight, **settings))


@pytest.mark.parametrize("value", [0, 1.5])
@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))), ids=str)
def test_any_axes_are_padded(order: tuple[int, ...], value: float) -> None:
    for pads in ([0, 2, 0, 0, 0, 1, 0, 0], [0, 0, 0, 3, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0, 2, 1]):
        m = OnnxModel(2, 8, 9, 5)
        moved = m.node("Transpose", "x", perm=[0, *order])
        check(m, m.node("Relu", m.node("Pad", moved, m.constant(pads), m.constant(value))))


def test_parts_of_an_axis_are_padded() -> None:
    m = OnnxModel(2, 8, 9, 6)
    parts = m.node("Reshape", "x", m.constant([0, 2, 4, 54]))
    check(m, m.node("Pad", parts, m.constant([0, 1, 0, 0, 0, 0, 1, 0]), m.constant(1.0)))
    parts = m.node("Reshape", "x", m.constant([0, 8, 9, 3, 2]))
    check(m, m.node("Pad", parts, m.constant([0, 0, 0, 1, 1, 0, 0, 0, 0, 2]), m.constant(-1.0)))


def norm_of_the_batch(m: OnnxModel) -> Any:
    arrays = [m.positive(8) for _ in range(4)]
    return m.node("BatchNormalization", "x", *arrays, training_mode=1, count=3)[0]


def deviation_by_difference(m: OnnxModel) -> Any:
    """The reciprocal of a layer norm."""
    difference = m.node("Sub", "x", m.node("ReduceMean", "x", axes=[1]))
    square = m.node("Mul", difference, difference)
    variance = m.node("Add", m.node("ReduceMean", square, axes=[1]), m.constant([0.01]))
    return m.node("Div", m.node("Sqrt", variance), difference)


# Graphs on an array of shape (2, 8, 9, 5), and the reason of the refusal.
REFUSED: dict[str, tuple[Callable[[OnnxModel], Any], str]] = {
    "a negative alpha": (
        lambda m: m.node("Celu", "x", alpha=-0.5),
        "alpha is -0.5, expected a positive number",
    ),
    "a bias between 0 and lambd": (
        lambda m: m.node("Shrink", "x", lambd=0.5, bias=0.25),
        "its lambd is 0.5 and its bias 0.25, expected a lambd from 0 on, and as bias 0 or the same",
    ),
    "slopes that add an axis": (
        lambda m: m.node("PRelu", "x", m.weight(1, 1, 1, 1, 1)),
        "has slopes of 5 axes, which adds axes",
    ),
    "a stride above the kernel": (
        lambda m: m.node(
            "ConvTranspose", "x", m.weight(8, 4, 2, 2), strides=[3, 3], auto_pad="SAME_UPPER"
        ),
        "its stride exceeds its kernel",
    ),
    "mirrored channels": (
        lambda m: m.node("Pad", "x", m.constant([0, 1, 1, 1, 0, 0, 0, 0]), mode="edge"),
        "mirrors or repeats another axis than the height and the width",
    ),
    "statistics of the batch": (norm_of_the_batch, "expected training_mode 0"),
    "a reciprocal of a norm": (deviation_by_difference, "Sqrt .*: cnnx has no layer"),
}


@pytest.mark.parametrize("graph", REFUSED)
def test_graphs_without_layers_are_refused(graph: str) -> None:
    build, reason = REFUSED[graph]
    model = OnnxModel(2, 8, 9, 5)
    with pytest.raises(cnnx.onnx.UnsupportedError, match=reason):
        imported(model, build(model))


def rearranged(m: OnnxModel, x: str, parts: list[int], perm: list[int], shape: list[int]) -> str:
    divided = m.node("Reshape", x, m.constant(parts))
    output: str = m.node("Reshape", m.node("Transpose", divided, perm=perm), m.constant(shape))
    return output


# Reshape, Transpose and Reshape of an image of shape (2, 8, 4, 6) at the end of a network.
REARRANGED = {
    "channel shuffle": ([2, 4, 2, 4, 6], [0, 2, 1, 3, 4], [2, 8, 4, 6]),
    "pixel shuffle": ([2, 2, 2, 2, 4, 6], [0, 1, 4, 2, 5, 3], [2, 2, 8, 12]),
}


@pytest.mark.parametrize("kind", REARRANGED)
def test_outputs_that_the_graph_rearranges_are_rearranged(kind: str, tmp_path: Path) -> None:
    model = OnnxModel(2, 8, 4, 6)
    output = rearranged(model, model.node("Tanh", "x"), *REARRANGED[kind])
    loaded = cnnx.onnx.load(model.save(tmp_path / "model.onnx", output))
    x = model.input()
    got = loaded(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(got, reference_output(model.proto(output), x), atol=1e-6)


def test_sizes_of_images_channels_first_in_another_order_draw_a_warning(tmp_path: Path) -> None:
    """Mirrored images fit no layer channels first; channels in reverse order do."""
    model = OnnxModel(2, 3, 8, 10)
    ends = [model.constant([each]) for each in (-1, -(2**31), 3, -1)]
    output = model.node("Slice", "x", *ends)
    path = model.save(tmp_path / "model.onnx", output)
    sentence = (
        r"^load: input x has 3 x 8 x 10 numbers, which are read as images of shape \(3, 8, 10\), "
        r"because .*; if they are channels first: input_shape=\(8, 10, 3\)$"
    )
    with pytest.warns(cnnx.Warning, match=sentence):
        assert cnnx.onnx.load(path).input_shape == (3, 8, 10)
    with pytest.raises(cnnx.onnx.UnsupportedError, match="selects -1 to the beginning of axis 3"):
        cnnx.onnx.load(path, input_shape=(8, 10, 3))


@pytest.mark.parametrize("pixels", ["uint8", "float32"])
@pytest.mark.parametrize("shape", [(1, 1, 6), (8, 6, 9), (9, 8, 3), (8, 3, 9)])
def test_files_of_cnnx_keep_the_order_of_axes(
    shape: tuple[int, int, int], pixels: Any, tmp_path: Path
) -> None:
    """The network allows any order; only the file's origin says which it is."""
    model = cnnx.Model([cnnx.Tanh()], input_shape=shape)
    cnnx.onnx.save(model, tmp_path / "model.onnx", input=pixels)
    loaded = cnnx.onnx.load(tmp_path / "model.onnx")
    assert loaded.input_shape == shape
    images = random_pixels(model)
    assert np.array_equal(loaded(images), model(images))


@pytest.mark.parametrize(
    ("third", "kinds"),
    [
        (1 / 6, ["hard_swish"]),
        (np.float16(1 / 6), ["hard_swish"]),
        (0.166667, ["hard_swish"]),
        (0.1668, ["scale2d", "relu6", "multiply", "scale2d"]),
    ],
)
def test_constants_of_another_function_are_no_activation(third: float, kinds: list[str]) -> None:
    model = OnnxModel(2, 8, 9, 5)
    clipped = model.node(
        "Clip",
        model.node("Add", "x", model.constant(np.float32(3))),
        model.constant(np.float32(0)),
        model.constant(np.float32(6)),
    )
    product = model.node("Mul", "x", clipped)
    result = check(model, model.node("Mul", product, model.constant(np.float32(third))), 3e-4)
    assert [layer.kind for layer in result.model.layers] == kinds


@pytest.mark.parametrize(
    ("shift", "factor", "mean", "std"),
    [
        (0.0, 0.4, 0.0, 2.5),  # of a network that is not for pixels
        (4.2677, 1 / 9.1379, -4.2677, 9.1379),  # of spectrograms
        (-3.0, 1 / 30, 3.0 / 255, 30.0 / 255),  # of pixels from 0 to 255
        (-120.0, 1.0, 120.0 / 255, 1.0 / 255),
    ],
)
def test_only_a_large_scale_is_that_of_pixels(
    shift: float, factor: float, mean: float, std: float, tmp_path: Path
) -> None:
    model = OnnxModel(2, 3, 4, 5)
    moved = model.node("Add", "x", model.constant(np.float32(shift)))
    scaled = model.node("Mul", moved, model.constant(np.float32(factor)))
    output = model.node("Conv", scaled, model.weight(2, 3, 1, 1))
    loaded = cnnx.onnx.load(model.save(tmp_path / "net.onnx", output))
    np.testing.assert_allclose(loaded.preprocessing.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(loaded.preprocessing.std, std, rtol=1e-5)
    x = model.input()
    given = x.transpose(0, 2, 3, 1) / (1 if std > 1 else 255)
    expected = reference_output(model.proto(output), x).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(loaded(given), expected, rtol=1e-4, atol=1e-4)


def test_sizes_of_a_refused_value_are_not_listed() -> None:
    """Operators that would compute a constant of them are no reason by themselves."""
    m = OnnxModel(2, 4, 7, 5)
    refused = m.node("Det", "x")
    half = m.node("Div", m.node("Shape", refused), m.constant([1, 1, 2, 2]))
    rounded = m.node("Cast", m.node("Ceil", m.node("Cast", half, to=1)), to=7)
    zeros = m.node("ConstantOfShape", rounded)
    found = m.node("Erf", m.node("Add", refused, zeros))
    with pytest.raises(cnnx.onnx.UnsupportedError) as error:
        imported(m, found)
    assert [each.operator for each in error.value.refusals] == ["Det", "Erf"]


def padded_by_minus_infinity(m: OnnxModel, x: str, pads: list[int], **settings: str) -> Any:
    whole = m.constant([0, 0, *pads[:2], 0, 0, *pads[2:]])
    return m.node("Pad", x, whole, m.constant(np.float32(-np.inf)), **settings)


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_padding_by_minus_infinity_before_max_pooling(mode: str) -> None:
    m = OnnxModel(2, 4, 9, 8)
    below = m.node("Sub", "x", m.constant(np.float32(9)))  # so that zeros would show
    padded = padded_by_minus_infinity(m, below, [1, 0, 1, 1], mode=mode)
    check(m, m.node("MaxPool", padded, kernel_shape=[3, 3], pads=[0, 1, 1, 1]))


def test_images_are_cropped_before_max_pooling() -> None:
    settings: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    m, same = OnnxModel(2, 4, 9, 8), OnnxModel(2, 4, 9, 8)
    cropped = padded_by_minus_infinity(m, m.node("Relu", "x"), [-1, -2, -1, 0])
    part = same.node("Relu", "x"), *map(same.constant, ([1, 2], [8, 8], [2, 3]))
    expected = reference_output(
        same.proto(same.node("MaxPool", same.node("Slice", *part), **settings)), x := m.input()
    )
    np.testing.assert_array_equal(
        imported(m, m.node("MaxPool", cropped, **settings)).run(x), expected
    )


def test_windows_that_end_in_padding_by_minus_infinity_are_refused() -> None:
    m = OnnxModel(2, 3, 6, 6)
    padded = padded_by_minus_infinity(m, "x", [0, 0, 1, 1])
    pooled = m.node("MaxPool", padded, kernel_shape=[2, 2], strides=[3, 3], ceil_mode=1)
    with pytest.raises(
        cnnx.onnx.UnsupportedError, match="pads with -inf, expected a finite number"
    ):
        imported(m, pooled)


def test_remainders_of_constants_have_the_sign_that_fmod_says() -> None:
    m = OnnxModel(2, 3, 4, 4)
    values = np.array([-5, 3, -1], np.float32).reshape(3, 1, 1)
    divisors = np.array([3, 2, 2], np.float32).reshape(3, 1, 1)
    rest = m.node("Mod", m.constant(values), m.constant(divisors), fmod=1)
    check(m, m.node("Relu", m.node("Mul", "x", rest)))


def test_constants_are_rounded_to_bfloat16() -> None:
    m = OnnxModel(2, 3, 4, 4)
    values = np.array([1.003, 1.00390625, 1.01171875], np.float32)  # two of them are ties
    rounded = m.node("Cast", m.node("Cast", m.constant(values.reshape(3, 1, 1)), to=16), to=1)
    x = m.input()
    expected = x * np.array([1.0, 1.0, 1.015625], np.float32).reshape(3, 1, 1)
    np.testing.assert_allclose(imported(m, m.node("Mul", "x", rounded)).run(x), expected, rtol=1e-6)


def test_a_number_rounded_to_bfloat16_stays_one() -> None:
    rounded = rounded_to_bfloat16(np.array(1.003, np.float32))
    assert (rounded.shape, rounded.item()) == ((), 1.0)
    assert np.isnan(rounded_to_bfloat16(np.array([np.nan], np.float32))).all()


def test_a_cast_takes_the_type_of_an_array_of_any_shape() -> None:
    m = OnnxModel(2, 3, 4, 4)
    cast = m.node("CastLike", m.constant([2, 3, 4]), m.constant(np.zeros(2, np.float32)))
    check(m, m.node("Mul", "x", m.node("Reshape", cast, m.constant([3, 1, 1]))))


def gelu(m: OnnxModel, last: str) -> Any:
    error_function = m.node("Erf", m.node("Div", "x", m.constant(np.float32(2**0.5))))
    return m.node("Mul", m.node("Mul", "x", m.node("Add", error_function, m.constant([1.0]))), last)


def swish(m: OnnxModel, last: str) -> Any:
    return m.node("Mul", m.node("Mul", "x", m.node("Sigmoid", "x")), last)


def hard_sigmoid(m: OnnxModel, last: str) -> Any:
    bounds = [m.constant(np.float32(each)) for each in (0, 6)]
    clipped = m.node("Clip", m.node("Add", "x", m.constant([3.0])), *bounds)
    return m.node("Mul", clipped, last)


def l2_norm(m: OnnxModel, last: str) -> Any:
    return m.node("Div", "x", m.node("Max", m.node("ReduceL2", "x", axes=[1]), last))


def power(m: OnnxModel, last: str) -> Any:
    return m.node("Pow", "x", last)


@pytest.mark.parametrize(
    ("form", "number"),
    [(gelu, 0.5), (swish, 1.0), (hard_sigmoid, 1 / 6), (l2_norm, 1e-12), (power, 2.0)],
)
@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 4, 5)])
def test_a_number_of_more_axes_than_the_activation_adds_axes(
    form: Callable[[OnnxModel, str], Any], number: float, shape: tuple[int, ...]
) -> None:
    m = OnnxModel(*shape)
    check(m, form(m, m.constant(np.full((1,) * len(shape), number))))
    m = OnnxModel(*shape)
    count = len(shape) + 1
    with pytest.raises(cnnx.onnx.UnsupportedError, match=f"constant of {count} axes, which adds"):
        imported(m, form(m, m.constant(np.full((1,) * count, number))))

"""Weights that an ONNX graph computes of its constants, such as those of weight standardisation."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_models import OnnxModel, check, imported

pytest.importorskip("onnx", reason="needs onnx: install the extra onnx")


def by_batch_norm(m: OnnxModel, weight: str) -> Any:
    """Of mean 0 and deviation 1 for each output, as PyTorch's batch norm of a reshaped weight."""
    rows = m.node("Reshape", weight, m.constant([1, 6, -1]))
    norms = [m.positive(6) for _ in range(4)]
    normed, *_ = m.node("BatchNormalization", rows, *norms, training_mode=1, count=3)
    return m.node("Reshape", normed, m.constant([6, 4, 3, 3]))


def by_the_running_statistics(m: OnnxModel, weight: str) -> Any:
    moved = m.node("Transpose", weight, perm=[1, 0, 2, 3])
    normed = m.node("BatchNormalization", moved, *[m.positive(6) for _ in range(4)], epsilon=0.1)
    return m.node("Transpose", normed, perm=[1, 0, 2, 3])


def by_sums(m: OnnxModel, weight: str) -> Any:
    """With the axes of a sum as an input, as they are from operator set 13 on."""
    size = m.constant(np.float32(36))
    axes = m.constant([1, 2, 3])
    mean = m.node("Div", m.node("ReduceSum", weight, axes), size)
    distance = m.node("Sub", weight, mean)
    square = m.node("Mul", distance, distance)
    variance = m.node("Div", m.node("ReduceSum", square, axes), size)
    return m.node("Div", distance, m.node("Sqrt", variance))


def by_two_axes(m: OnnxModel, weight: str) -> Any:
    """Two axes, to whose number of elements the shape of the array cannot be stretched."""
    return m.node("Sub", weight, m.node("ReduceSum", weight, m.constant([2, 3])))


def by_lengths(m: OnnxModel, weight: str) -> Any:
    return m.node("Div", weight, m.node("ReduceL2", weight, axes=[1, 2, 3]))


def by_gates(m: OnnxModel, weight: str) -> Any:
    gates = m.node("Sigmoid", m.node("Tanh", m.node("Relu", m.weight(6, 1, 1, 1))))
    return m.node("Mul", weight, gates)


def by_one_of_two_numbers(m: OnnxModel, weight: str) -> Any:
    return m.node("Mul", weight, m.node("Gather", m.weight(2), m.constant(np.int64(1))))


def by_running_sums(m: OnnxModel, weight: str) -> Any:
    """Positions as EdgeNeXt counts them, and their waves."""
    forwards = m.node("CumSum", weight, m.constant(np.int64(2)))
    backwards = m.node("CumSum", weight, m.constant(np.int64(-1)), reverse=1, exclusive=1)
    return m.node("Add", m.node("Sin", forwards), m.node("Cos", backwards))


def by_places(m: OnnxModel, weight: str) -> Any:
    places = m.constant([[[5, 0], [0, 3], [-1, 2], [1, 1]]] * 6)
    return m.node("GatherND", weight, places)


def by_replaced_parts(m: OnnxModel, weight: str) -> Any:
    """As PyTorch exports an assignment to part of an array."""
    rows = m.node("ScatterND", weight, m.constant([[1], [-1]]), m.weight(2, 4, 3, 3))
    places = m.constant([[[0, 1], [5, 0]], [[2, 3], [0, 1]]])
    return m.node("ScatterND", rows, places, m.weight(2, 2, 3, 3), reduction="add")


def by_the_largest_and_smallest_parts(m: OnnxModel, weight: str) -> Any:
    rows = m.constant([[0], [2], [5], [2]])
    parts = [
        m.node("ScatterND", weight, rows, m.weight(4, 4, 3, 3), reduction=reduction)
        for reduction in ("max", "min", "mul")
    ]
    return m.node("Sum", *parts)


@pytest.mark.parametrize(
    "computed",
    [
        by_replaced_parts,
        by_the_largest_and_smallest_parts,
        by_running_sums,
        by_places,
        by_batch_norm,
        by_the_running_statistics,
        by_sums,
        by_two_axes,
        by_lengths,
        by_gates,
        by_one_of_two_numbers,
    ],
)
def test_a_weight_is_computed_once(computed: Any) -> None:
    m = OnnxModel(2, 4, 7, 5)
    weight = computed(m, m.weight(6, 4, 3, 3))
    assert check(m, m.node("Conv", "x", weight)).model.layers[0].kind == "conv2d"


@pytest.mark.parametrize(
    ("places", "updates", "message"),
    [
        ([[6]], (1, 4, 3, 3), "its constants do not fit: index 6 is out of bounds"),
        ([[1]], (4, 3, 3), r"replaces parts of \(6, 4, 3, 3\) by \(4, 3, 3\) at indices"),
    ],
)
def test_parts_that_an_array_does_not_have_are_refused(
    places: list[list[int]], updates: tuple[int, ...], message: str
) -> None:
    m = OnnxModel(2, 4, 7, 5)
    replaced = m.node("ScatterND", m.weight(6, 4, 3, 3), m.constant(places), m.weight(*updates))
    with pytest.raises(cnnx.FormatError, match=message):
        imported(m, m.node("Conv", "x", replaced))


def test_a_number_of_a_constant_scales_an_activation() -> None:
    m = OnnxModel(2, 4, 7, 5)
    parts = [m.node("Conv", "x", m.weight(3, 4, 3, 3)) for _ in range(2)]
    numbers = m.node("Relu", m.constant([0.4, 0.7]))
    scales = [m.node("Gather", numbers, m.constant(np.int64(k))) for k in range(2)]
    scaled = [m.node("Mul", *each) for each in zip(scales, parts, strict=True)]
    check(m, m.node("Add", *scaled))


def test_memory_that_nothing_reads_any_more_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each weight has seven intermediate arrays, twice in doubles while it is computed."""
    size = 6 * 6 * 3 * 3 * 4
    monkeypatch.setattr("cnnx.onnx.folding._MOST_BYTES", 8 * size)

    def standardised(count: int) -> None:
        m, x = OnnxModel(2, 6, 3, 3), "x"
        for _ in range(count):
            weight = m.weight(6, 6, 3, 3)
            distance = m.node("Sub", weight, m.node("ReduceMean", weight, axes=[1, 2, 3]))
            square = m.node("Mul", distance, distance)
            variance = m.node("ReduceMean", square, axes=[1, 2, 3])
            whole = m.node("Expand", variance, m.constant([6, 6, 3, 3]))
            weight = m.node("Div", distance, m.node("Sqrt", whole))
            x = m.node("Conv", x, weight, pads=[1, 1, 1, 1])
        check(m, x)

    standardised(12)
    monkeypatch.setattr("cnnx.onnx.folding._MOST_BYTES", -4 * 12 * size)
    with pytest.raises(cnnx.FormatError, match="makes constants that are far larger than its"):
        standardised(12)


def test_views_keep_the_memory_of_their_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnx.onnx.folding._MOST_BYTES", 8 * 6 * 6 * 3 * 3 * 4)
    m = OnnxModel(2, 6, 3, 3)
    weight = m.weight(6, 6, 3, 3)
    kept = []
    for _ in range(24):
        doubled = m.node("Add", weight, weight)
        kept.append(m.node("Reshape", doubled, m.constant([6, 6, 3, 3])))
        kept.append(m.node("ReduceMean", doubled))  # the last node that reads it
    total = weight
    for each in kept:
        total = m.node("Add", total, each)
    with pytest.raises(cnnx.FormatError, match="makes constants that are far larger than its"):
        check(m, m.node("Conv", "x", total))


def gates(m: OnnxModel) -> Any:
    """Squeeze and excitation with features."""
    features = m.node("Flatten", m.node("GlobalAveragePool", "x"))
    numbers = m.node("Sigmoid", m.node("Gemm", features, m.weight(4, 4)))
    return m.node("Reshape", numbers, m.constant([2, 4, 1, 1]))


@pytest.mark.parametrize("swapped", [False, True])
def test_gates_may_be_repeated_to_the_image(swapped: bool) -> None:
    m = OnnxModel(2, 4, 7, 5)
    repeated = m.node("Expand", gates(m), m.node("Shape", "x"))
    pair = (repeated, "x") if swapped else ("x", repeated)
    found = check(m, m.node("Mul", *pair))
    assert "upsample2d" not in [layer.kind for layer in found.model.layers]


def test_gates_that_are_repeated_to_the_channels() -> None:
    m = OnnxModel(2, 4, 7, 5)
    repeated = m.node("Expand", gates(m), m.constant([2, 4, 7, 5]))
    check(m, m.node("Mul", repeated, gates(m)))
    m = OnnxModel(2, 4, 7, 5)
    repeated = m.node("Expand", gates(m), m.constant([2, 4, 7, 5]))
    check(m, m.node("Concat", repeated, m.node("Mul", "x", repeated), axis=1))


def test_an_image_that_is_repeated_to_a_batch_is_refused() -> None:
    m = OnnxModel(1, 4, 7, 5)
    repeated = m.node("Expand", "x", m.constant([2, 4, 7, 5]))
    with pytest.raises(cnnx.onnx.UnsupportedError, match=r"Expand .*: repeats an activation"):
        check(m, m.node("Add", repeated, "x"))


@pytest.mark.parametrize("operator", ["Add", "Sub", "Sum"])
def test_an_image_of_one_pixel_is_added_to_all_pixels(operator: str) -> None:
    m = OnnxModel(2, 4, 7, 5)
    pixel = m.node("Conv", m.node("ReduceMean", "x", axes=[2, 3]), m.weight(4, 4, 1, 1))
    check(m, m.node(operator, "x", pixel))


def test_an_image_of_one_pixel_is_repeated_and_joined() -> None:
    m = OnnxModel(2, 4, 7, 5)
    pixel = m.node("Conv", m.node("GlobalAveragePool", "x"), m.weight(3, 4, 1, 1))
    repeated = m.node("Expand", pixel, m.constant([1, 1, 7, 5]))
    check(m, m.node("Concat", "x", repeated, axis=1))

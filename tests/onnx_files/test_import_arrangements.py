"""ONNX graphs that move, reduce, repeat or join any axes, which layers of cnnx do with reshapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cnnx
import numpy as np
import pytest
from onnx_models import OnnxModel, check, kinds

pytest.importorskip("onnx", reason="needs onnx: install the extra onnx")

SHAPE = (2, 6, 8, 5)  # batch, channels, height, width


def decoder(m: OnnxModel) -> str:
    """Features that become an image, with the channels first."""
    features = m.node("Gemm", m.node("Flatten", "x"), m.weight(240, 4 * 3 * 2))
    image = m.node("Reshape", m.node("Relu", features), m.constant([0, 4, 3, 2]))
    return str(m.node("ConvTranspose", image, m.weight(4, 3, 3, 3)))


def enlarged_features(m: OnnxModel) -> str:
    """Features as an image of one pixel, which a generator enlarges."""
    features = m.node("MatMul", m.node("Flatten", "x"), m.weight(240, 4))
    pixel = m.node("Reshape", features, m.constant([0, 4, 1, 1]))
    scales = m.constant(np.float32([1, 1, 3, 2]))
    settings = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    image = m.node("Resize", pixel, "", scales, **settings)
    around = m.node("Pad", pixel, m.constant([0, 0, 1, 0, 0, 0, 1, 1]))
    return str(m.node("Add", image, around))


def attention_of_neighbouring_channels(m: OnnxModel) -> str:
    """Efficient channel attention (Wang et al. 2020): a convolution over the channels."""
    means = m.node("Squeeze", m.node("GlobalAveragePool", "x"), m.constant([3]))
    rows = m.node("Transpose", means, perm=[0, 2, 1])
    gates = m.node("Conv", rows, m.weight(1, 1, 3), pads=[1, 1])
    columns = m.node("Unsqueeze", m.node("Transpose", gates, perm=[0, 2, 1]), m.constant([3]))
    return str(m.node("Mul", "x", m.node("Sigmoid", columns)))


def attention_of_places(m: OnnxModel) -> str:
    """That of CBAM (Woo et al. 2018): mean and maximum of the channels."""
    parts = [m.node(name, "x", axes=[1]) for name in ("ReduceMean", "ReduceMax")]
    joined = m.node("Concat", *parts, axis=1)
    gates = m.node("Conv", joined, m.weight(1, 2, 3, 3), pads=[1, 1, 1, 1])
    return str(m.node("Mul", "x", m.node("Sigmoid", gates)))


def detections(m: OnnxModel) -> str:
    """Boxes of two maps in one list."""
    small = m.node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2])
    lists = []
    for image in ("x", small):
        boxes = m.node("Conv", image, m.weight(3 * 4, 6, 1, 1))
        last = m.node("Transpose", boxes, perm=[0, 2, 3, 1])
        lists.append(m.node("Reshape", last, m.constant([0, -1, 4])))
    return str(m.node("Softmax", m.node("Concat", *lists, axis=1), axis=-1))


def maximum_of_halves(m: OnnxModel) -> str:
    halves = m.node("Reshape", "x", m.constant([0, 2, 3, 8, 5]))
    return str(m.node("ReduceMax", halves, axes=[1], keepdims=0))


def sum_of_all_axes(m: OnnxModel) -> str:
    return str(m.node("ReduceSum", "x", m.constant([1, 2, 3])))


def sum_of_a_row_and_a_column(m: OnnxModel) -> str:
    row = m.node("ReduceMean", "x", axes=[1, 2])
    return str(m.node("Sub", m.node("ReduceMax", "x", axes=[3]), row))


def product_of_a_gate_and_a_map(m: OnnxModel) -> str:
    return str(m.node("Mul", m.node("ReduceMean", "x", axes=[1]), m.node("GlobalAveragePool", "x")))


def map_for_every_place(m: OnnxModel) -> str:
    """A position embedding, and a mean image before it."""
    centred = m.node("Sub", "x", m.weight(1, 1, 8, 5))
    return str(m.node("Mul", m.node("Add", centred, m.weight(6, 8, 5)), m.weight(8, 1)))


def division_at_no_factor(m: OnnxModel) -> str:
    return str(m.node("Relu", m.node("Reshape", "x", m.constant([0, 5, 12, 4]))))


def convolution_over_another_axis(m: OnnxModel) -> str:
    turned = m.node("Transpose", "x", perm=[0, 3, 1, 2])
    maps = m.node("Conv", turned, m.weight(7, 5, 3, 3))
    return str(m.node("Transpose", maps, perm=[0, 2, 3, 1]))


def joined_features(m: OnnxModel) -> str:
    """The features of two halves, in the order of the channels first."""
    halves = m.node("Split", "x", m.constant([3, 3]), axis=1, count=2)
    lists = [m.node("Flatten", m.node("Relu", half)) for half in halves]
    return str(m.node("Gemm", m.node("Concat", *lists, axis=1), m.weight(240, 5)))


def products_along_every_axis(m: OnnxModel) -> str:
    """As in an MLP-Mixer (Tolstikhin et al. 2021): of the places, then of the channels."""
    rows = m.node("Reshape", "x", m.constant([0, 6, 40]))
    mixed = m.node("Add", m.node("MatMul", rows, m.weight(40, 40)), rows)
    left = m.node("MatMul", m.weight(6, 6), m.node("Tanh", mixed))
    return str(m.node("Add", left, mixed))


def norm_of_every_axis(m: OnnxModel) -> str:
    """With a weight for every number of an image, and over the height alone."""
    settings = {"axis": 1, "epsilon": 0.1}
    whole = m.node("LayerNormalization", "x", m.weight(6, 8, 5), m.weight(6, 8, 5), **settings)
    turned = m.node("Transpose", whole, perm=[0, 1, 3, 2])
    return str(m.node("LayerNormalization", turned, m.weight(8), m.weight(8), epsilon=0.1))


def selected_kernels(m: OnnxModel) -> str:
    """Two branches, weighed by a softmax over them (Li et al. 2019), in arrays of 5 axes."""
    branches = [m.node("Conv", "x", m.weight(6, 6, 1, 1)) for _ in range(2)]
    axes = m.constant([1])
    stack = m.node("Concat", *(m.node("Unsqueeze", each, axes) for each in branches), axis=1)
    means = m.node("GlobalAveragePool", m.node("ReduceSum", stack, axes, keepdims=0))
    votes = m.node("Conv", means, m.weight(12, 6, 1, 1))
    split = m.node("Reshape", votes, m.constant([0, 2, 6, 1, 1]))
    weighed = m.node("Mul", stack, m.node("Softmax", split, axis=1))
    return str(m.node("ReduceSum", weighed, axes, keepdims=0))


def parts_of_lists(m: OnnxModel) -> str:
    """Of an axis that is neither the channels nor the height or width of an image."""
    lists = m.node("Reshape", "x", m.constant([0, 6, 40]))
    turned = m.node("Transpose", lists, perm=[0, 2, 1])
    first, second = m.node("Split", turned, m.constant([15, 25]), axis=1, count=2)
    part = m.node("Slice", second, m.constant([5]), m.constant([20]), m.constant([1]))
    return str(m.node("Mul", first, m.node("Sigmoid", part)))


def channels_backwards(m: OnnxModel) -> str:
    """As of images with blue first, and every other one."""
    bounds = [m.constant([each]) for each in (-1, -99, 1, -1)]
    turned = m.node("Slice", "x", *bounds)
    steps = [m.constant([each]) for each in (1, 6, 1, 2)]
    return str(m.node("Slice", turned, *steps))


def parts_of_channels_and_rows(m: OnnxModel) -> str:
    """Of an array of 5 axes, by one node that names the rows first."""
    groups = m.node("Reshape", "x", m.constant([0, 2, 3, 8, 5]))
    bounds = [m.constant(each) for each in ([2, 0], [5, 2])]
    part = m.node("Slice", groups, *bounds, m.constant([3, 2]))
    return str(m.node("Reshape", part, m.constant([0, 4, 3, 5])))


CASES = [
    decoder,
    enlarged_features,
    attention_of_neighbouring_channels,
    attention_of_places,
    detections,
    maximum_of_halves,
    sum_of_all_axes,
    sum_of_a_row_and_a_column,
    product_of_a_gate_and_a_map,
    map_for_every_place,
    division_at_no_factor,
    convolution_over_another_axis,
    joined_features,
    products_along_every_axis,
    norm_of_every_axis,
    selected_kernels,
    parts_of_lists,
    channels_backwards,
    parts_of_channels_and_rows,
]


@pytest.mark.parametrize("build", CASES)
def test_equals_the_reference(build: Callable[[OnnxModel], str]) -> None:
    m = OnnxModel(*SHAPE)
    check(m, build(m))


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_images_are_joined_along_any_axis(axis: int) -> None:
    m = OnnxModel(*SHAPE)
    other = m.node("Concat", "x", m.node("Relu", "x"), axis=axis)
    check(m, m.node("Concat", other, m.node("Tanh", "x"), axis=axis))


@pytest.mark.parametrize("axes", [[1], [2], [3], [1, 2], [1, 3], [2, 3], [1, 2, 3]])
@pytest.mark.parametrize("keep", [0, 1])
def test_any_axes_are_reduced(axes: list[int], keep: int) -> None:
    m = OnnxModel(*SHAPE)
    value = m.node("ReduceMax", "x", axes=axes, keepdims=keep)
    check(m, m.node("Tanh", value))


def test_images_stay_images_where_the_numbers_keep_their_order() -> None:
    """No shuffle where channels follow pixels, as in a list of boxes."""
    m = OnnxModel(*SHAPE)
    assert "channel_shuffle" not in kinds(check(m, detections(m)))


def test_reductions_of_one_array_read_the_same_rows() -> None:
    m = OnnxModel(*SHAPE)
    found = check(m, m.node("Add", *(m.node(f"Reduce{f}", "x", axes=[1]) for f in ("Mean", "Max"))))
    assert sorted(kinds(found)[:3]) == ["avg_pool2d", "max_pool2d", "reshape"]


def test_the_batch_is_not_joined() -> None:
    m = OnnxModel(*SHAPE)
    with pytest.raises(cnnx.onnx.UnsupportedError, match="joins the images of several batches"):
        check(m, m.node("Concat", "x", m.node("Relu", "x"), axis=0))


def test_a_batch_is_not_multiplied() -> None:
    m = OnnxModel(1, 1, 1, 1)
    numbers = m.node("Reshape", "x", m.constant([1]))
    with pytest.raises(cnnx.onnx.UnsupportedError, match="multiplies along the batch"):
        check(m, m.node("MatMul", numbers, m.weight(1, 3)))


def _moved(m: OnnxModel, value: str, shape: list[int]) -> tuple[str, list[int]]:
    """A drawn operator that moves, reduces, repeats or joins numbers."""
    rng = m.rng
    axis = int(rng.integers(1, len(shape)))
    drawn = rng.integers(8)
    if drawn == 0:
        order = [0, *(1 + rng.permutation(len(shape) - 1)).tolist()]
        return m.node("Transpose", value, perm=order), [shape[each] for each in order]
    if drawn == 1:
        count = int(np.prod(shape[1:]))
        factors = [each for each in range(1, count + 1) if count % each == 0]
        first = int(rng.choice(factors))
        second = int(rng.choice([each for each in factors if count // first % each == 0]))
        sizes = [shape[0], first, second, count // first // second]
        return m.node("Reshape", value, m.constant(sizes)), sizes
    if drawn == 2:
        joined = m.node("Concat", value, m.node("Relu", value), axis=axis)
        return joined, [2 * n if k == axis else n for k, n in enumerate(shape)]
    if drawn == 3:
        mean = m.node("ReduceMean", value, axes=[axis])
        return m.node("Add", mean, value), shape
    if drawn == 4:
        largest = m.node("ReduceMax", value, axes=[axis])
        return m.node("Mul", value, m.node("Sigmoid", largest)), shape
    if drawn == 5:
        return m.node("MatMul", value, m.weight(shape[-1], 3)), [*shape[:-1], 3]
    if drawn == 6:
        scale = m.weight(shape[-1])
        return m.node("LayerNormalization", value, scale, scale, epsilon=0.5), shape
    sizes = [1 if rng.random() < 0.5 else n for n in shape[1:]]
    return m.node("Add", value, m.weight(*sizes)), shape


@pytest.mark.parametrize("seed", range(60))
def test_drawn_graphs_equal_the_reference(seed: int) -> None:
    m = OnnxModel(2, 6, 4, 5)
    m.rng = np.random.default_rng(seed)
    value, shape = "x", list(m.shape)
    for _ in range(int(m.rng.integers(2, 6))):
        value, shape = _moved(m, value, shape)
    check(m, m.node("Tanh", value))


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_a_softmax_works_along_any_axis(axis: int) -> None:
    m = OnnxModel(*SHAPE)
    check(m, m.node("Relu", m.node("Softmax", "x", axis=axis)))


def test_images_with_the_channels_last_are_not_transposed(tmp_path: Path) -> None:
    """Although a network with the channels first could be made of the same graph."""
    m = OnnxModel(2, 8, 6, 9)
    image = m.node("Transpose", "x", perm=[0, 3, 1, 2])
    maps = m.node("Conv", image, m.weight(4, 9, 3, 3))
    loaded = cnnx.onnx.load(m.save(tmp_path / "net.onnx", maps))
    assert loaded.input_shape == (8, 6, 9)
    assert [layer.kind for layer in loaded.layers] == ["conv2d"]


def test_every_order_of_the_axes_may_take_the_memory_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A constant of half of it, of which each order makes its own."""
    monkeypatch.setattr("cnnx.onnx.folding._MOST_BYTES", 1 << 20)
    m = OnnxModel(1, 6, 8, 5)
    value = "x"
    for axis in (1, 2, 3):  # each order transposes the others
        value = m.node("Softmax", value, axis=axis)
    first = m.node("Gather", m.node("Shape", "x"), m.constant([0]))
    count = m.node("Concat", first, m.constant([1 << 17]), axis=0)
    zeros = m.node("ConstantOfShape", count)
    check(m, m.node("Add", value, m.node("Gather", zeros, m.constant([0]), axis=1)))


def test_images_that_look_channels_first_are(tmp_path: Path) -> None:
    """Although fewer axes are transposed with the width as the channels."""
    m = OnnxModel(2, 3, 8, 9)
    mixed = m.node("Add", "x", m.node("MatMul", "x", m.weight(9, 9)))
    maps = m.node("Conv", mixed, m.weight(4, 3, 3, 3))
    assert cnnx.onnx.load(m.save(tmp_path / "net.onnx", maps)).input_shape == (8, 9, 3)
    check(m, maps)

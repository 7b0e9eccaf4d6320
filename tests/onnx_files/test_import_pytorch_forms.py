"""Layers of PyTorch that its exporters write as several nodes, and forms near them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_models import OnnxModel, check, imported, kinds, number, reduced

onnx = pytest.importorskip("onnx", reason="needs onnx: install the extra onnx")

Build = Callable[[OnnxModel], Any]
SHAPE = (2, 6, 5, 4)  # of the input


# Local response norms.


def squares_of(m: OnnxModel, shape: Any) -> Any:
    """Squares with an axis before the channels."""
    return m.node("Reshape", m.node("Mul", "x", "x"), shape)


def pooled(m: OnnxModel, squares: Any, size: int = 3, pads: Any = None, axis: int = 0) -> Any:
    half = size // 2
    ends = [0, 0, half, 0, 0, 0, 0, size - 1 - half, 0, 0] if pads is None else pads
    kernel = [1, 1, 1]
    kernel[axis] = size
    padded = m.node("Pad", squares, m.constant(ends), mode="constant")
    return m.node("AveragePool", padded, kernel_shape=kernel, strides=[1] * 3)


def squeezed(m: OnnxModel, x: Any) -> Any:
    return m.node("Squeeze", x, m.constant([1]))


def squeezed_if_one(m: OnnxModel, x: Any) -> Any:
    """As TorchScript writes it, which does not know the sizes."""
    size = m.node("Gather", m.node("Shape", x), m.constant([1]), axis=0)
    bodies = {}
    for name, operator in (("then_branch", "Squeeze"), ("else_branch", "Identity")):
        axes = onnx.helper.make_node("Constant", [], [f"{name}_axes"], value_ints=[1])
        inputs = [x, f"{name}_axes"] if operator == "Squeeze" else [x]
        node = onnx.helper.make_node(operator, inputs, [f"{name}_out"])
        out = onnx.helper.make_tensor_value_info(f"{name}_out", onnx.TensorProto.FLOAT, None)
        bodies[name] = onnx.helper.make_graph([axes, node], name, [], [out])
    return m.node("If", m.node("Equal", size, m.constant([1])), **bodies)


def quotient(m: OnnxModel, mean: Any, beta: float = 0.75, k: float = 2.0) -> Any:
    base = m.node("Add", m.node("Mul", mean, number(m, 0.5)), number(m, k))
    return m.node("Div", "x", m.node("Pow", base, number(m, beta)))


def sizes_of(m: OnnxModel, *parts: int | None) -> Any:
    """A shape by the sizes of x and numbers, where None stands for the next size of x."""
    shape, axis, found = m.node("Shape", "x"), 0, []
    for part in parts:
        if part is None:
            found.append(m.node("Gather", shape, m.constant([axis]), axis=0))
            axis += 1
        else:
            found.append(m.constant([part]))
    return m.node("Concat", *found, axis=0)


def normed(m: OnnxModel, shape: Any, beta: float = 0.75, **window: Any) -> Any:
    """The norm by squares of another shape, given as integers or as the name of a value."""
    shape = m.constant(shape) if isinstance(shape, list) else shape
    return quotient(m, squeezed(m, pooled(m, squares_of(m, shape), **window)), beta)


def by_sizes_of_x(m: OnnxModel) -> Any:
    squares = squares_of(m, sizes_of(m, None, 1, None, None, -1))
    mean = squeezed_if_one(m, pooled(m, squares))
    return quotient(m, m.node("Reshape", mean, sizes_of(m, None, None, None, None)))


NORMS: dict[str, Build] = {
    "known sizes": lambda m: normed(m, [2, 1, 6, 5, -1]),
    "an open batch": lambda m: normed(m, [-1, 1, 6, 5, 4]),
    "sizes of the input": by_sizes_of_x,
    "5 channels": lambda m: normed(m, [-1, 1, 6, 5, 4], size=5),
    "beta 1": lambda m: normed(m, [-1, 1, 6, 5, 4], beta=1.0),
}


@pytest.mark.parametrize("open_batch", [False, True])
@pytest.mark.parametrize("name", NORMS)
def test_a_local_response_norm_is_one_layer(name: str, open_batch: bool) -> None:
    if open_batch and "known" in name:
        pytest.skip("its sizes include those of the batch")
    m = OnnxModel(*SHAPE, open_batch=open_batch)
    assert kinds(check(m, NORMS[name](m))) == ["lrn"]


def in_groups(m: OnnxModel, shape: list[int], *, squeezes: bool) -> Any:
    mean = pooled(m, squares_of(m, m.constant(shape)))
    mean = squeezed(m, mean) if squeezes else mean
    return quotient(m, m.node("Reshape", mean, m.constant(SHAPE)))


def of_another(m: OnnxModel) -> Any:
    mean = squeezed(m, pooled(m, squares_of(m, m.constant([2, 1, 6, 5, 4]))))
    base = m.node("Add", mean, number(m, 1))
    return m.node("Div", m.node("Tanh", "x"), m.node("Pow", base, number(m, 0.75)))


PLAIN = [2, 1, 6, 5, 4]
OTHERS: dict[str, Build] = {
    "groups of channels": lambda m: in_groups(m, [2, 2, 3, 5, 4], squeezes=False),
    "squeezed groups": lambda m: in_groups(m, [4, 1, 3, 5, 4], squeezes=True),
    "pixels": lambda m: normed(m, PLAIN, pads=[0, 0, 0, 1, 0] * 2, axis=1),
    "other rows": lambda m: in_groups(m, [2, 1, 6, 4, 5], squeezes=True),
    "an even size": lambda m: normed(m, PLAIN, size=4),
    "one side": lambda m: normed(m, PLAIN, pads=[0, 0, 2, 0, 0] + [0] * 5),
    "other squares": of_another,
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_norm_is_refused_or_computed(name: str) -> None:
    m = OnnxModel(*SHAPE)
    output = OTHERS[name](m)
    try:
        check(m, output)
    except cnnx.onnx.UnsupportedError:
        return


# Activations.


def softplus(m: OnnxModel, beta: float, bound: float, divisor: float | None = None) -> Any:
    """PyTorch's, which is x above a bound."""
    inner = m.node("Mul", "x", number(m, beta))
    smooth = m.node("Div", m.node("Softplus", inner), number(m, divisor or beta))
    return m.node("Where", m.node("Greater", inner, number(m, bound)), "x", smooth)


def softsign(m: OnnxModel, magnitude: Any, one: float) -> Any:
    return m.node("Div", "x", m.node("Add", m.node("Abs", magnitude), number(m, one)))


def by_sign(m: OnnxModel, comparison: str, first: Any, second: Any, bound: float = 0) -> Any:
    return m.node("Where", m.node(comparison, "x", number(m, bound)), first, second)


def tenth(m: OnnxModel) -> Any:
    return m.node("Mul", "x", number(m, 0.1))


def one_side(m: OnnxModel, comparison: str, bound: float, far: Any) -> Any:
    return m.node("Where", m.node(comparison, "x", number(m, bound)), far, number(m, 0))


def hard_shrink(m: OnnxModel, below: float = -0.4) -> Any:
    """As TorchScript writes it, with its casts of booleans to booleans."""
    outside = [
        m.node("Cast", m.node(comparison, "x", number(m, bound)), to=onnx.TensorProto.BOOL)
        for comparison, bound in (("Greater", 0.4), ("Less", below))
    ]
    return m.node("Where", m.node("Or", *outside), "x", number(m, 0))


def soft_shrink(m: OnnxModel, above: float = 0.4, below: str = "Less") -> Any:
    first = one_side(m, "Greater", 0.4, m.node("Sub", "x", number(m, above)))
    far = m.node("Add", "x", number(m, 0.4))
    return m.node("Add", first, one_side(m, below, -0.4, far))


def hard_shrink_by_magnitude(m: OnnxModel, far: Any = "x", near: float = 0) -> Any:
    """As PyTorch's exporter by torch.export writes it."""
    inside = m.node("LessOrEqual", m.node("Abs", "x"), number(m, 0.4))
    return m.node("Where", inside, number(m, near), far)


def soft_shrink_by_magnitude(m: OnnxModel, sign: Any = "x") -> Any:
    shift = m.node("Mul", m.node("Sign", sign), number(m, 0.4))
    outside = m.node("Greater", m.node("Abs", "x"), number(m, 0.4))
    far, near = m.node("Sub", "x", shift), m.node("Mul", "x", number(m, 0))
    return m.node("Where", outside, far, near)


ACTIVATIONS: dict[str, tuple[Build, list[str]]] = {
    "softsign": (
        lambda m: softsign(m, "x", 1), ["softsign"]
    ),
    "log of a sigmoid": (
        lambda m: m.node("Log", m.node("Sigmoid", "x")), ["scale2d", "softplus", "scale2d"]
    ),
    "softplus": (lambda m: softplus(m, 1, 20), ["softplus"]),
    "softplus of a multiple": (lambda m: softplus(m, 4, 20), ["scale2d", "softplus", "scale2d"]),
    "greater": (lambda m: by_sign(m, "Greater", "x", tenth(m)), ["leaky_relu"]),
    "less": (lambda m: by_sign(m, "Less", tenth(m), "x"), ["leaky_relu"]),
    "at least": (lambda m: by_sign(m, "GreaterOrEqual", "x", tenth(m)), ["leaky_relu"]),
    "at most": (lambda m: by_sign(m, "LessOrEqual", tenth(m), "x"), ["leaky_relu"]),
    "hard shrinkage": (hard_shrink, ["hard_shrink"]),
    "soft shrinkage": (soft_shrink, ["soft_shrink"]),
    "hard shrinkage by magnitude": (hard_shrink_by_magnitude, ["hard_shrink"]),
    "soft shrinkage by magnitude": (soft_shrink_by_magnitude, ["soft_shrink"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_of_several_nodes(name: str) -> None:
    build, expected = ACTIVATIONS[name]
    m = OnnxModel(*SHAPE)
    assert kinds(check(m, build(m))) == expected


@pytest.mark.parametrize(
    "build",
    [
        lambda m: by_sign(m, "Less", "x", tenth(m)),
        lambda m: by_sign(m, "Greater", tenth(m), "x"),
        lambda m: by_sign(m, "Greater", "x", tenth(m), 0.5),
        lambda m: softplus(m, 1, 2),
        lambda m: softplus(m, 40, 20, divisor=3),
        lambda m: softplus(m, -1, 20),
        lambda m: m.node("Log", m.node("Tanh", "x")),
        lambda m: softsign(m, m.node("Tanh", "x"), 1),
        lambda m: softsign(m, "x", 2),
        lambda m: hard_shrink(m, below=-0.5),
        lambda m: soft_shrink(m, above=0.3),
        lambda m: soft_shrink(m, below="Greater"),
        lambda m: one_side(m, "Greater", 0.4, "x"),
        lambda m: m.node("Add", *[hard_shrink_by_magnitude(m)] * 2),
        lambda m: hard_shrink_by_magnitude(m, m.node("Tanh", "x")),
        lambda m: soft_shrink_by_magnitude(m, m.node("Sub", "x", number(m, 1))),
        lambda m: hard_shrink_by_magnitude(m, near=1),
    ],
    ids=[
        *("less", "greater", "bound", "low bound", "divisor", "negative", "tanh", "other", "two"),
        *("uneven", "other bias", "two above", "one side", "twice", "other far", "sign", "one"),
    ],
)  # fmt: skip
def test_a_similar_activation_is_refused_or_computed(build: Build) -> None:
    m = OnnxModel(*SHAPE)
    output = build(m)
    try:
        check(m, output)
    except cnnx.onnx.UnsupportedError:
        return


# Arrays repeated and selected.


def in_front(m: OnnxModel, x: Any) -> Any:
    """The first two axes exchanged."""
    return m.node("Transpose", x, perm=[1, 0, 2, 3])


PARTS: dict[str, tuple[Build, list[str]]] = {
    "channels repeated": (lambda m: m.node("Tile", "x", m.constant([1, 3, 1, 1])), []),
    "rows and columns": (lambda m: m.node("Tile", "x", m.constant([1, 1, 2, 3])), []),
    "everything": (lambda m: m.node("Tile", "x", m.constant([1, 2, 3, 2])), []),
    "a pixel": (
        lambda m: m.node("Tile", m.node("GlobalAveragePool", "x"), m.constant([1, 1, 5, 4])),
        ["adaptive_avg_pool2d", "upsample2d"],
    ),
    "the channels of a pixel": (
        lambda m: m.node("Tile", m.node("GlobalAveragePool", "x"), m.constant([1, 2, 5, 4])), []
    ),
    "nothing": (lambda m: m.node("Tanh", m.node("Tile", "x", m.constant([1] * 4))), ["tanh"]),
    "channels selected": (
        lambda m: in_front(m, m.node("GatherND", in_front(m, "x"), m.constant([[2], [0], [5]]))), []
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_parts_in_another_number_or_order(name: str) -> None:
    build, expected = PARTS[name]
    m = OnnxModel(*SHAPE)
    found = kinds(check(m, build(m)))
    assert found == expected or not expected


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda m: m.node("Tile", "x", m.constant([2, 1, 1, 1])), "repeats the images of the b"),
        (lambda m: m.node("Tile", "x", m.constant([1, 0, 1, 1])), r"repeats axes \[1, 0, 1, 1\] t"),
        (lambda m: m.node("GatherND", "x", m.constant([[0, 1]])), "selects along several axes"),
        (lambda m: m.node("GatherND", "x", m.constant([[[1]]] * 2), batch_dims=1), "several a"),
    ],
    ids=["batch", "nothing", "two axes", "batch of places"],
)  # fmt: skip
def test_other_parts_are_refused(build: Build, reason: str) -> None:
    m = OnnxModel(*SHAPE)
    with pytest.raises(cnnx.onnx.UnsupportedError, match=reason):
        imported(m, build(m))


# Stacks.


def stack_of(m: OnnxModel, *arrays: Any, axis: int, at: int | None = None) -> Any:
    """Arrays with an axis added at `at`, joined along `axis`."""
    added = m.constant([axis if at is None else at])
    return m.node("Concat", *(m.node("Unsqueeze", each, added) for each in arrays), axis=axis)


STACKS = {
    "ReduceSum": ["add", "tanh"],
    "ReduceMean": ["add", "scale2d", "tanh"],
    "ReduceMax": ["maximum", "tanh"],
    "ReduceMin": ["maximum", "scale2d", "scale2d", "scale2d", "tanh"],
}


@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize("axis", [0, 1, 2, 4, -1, -3])
@pytest.mark.parametrize("operator", STACKS)
def test_a_reduced_stack_is_computed_from_its_arrays(operator: str, axis: int, opset: int) -> None:
    m = OnnxModel(*SHAPE, opset=opset)
    stack = stack_of(m, "x", m.node("Tanh", "x"), axis=axis)
    assert (
        sorted(kinds(check(m, reduced(m, operator, stack, [axis], keepdims=0)))) == STACKS[operator]
    )


@pytest.mark.parametrize(
    "build",
    [
        lambda m: reduced(m, "ReduceMax", stack_of(m, "x", "x", axis=1), [2], keepdims=0),
        lambda m: reduced(m, "ReduceSum", stack_of(m, "x", "x", axis=1), [1, 2], keepdims=0),
        lambda m: reduced(m, "ReduceMean", stack_of(m, "x", "x", axis=1, at=2), [1], keepdims=0),
        lambda m: reduced(m, "ReduceMax", stack_of(m, "x", "x", axis=1, at=2), [2], keepdims=0),
        lambda m: reduced(m, "ReduceSum", stack_of(m, "x", "x", axis=1), [-4], keepdims=0),
        lambda m: reduced(m, "ReduceSum", m.node("Concat", "x", "x", axis=1), [1], keepdims=0),
        lambda m: reduced(m, "ReduceMax", stack_of(m, "x", "x", axis=1), [1], keepdims=1),
    ],
    ids=[
        "another axis",
        "two axes",
        "joined elsewhere",
        "of one",
        "from the end",
        "no stack",
        "kept",
    ],
)
def test_other_reductions_of_joined_arrays(build: Build) -> None:
    m = OnnxModel(*SHAPE)
    check(m, build(m))


# Images whose axes the graph has brought into another order.


def stacked(m: OnnxModel) -> Any:
    """The sum of a stack of two images, whose pixels are no axes of a layer's output."""
    both = stack_of(m, "x", m.node("Tanh", "x"), axis=1)
    return squeezed(m, reduced(m, "ReduceSum", both, [1], keepdims=1))


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
@pytest.mark.parametrize("sides", [[1, 2, 3, 1], [0, 1, 0, 2]])
def test_an_image_in_another_order_is_padded(mode: str, sides: list[int]) -> None:
    m = OnnxModel(*SHAPE)
    check(m, m.node("MaxPool", padded(m, stacked(m), sides, mode), kernel_shape=[1, 1]))


def padded(m: OnnxModel, x: Any, sides: list[int], mode: str) -> Any:
    top, left, bottom, right = sides
    return m.node("Pad", x, m.constant([0, 0, top, left, 0, 0, bottom, right]), mode=mode)


@pytest.mark.parametrize("mode", ["constant", "edge"])
def test_an_image_in_another_order_is_cropped_and_padded(mode: str) -> None:
    """ONNX's reference does not crop by negative sides."""
    at_once, in_steps = OnnxModel(*SHAPE), OnnxModel(*SHAPE)
    both = padded(at_once, stacked(at_once), [-1, 2, 1, 0], mode)
    cut = [in_steps.constant(each) for each in ([1], [5], [2])]
    steps = padded(in_steps, in_steps.node("Slice", stacked(in_steps), *cut), [0, 2, 1, 0], mode)
    result = check(in_steps, in_steps.node("MaxPool", steps, kernel_shape=[1, 1]))
    x = at_once.input()
    found = imported(at_once, at_once.node("MaxPool", both, kernel_shape=[1, 1])).run(x)
    np.testing.assert_array_equal(found, result.run(x))


@pytest.mark.parametrize("scales", [[2, 2], [1, 3], [1.6, 2]])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_an_image_in_another_order_is_resized(mode: str, scales: list[float]) -> None:
    m = OnnxModel(*SHAPE)
    factors = m.constant(np.array([1, 1, *scales], np.float32))
    how = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    settings: Any = how if mode == "nearest" else {}
    resized = m.node("Resize", stacked(m), "", factors, mode=mode, **settings)
    check(m, m.node("MaxPool", resized, kernel_shape=[1, 1]))

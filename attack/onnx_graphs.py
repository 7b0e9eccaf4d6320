"""Random nodes of ONNX graphs, as expressions that add them to an `OnnxModel` named m."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from attack.case import Draw

ACTIVATIONS = ("Celu", "Elu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "Relu", "Selu")
FLOOR, CEIL = ("floor", "round_prefer_floor"), ("ceil", "round_prefer_ceil")


@dataclass
class Source:
    """A value that a new node reads.

    Attributes:
        draw: random choices.
        name: name of the value.
        shape: its shape.
        others: names of values of the same number of axes.
        opset: version of the operator set.
    """

    draw: Draw
    name: str
    shape: tuple[int, ...]
    others: Sequence[str]
    opset: int

    @property
    def x(self) -> str:
        """The value as an argument."""
        return repr(self.name)

    @property
    def pixel_axes(self) -> int:
        """Number of axes after the channels."""
        return len(self.shape) - 2


Node: TypeAlias = "Callable[[Source], str | None]"


def node(operator: str, *inputs: str, **attributes: Any) -> str:
    """Expression that adds a node."""
    given = [repr(operator), *inputs, *(f"{name}={each!r}" for name, each in attributes.items())]
    return f"m.node({', '.join(given)})"


def integers(values: Sequence[int]) -> str:
    """A constant of integers."""
    return f"m.constant({list(values)})"


def along(source: Source, operator: str, axes: Sequence[int], since: int, **settings: Any) -> str:
    """A node with axes, an attribute before the operator set `since` and an input from it on."""
    if source.opset >= since:
        return node(operator, source.x, integers(axes), **settings)
    return node(operator, source.x, axes=list(axes), **settings)


def divisor(draw: Draw, number: int) -> int:
    """A divisor of a number."""
    return int(draw.one_of(*(each for each in range(1, number + 1) if number % each == 0)))


def windows(source: Source, kernel: Sequence[int], most: int) -> dict[str, Any]:
    """Attributes of the windows of a convolution or a pool."""
    draw, count = source.draw, len(kernel)
    settings: dict[str, Any] = {"kernel_shape": list(kernel)}
    strides = [draw.integer(1, 3) for _ in kernel]
    if draw.chance(0.3):
        settings["auto_pad"] = draw.one_of("SAME_UPPER", "SAME_LOWER", "VALID")
        # With larger strides ONNX Runtime's padding is negative.
        strides = [min(pair) for pair in zip(strides, kernel, strict=True)]
    elif draw.chance(0.6):
        settings["pads"] = [draw.integer(0, most) for _ in range(2 * count)]
    if draw.chance(0.6):
        settings["strides"] = strides
    return settings


def conv(source: Source) -> str | None:
    """A convolution or a transposed convolution."""
    draw, count = source.draw, source.pixel_axes
    if count not in (1, 2):
        return None
    channels, transposed = source.shape[1], draw.chance(0.4)
    groups = divisor(draw, channels) if draw.chance(0.4) else 1
    outputs, kernel = draw.integer(1, 3), [draw.integer(1, 4) for _ in range(count)]
    settings = windows(source, kernel, 1 if transposed else 2)
    if draw.chance(0.3) and "auto_pad" not in settings:
        settings["dilations"] = [draw.integer(1, 2) for _ in kernel]
    if transposed and draw.chance(0.3):
        settings["output_padding"] = [each - 1 for each in settings.get("strides", [1] * count)]
    own = (channels, outputs) if transposed else (groups * outputs, channels // groups)
    inputs = [source.x, f"m.weight{(*own, *kernel)}"]
    if draw.chance(0.6):
        inputs.append(f"m.weight({groups * outputs})")
    operator = "ConvTranspose" if transposed else "Conv"
    return node(operator, *inputs, group=groups, **settings)


def pool(source: Source) -> str | None:
    """A pool, also over all pixels."""
    draw, count = source.draw, source.pixel_axes
    if count not in (1, 2):
        return None
    if draw.chance(0.2):
        return node(draw.one_of("GlobalAveragePool", "GlobalMaxPool"), source.x)
    operator = draw.one_of("AveragePool", "MaxPool")
    settings = windows(source, [draw.integer(1, 4) for _ in range(count)], 1)
    if source.opset >= 10 and draw.chance(0.3):
        settings["ceil_mode"] = 1
    dilates = source.opset >= (19 if operator == "AveragePool" else 10)
    if dilates and "auto_pad" not in settings and draw.chance(0.3):
        settings["dilations"] = [draw.integer(1, 2) for _ in range(count)]
    if operator == "AveragePool" and draw.chance(0.4):
        settings["count_include_pad"] = 1
    return node(operator, source.x, **settings)


def dense(source: Source) -> str | None:
    """A product with a matrix and a shift."""
    draw, outputs, features = source.draw, source.draw.integer(1, 6), source.shape[-1]
    if len(source.shape) != 2 or draw.chance(0.2):
        product = node("MatMul", source.x, f"m.weight({features}, {outputs})")
        return node("Add", product, f"m.weight({outputs})")
    across = draw.integer(0, 1)
    shape = (outputs, features) if across else (features, outputs)
    bias = draw.one_of((outputs,), (1, outputs), (1, 1), ())
    factors = {"alpha": draw.one_of(1.0, -1.5), "beta": draw.one_of(1.0, 0.5, 0.0)}
    return node("Gemm", source.x, f"m.weight{shape}", f"m.weight{bias}", transB=across, **factors)


def affine(source: Source) -> str | None:
    """A batch norm, or an operation with a constant of a shape that broadcasts."""
    draw, shape = source.draw, source.shape
    if draw.chance(0.3) and len(shape) > 1:
        statistics = [*["m.weight({0})"] * 3, "m.positive({0})"]
        given = (each.format(shape[1]) for each in statistics)
        return node("BatchNormalization", source.x, *given)
    kept = tuple(size if draw.chance(0.4) else 1 for size in shape[draw.integer(0, len(shape)) :])
    constant = f"m.positive{draw.one_of(kept, (), (1,))}"
    pair = [source.x, constant] if draw.chance(0.6) else [constant, source.x]
    return node(draw.one_of("Add", "Mul", "Sub", "Div", "Max", "Min"), *pair)


def pair(source: Source) -> str | None:
    """An operation on two values, or on a value and its gates."""
    draw, other = source.draw, repr(source.draw.one_of(*source.others))
    if draw.chance(0.3):
        axes = draw.one_of([2, 3], [1], [2], [3], [1, 2])
        other = node("Sigmoid", along(source, "ReduceMean", axes, 18, keepdims=1))
    inputs = (source.x, other) if draw.chance(0.5) else (other, source.x)
    operator = draw.one_of("Add", "Mul", "Sub", "Concat", "Concat", "Sum", "Mean", "Max")
    axis = {"axis": draw.one_of(1, 1, 1, -1, 2)} if operator == "Concat" else {}
    return node(operator, *inputs, **axis)


def shape(source: Source) -> str | None:
    """A change of the shape or of the order of the axes."""
    draw, sizes = source.draw, source.shape
    kind, rest = draw.integer(0, 5), len(sizes) - 1
    if kind == 0:
        return node("Flatten", source.x)
    if kind <= 2:
        order = draw.one_of([0, 2, 3, 1], [0, 3, 1, 2], [0, *(1 + draw.rng.permutation(rest))])
        return node("Transpose", source.x, perm=[int(each) for each in order])
    if kind == 3:
        return along(source, "Unsqueeze", [draw.integer(1, len(sizes))], 13)
    at = draw.integer(1, rest)
    if kind == 4 or at == rest:
        part = divisor(draw, sizes[at])
        wanted = [*sizes[:at], part, sizes[at] // part, *sizes[at + 1 :]]
    else:
        wanted = [*sizes[:at], -1, *sizes[at + 2 :]]
    return node("Reshape", source.x, integers([draw.one_of(0, wanted[0]), *wanted[1:]]))


def reduced(source: Source) -> str | None:
    """Means, sums or maxima along any axes, a product with a matrix, or a repetition."""
    draw, rank = source.draw, len(source.shape)
    kind = draw.integer(0, 4)
    if kind == 3:
        if draw.chance(0.5) or rank < 3:
            return node("MatMul", source.x, f"m.weight{(source.shape[-1], draw.integer(1, 6))}")
        return node("MatMul", f"m.weight{(draw.integer(1, 6), source.shape[-2])}", source.x)
    if kind == 4:
        sizes = [draw.integer(1, 4) if size == 1 else 1 for size in source.shape[1:]]
        return node("Expand", source.x, integers([1, *sizes]))
    axes = [axis for axis in range(1, rank) if draw.chance(0.5)]
    operator, since = draw.one_of(("ReduceMean", 18), ("ReduceMax", 18), ("ReduceSum", 13))
    keeps = {"keepdims": draw.integer(0, 1)}
    return along(source, operator, axes, since, **keeps) if axes else None


def product(source: Source) -> str | None:
    """A product with another value or with itself, of which one may be transposed."""
    draw, rank = source.draw, len(source.shape)
    if rank < 3:
        return None
    both = [source.x, repr(draw.one_of(source.name, *source.others))]
    swapped = [*range(rank - 2), rank - 1, rank - 2]
    which = draw.integer(0, 2)
    if which < 2:
        both[which] = node("Transpose", both[which], perm=swapped)
    return node("MatMul", *both)


def constants(source: Source) -> str | None:
    """A join, a combination or a product with a constant, along whose axes the value may repeat."""
    draw, sizes = source.draw, list(source.shape[1:])
    kind = draw.integer(0, 2)
    if kind == 0:
        axis = draw.integer(1, len(sizes))
        sizes[axis - 1] = draw.integer(1, 3)
        images = integers([source.shape[0], *(1 for _ in sizes)])
        constant = node("Expand", f"m.weight{(1, *sizes)}", images)
        both = draw.one_of((source.x, constant), (constant, source.x))
        return node("Concat", *both, axis=axis)
    if kind == 1 and source.opset >= 8:
        sizes = [draw.integer(1, 4) if size == 1 else draw.one_of(1, size) for size in sizes]
        both = draw.one_of(
            (source.x, f"m.weight{(1, *sizes)}"), (f"m.weight{(1, *sizes)}", source.x)
        )
        return node(draw.one_of("Add", "Sub", "Mul", "Max", "Sum"), *both)
    if kind == 2 and len(sizes) > 1:
        matrices = [draw.one_of(1, size) for size in sizes[:-2]]
        return node("MatMul", f"m.weight{(1, *matrices, draw.integer(1, 6), sizes[-2])}", source.x)
    return None


def squeezed(source: Source) -> str | None:
    """The value without some axes of size 1."""
    ones = [axis for axis, size in enumerate(source.shape) if size == 1 and axis > 0]
    return along(source, "Squeeze", ones, 13) if ones else None


def part(source: Source) -> str | None:
    """Some channels or pixels."""
    draw, axis = source.draw, source.draw.one_of(1, 1, 2, -1)
    if axis >= len(source.shape):
        return None
    size = source.shape[axis]
    if source.opset < 10 or draw.chance(0.3):
        chosen = [draw.integer(0, size - 1) for _ in range(draw.integer(1, 3))]
        return node("Gather", source.x, integers(chosen), axis=axis % len(source.shape))
    start, end = draw.integer(0, size - 1), draw.one_of(size, 1 << 31, -1)
    bounds = [integers([each]) for each in (start, end, axis, draw.one_of(1, 1, 2, 3))]
    return node("Slice", source.x, *bounds)


def resized(source: Source) -> str | None:
    """An image of another size."""
    draw = source.draw
    if source.opset < 13 or source.pixel_axes != 2:
        return None
    mode = draw.one_of("nearest", "linear")
    settings = {
        "mode": mode,
        "coordinate_transformation_mode": draw.one_of(
            "half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"
        ),
    }
    if mode == "nearest":
        settings["nearest_mode"] = draw.one_of(*FLOOR, *CEIL)
    # With scales and aligned corners ONNX Runtime uses the rounded size, and ONNX does not round.
    if draw.chance(0.5) or settings["coordinate_transformation_mode"] == "align_corners":
        sizes = [max(1, each + draw.integer(-each, each)) for each in source.shape[2:]]
        sizes_of_all = integers([*source.shape[:2], *sizes])
        return node("Resize", source.x, "''", "''", sizes_of_all, **settings)
    scales = [1.0, 1.0, *(draw.one_of(0.5, 1.0, 1.5, 2.0, 3.0) for _ in range(2))]
    return node("Resize", source.x, "''", f"m.constant({scales})", **settings)


def padded(source: Source) -> str | None:
    """An image with padding, or without its outer pixels."""
    draw, count = source.draw, source.pixel_axes
    if source.opset < 11 or count < 1:
        return None
    sides = [draw.integer(-1, 2) for _ in range(2 * count)]
    pads = integers([0, 0, *sides[:count], 0, 0, *sides[count:]])
    return node("Pad", source.x, pads, mode=draw.one_of("constant", "reflect", "edge"))


def root_norm(source: Source) -> str | None:
    """A division by a root of the sum of squares along some axes."""
    draw, rank = source.draw, len(source.shape)
    if draw.chance(0.3):
        return node("LpNormalization", source.x, axis=draw.integer(1, rank - 1), p=2)
    axes = [axis for axis in range(1, rank) if draw.chance(0.5)]
    if not axes:
        return None
    number = f"m.constant({draw.one_of(0.1, 2.0)})"
    if draw.chance(0.5):
        norms = along(source, "ReduceL2", axes, 18, keepdims=1)
        return node("Div", source.x, node("Max", norms, number))
    squares = along(source, "ReduceSumSquare", axes, 18, keepdims=1)
    return node("Div", source.x, node("Sqrt", node("Add", squares, number)))


def activation(source: Source) -> str | None:
    """An activation, a softmax or a norm."""
    draw, operator = source.draw, source.draw.one_of(*ACTIVATIONS, "Softmax", "PRelu", "Norm")
    if operator == "Softmax":
        return node("Softmax", source.x, axis=draw.integer(1, len(source.shape) - 1))
    if operator == "PRelu":
        slopes = (source.shape[1], *(1,) * source.pixel_axes)
        return node("PRelu", source.x, f"m.weight{slopes}")
    if operator == "Norm":
        channels = f"m.weight({source.shape[1]})"
        return node("InstanceNormalization", source.x, channels, channels, epsilon=0.1)
    has_alpha = operator in ("Celu", "Elu", "HardSigmoid", "LeakyRelu", "Selu")
    settings = {"alpha": draw.one_of(0.2, 1.5, -0.3)} if has_alpha and draw.chance(0.5) else {}
    return node(operator, source.x, **settings)


NODES: tuple[Node, ...] = (
    *(conv, pool, affine, shape, pair) * 2,
    *(dense, squeezed, part, resized, padded, activation, reduced, root_norm, product),
    constants,
)


def input_shape(draw: Draw) -> tuple[int, ...]:
    """Shape of an input: images in either order of axes, signals or features."""
    batch = draw.integer(2, 3)
    kind = draw.rng.choice(["first", "last", "signal", "features"], p=[0.7, 0.1, 0.1, 0.1])
    if kind == "features":
        return batch, draw.integer(2, 12)
    if kind == "signal":
        return batch, draw.integer(2, 6), draw.integer(3, 12)
    channels, sizes = int(draw.one_of(1, 3, 4, 6, 8)), draw.pair(1, 9)
    return (batch, channels, *sizes) if kind == "first" else (batch, *sizes, channels)


def is_comparable(values: Any, nearby: Any) -> bool:
    """Whether a value has few elements of several axes, and rounding errors are small beside it.

    Those of ONNX Runtime's sigmoid are 1e-8, also of much smaller numbers. `nearby`, the value for
    an input that differs by 1e-6, is far away where a divisor is near 0.
    """
    if values.dtype != np.float32 or not 0 < values.size < 20000 or values.ndim < 2:
        return False
    largest = np.max(np.abs(values))
    is_finite = bool(np.all(np.isfinite(values)) and np.all(np.isfinite(nearby)))
    return is_finite and 1e-2 < largest < 1e6 and np.max(np.abs(values - nearby)) < 1e-4 * largest

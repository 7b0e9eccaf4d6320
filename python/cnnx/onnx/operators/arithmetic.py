"""Sums, products and other arithmetic of ONNX as layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from cnnx import layers
from cnnx.layers.base import Layer
from cnnx.onnx.affine import negated, scaled, shifted
from cnnx.onnx.arrangement import axes_as_image, axes_as_stored, broadcast, stored_alike
from cnnx.onnx.axes import Activation, per_channel
from cnnx.onnx.call import Call, Operand, Operator
from cnnx.onnx.graph import Array
from cnnx.onnx.layout import (
    channels_first,
    channels_in_order,
    flat,
    order_of,
    repeated,
)
from cnnx.onnx.network import Network
from cnnx.onnx.operators.activations import clipped
from cnnx.onnx.refusal import RefusedError
from cnnx.onnx.trained_constants import activations, constant_input, of_rank

_REAL = (1, 10, 11, 16)  # TensorProto.DataType of float32, float16, float64 and bfloat16


def _pair(call: Call) -> tuple[Operand, Operand]:
    """Both inputs; before operator set 7 an attribute says where a constant's axes begin."""
    first, second = (
        repeated(call.network, each) if isinstance(each, Activation) else each
        for each in (call.operand(0), call.operand(1))
    )
    if call.opset < 7 and isinstance(first, Activation) and isinstance(second, np.ndarray):
        axis = call.integer("axis", len(first.axes) - second.ndim) % len(first.axes)
        after = len(first.axes) - axis - second.ndim
        return first, second.reshape(second.shape + (1,) * max(0, after))
    if isinstance(first, np.ndarray) and isinstance(second, Activation):
        return _if_larger(call, 0, second), second
    if isinstance(first, Activation) and isinstance(second, np.ndarray):
        return first, _if_larger(call, 1, first)
    return first, second


def _if_larger(call: Call, index: int, value: Activation) -> Operand:
    """A constant, as an activation if the other operand is repeated along its axes."""
    constant = call.constant(index)
    sizes = of_rank(constant, len(value.axes)).shape
    if all(own in (1, size) for own, size in zip(sizes, value.onnx_shape, strict=True)):
        return constant
    return constant_input(call, index, value)


def _numbers(call: Call, value: Activation, constant: Array) -> tuple[Activation, Array]:
    """The activation and one number per channel, in float64; as features if one is not enough."""
    constant = constant.astype(np.float64)
    try:
        return value, per_channel(value, constant)
    except RefusedError:
        features = flat(call.network, value)
        return features, per_channel(features, constant)


def _add(call: Call) -> Activation:
    first, second = _pair(call)
    if isinstance(first, Activation) and isinstance(second, Activation):
        return _total(call, [first, second])
    value, constant = _with_constant(first, second)
    bias = call.node.inputs[0 if isinstance(second, Activation) else 1]
    name = bias.removesuffix(".bias") if bias.endswith(".bias") else ""
    return shifted(call.network, *_numbers(call, value, constant), name)


def _with_constant(first: Operand, second: Operand) -> tuple[Activation, Array]:
    """The activation and the constant of a commutative operation."""
    if isinstance(second, Activation):
        first, second = second, first
    if not isinstance(first, Activation) or not isinstance(second, np.ndarray):
        raise RefusedError("combines two activations, expected one and a constant")
    return first, second


def _subtract(call: Call) -> Activation:
    first, second = _pair(call)
    if isinstance(second, Activation):
        value = scaled(call.network, second, np.full(second.channels, -1.0))
        if isinstance(first, Activation):
            return _total(call, [first, value])
        return shifted(call.network, *_numbers(call, *_with_constant(value, first)))
    value, constant = _with_constant(first, second)
    return shifted(call.network, *_numbers(call, value, -constant))


def _before_expand(value: Operand, other: Operand) -> Operand:
    """A factor that an Expand repeats to the shape of the other one, before that."""
    if not isinstance(value, Activation) or not isinstance(other, Activation):
        return value
    return replace(value, repeated_to=None) if value.repeated_to == other.onnx_shape else value


def _multiply(call: Call) -> Activation:
    first, second = call.operand(0), call.operand(1)
    factors = [_before_expand(first, second), _before_expand(second, first)]
    first, second = _pair(replace(call, inputs=factors))
    if isinstance(first, Activation) and isinstance(second, Activation):
        return _product(call, first, second)
    return scaled(call.network, *_numbers(call, *_with_constant(first, second)))


def _divide(call: Call) -> Activation:
    divisor = call.operand(1)
    if isinstance(divisor, Activation):
        symbol = call.network.add(layers.Reciprocal(), divisor.symbol)
        inverse = replace(divisor.computed(symbol), repeated_to=divisor.repeated_to)
        return _multiply(replace(call, inputs=[call.operand(0), inverse]))
    if isinstance(divisor, np.ndarray) and np.any(divisor == 0):
        raise RefusedError("divides by 0")
    first, second = _pair(call)
    if isinstance(second, Activation):  # a constant along whose axes the first is repeated
        return _multiply(replace(call, inputs=[call.operand(0), 1 / call.constant(1)]))
    value, divisor = _numbers(call, *_with_constant(first, second))
    return scaled(call.network, value, 1 / divisor)


def _negate(call: Call) -> Activation:
    return negated(call.network, call.activation())


def _sum(call: Call) -> Activation:
    """Sum of any number of arrays."""
    values = activations(call, range(len(call.inputs)))
    return values[0] if len(values) == 1 else _total(call, values)


def _mean(call: Call) -> Activation:
    total = _sum(call)
    return scaled(call.network, total, np.full(total.channels, 1 / len(call.inputs)))


def _power(call: Call) -> Activation:
    value = call.activation()
    exponent = of_rank(call.constant(1), len(value.axes))
    if exponent.size == 1 and exponent.reshape(-1)[0] == 1:
        return value
    if exponent.size == 1 and exponent.reshape(-1)[0] == 2:
        return value.computed(call.network.add(layers.Multiply(), value.symbol, value.symbol))
    raise RefusedError("raises to another power than 2")


def _total(call: Call, values: list[Activation]) -> Activation:
    """Sum of arrays of one shape."""
    return _merged(call, layers.Add(), values)


def _merged(call: Call, layer: Layer, values: list[Activation]) -> Activation:
    """Arrays, repeated to one shape, merged element by element."""
    values = _alike(call, _of_one_size(call, values))
    symbol = call.network.add(layer, *(value.symbol for value in values))
    return values[0].computed(symbol)


def _of_one_size(call: Call, values: list[Activation]) -> list[Activation]:
    """The activations as ONNX repeats them to one shape."""
    shapes = {value.onnx_shape for value in values}
    if len(shapes) == 1:
        return values
    sizes = [{1, *column} for column in zip(*shapes, strict=False)]
    if len({len(shape) for shape in shapes}) > 1 or any(len(each) > 2 for each in sizes):
        raise RefusedError(f"combines arrays of shapes {', '.join(map(str, sorted(shapes)))}")
    shape = tuple(max(each) for each in sizes)
    whole = [value for value in values if value.onnx_shape == shape]
    order = axes_as_stored(whole[0]) if whole else axes_as_image(len(shape))
    return [broadcast(call.network, value, shape, order) for value in values]


def _alike(call: Call, values: list[Activation]) -> list[Activation]:
    """The activations with one order of axes."""
    network = call.network
    for form in (_same_form, flat, _in_order, partial(_like_one, others=values), channels_first):
        if form is flat and any(value.shape[:-1] not in ((), (1, 1)) for value in values):
            continue
        formed = [form(network, value) for value in values]
        if len({(value.axes, value.shape) for value in formed}) == 1:
            return formed
    raise RefusedError(f"combines axes in the orders {' and '.join(map(order_of, values))}")


def _same_form(network: Network, value: Activation) -> Activation:
    return value


def _in_order(network: Network, value: Activation) -> Activation:
    """With its channels in order, if one layer brings them there."""
    return channels_in_order(network, value) or value


def _like_one(network: Network, value: Activation, others: list[Activation]) -> Activation:
    """In the order of the first of the others that is an image of whole axes."""
    alike = (stored_alike(network, value, other) for other in others)
    return next((each for each in alike if each is not None), value)


def _product(call: Call, first: Activation, second: Activation) -> Activation:
    """Product of two arrays; gates of an image are not repeated to its shape before."""
    # In a file of cnnx an image of one pixel stays one, also beside gates that are features.
    alike = call.network.folds or len(first.shape) == len(second.shape)
    if first.onnx_shape == second.onnx_shape and alike:
        first, second = _alike(call, [first, second])
        return first.computed(call.network.add(layers.Multiply(), first.symbol, second.symbol))
    if np.prod(first.onnx_shape) < np.prod(second.onnx_shape):
        first, second = second, first
    if not _gates(first, second) and len(first.axes) == len(second.axes) in (3, 4):
        first, second = (channels_first(call.network, each) for each in (first, second))
    if not _gates(first, second):
        return _product(call, *_of_one_size(call, [first, second]))
    return first.computed(call.network.add(layers.Multiply(), first.symbol, second.symbol))


def _gates(value: Activation, gates: Activation) -> bool:
    """Whether the second is one factor per image and channel, or per pixel, of the first."""
    missing = len(value.axes) - len(gates.axes)
    if missing < 0 or (missing > 0 and gates.axes[0] and gates.axes[0][0].label == "N"):
        return False  # its batch would meet another axis
    pairs = zip(value.axes, ((),) * missing + gates.axes, strict=True)
    if any(gate not in ((), axis) for axis, gate in pairs):
        return False
    pixel = len(value.shape) == 3 and gates.shape == (*value.shape[:2], 1)
    return pixel or gates.shape in ((1, 1, value.channels), (value.channels,))


def _bounded(function: Callable[[Call, float], Activation]) -> Callable[[Call], Activation]:
    """Max or Min of an activation and one number."""

    def bounded(call: Call) -> Activation:
        if len(call.inputs) == 1:
            return call.activation()
        if len(call.inputs) != 2:
            raise RefusedError(f"compares {len(call.inputs)} arrays, expected one and a number")
        value, constant = _with_constant(*_pair(call))
        if constant.size != 1:
            raise RefusedError("compares with an array, expected one number")
        inner = replace(call, inputs=[value])
        return function(inner, float(constant.reshape(-1)[0]))

    return bounded


def _maximum(call: Call) -> Activation:
    """Max of any number of activations and numbers."""
    bounds = [each for each in call.inputs if isinstance(each, np.ndarray) and each.size == 1]
    places = range(len(call.inputs))
    arrays = [index for index in places if not any(call.operand(index) is each for each in bounds)]
    if len(arrays) < 2:
        return _at_least(call)
    value = _merged(call, layers.Maximum(), activations(call, arrays))
    if not bounds:
        return value
    largest = max(float(bound.reshape(-1)[0]) for bound in bounds)
    return clipped(replace(call, inputs=[value]), largest, np.inf)


def _minimum(call: Call) -> Activation:
    """Min of any number of activations and numbers: minus the maximum of their negatives."""
    if sum(isinstance(each, Activation) for each in call.inputs) < 2:
        return _at_most(call)
    negatives: list[Operand] = [
        negated(call.network, each)
        if isinstance(each, Activation)
        else np.array(-call.constant(index))
        for index, each in enumerate(call.inputs)
    ]
    return negated(call.network, _maximum(replace(call, inputs=negatives)))


def _absolute(call: Call) -> Activation:
    """The larger of an activation and its negative."""
    value = replace(call.activation(), shared=True)
    symbol = call.network.add(layers.Maximum(), value.symbol, negated(call.network, value).symbol)
    return value.computed(symbol)


def _cast(call: Call) -> Activation:
    if call.integer("to", 1) not in _REAL:
        raise RefusedError("converts an activation to integers, expected real numbers")
    return call.activation()


def _cast_like(call: Call) -> Activation | Array:
    """A constant that gets the type of an activation stays as it is."""
    value = call.operand(0)
    return value if isinstance(value, np.ndarray) else call.activation()


def _same(call: Call) -> Activation:
    return call.activation()


_at_least = _bounded(lambda call, bound: clipped(call, bound, np.inf))
_at_most = _bounded(lambda call, bound: clipped(call, -np.inf, bound))

OPERATORS: dict[str, Operator] = {
    "Abs": _absolute,
    "Add": _add,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Div": _divide,
    "Identity": _same,
    "Max": _maximum,
    "Mean": _mean,
    "Min": _minimum,
    "Mul": _multiply,
    "Neg": _negate,
    "Pow": _power,
    "Sub": _subtract,
    "Sum": _sum,
}

"""Constant folding: operators of ONNX on arrays that do not depend on the image, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cnnx._core import FormatError
from cnnx.onnx.call import Call, integers_in
from cnnx.onnx.folding_indices import gathered, gathered_at, scattered_at
from cnnx.onnx.folding_quantization import dequantized, quantized
from cnnx.onnx.graph import Array
from cnnx.onnx.operators.shapes import resolved_shape
from cnnx.onnx.tensors import BFLOAT16, rounded_to_bfloat16, value_dtype

Folding = Callable[[Call], "Array | list[Array]"]

# Results may take this many bytes in addition to four times the weights. Weights that an operator
# makes of one number, as in the networks of ONNX's own tests, take up to 600 MB.
_MOST_BYTES = 640 << 20
_MOST_ELEMENTS = 1 << 40
_MOST_COUNTED = 1 << 24


class Budget:
    """Memory that folded arrays may still take, which a hostile file would exceed.

    Args:
        weights: bytes of the file's own arrays.
    """

    def __init__(self, weights: int) -> None:
        self._left = _MOST_BYTES + 4 * weights

    def spend(self, size: int) -> None:
        """Take bytes for an array.

        Raises:
            FormatError: if too few are left.
        """
        self._left -= size
        if self._left < 0:
            raise FormatError("makes constants that are far larger than its weights")

    def free(self, size: int) -> None:
        """Give bytes back."""
        self._left += size


def _operand(call: Call, index: int = 0) -> Array:
    return call.constant(index)


def _elementwise(function: Callable[..., Any]) -> Folding:
    """A function of one or two arrays that keeps the first one's dtype."""

    def fold(call: Call) -> Array:
        arrays = [call.constant(index) for index in range(len(call.inputs))]
        with np.errstate(all="ignore"):
            result = np.asarray(function(*arrays))
        keeps = result.dtype.kind == "b" or arrays[0].dtype.kind == "b"
        return result if keeps else result.astype(arrays[0].dtype, copy=False)

    return fold


def _divide(first: Array, second: Array) -> Array:
    """Quotient, for integers rounded towards zero."""
    if first.dtype.kind == "f":
        return np.asarray(first / second)
    if np.any(second == 0):
        raise FormatError("divides by 0")
    return np.asarray(np.sign(first) * np.sign(second) * (np.abs(first) // np.abs(second)))


def _variadic(function: Any) -> Folding:
    """Max, Min and Sum of any number of arrays."""

    def fold(call: Call) -> Array:
        result = call.constant(0)
        for index in range(1, len(call.inputs)):
            result = function(result, call.constant(index))
        return np.asarray(result)

    return fold


def _constant(call: Call) -> Array:
    for name, dtype in (
        ("value_float", np.float32),
        ("value_floats", np.float32),
        ("value_int", np.int64),
        ("value_ints", np.int64),
    ):
        if name in call.node.attributes:
            return np.array(call.node.attributes[name], dtype)
    value = call.node.attributes.get("value")
    if not isinstance(value, np.ndarray):
        raise FormatError("is a Constant without a value")
    return value


def _constant_of_shape(call: Call) -> Array:
    """One number in every place, without memory of its own."""
    shape = integers_in(_operand(call))
    if any(size < 0 for size in shape) or math.prod(shape) > _MOST_ELEMENTS:
        raise FormatError(f"makes an array of shape {shape}")
    value = call.node.attributes.get("value", np.zeros(1, np.float32))
    if not isinstance(value, np.ndarray) or value.size != 1:
        raise FormatError("repeats an array that is not one number")
    return np.broadcast_to(value.reshape(()), shape)


def _expand(call: Call) -> Array:
    array, shape = _operand(call), integers_in(call.constant(1))
    if any(size < 0 for size in shape):
        raise FormatError(f"expands to shape {shape}")
    full = np.broadcast_shapes(tuple(shape), array.shape)
    if math.prod(full) > _MOST_ELEMENTS:
        raise FormatError(f"makes an array of shape {shape}")
    return np.broadcast_to(array, full)


def _mod(call: Call) -> Array:
    operation = np.fmod if call.integer("fmod", 0) else np.mod
    return np.asarray(_elementwise(operation)(call))


def _cast(call: Call) -> Array:
    data_type = call.integer("to", 1)
    with np.errstate(all="ignore"):
        values = _operand(call).astype(value_dtype(data_type))
    return rounded_to_bfloat16(values) if data_type == BFLOAT16 else values


def _slice(call: Call) -> Array:
    array = _operand(call)
    starts = call.integers_of(1, "starts") or []
    ends = call.integers_of(2, "ends") or []
    axes = call.integers_of(3, "axes") or list(range(len(starts)))
    steps = call.integers_of(4, "steps") or [1] * len(starts)
    index: list[slice] = [slice(None)] * array.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # An end before the first element is None for a step back.
        stop = None if step < 0 and end < -array.shape[axis] else end
        index[axis] = slice(start, stop, step)
    return array[tuple(index)]


def _split(call: Call) -> list[Array]:
    array, axis = _operand(call), call.integer("axis", 0)
    sizes = call.integers_of(1, "split")
    if sizes is None:
        each = -(-array.shape[axis] // max(1, len(call.node.outputs)))
        sizes = [each] * len(call.node.outputs)
    return np.split(array, np.cumsum(sizes)[:-1].tolist(), axis)


def _range(call: Call) -> Array:
    start, limit, delta = (float(call.constant(k).reshape(-1)[0]) for k in range(3))
    if delta == 0 or not abs((limit - start) / delta) <= _MOST_COUNTED:
        raise FormatError(f"counts from {start} to {limit} by {delta}")
    return np.arange(start, limit, delta).astype(_operand(call).dtype)


def _reshape(call: Call) -> Array:
    array = _operand(call)
    wanted = integers_in(call.constant(1))
    return array.reshape(resolved_shape(array.shape, wanted, call.integer("allowzero", 0)))


def _flatten(call: Call) -> Array:
    array, axis = _operand(call), call.integer("axis", 1)
    return array.reshape(math.prod(array.shape[:axis]), -1)


def _squeeze(call: Call) -> Array:
    axes = call.integers_of(1, "axes")
    return np.squeeze(_operand(call), None if axes is None else tuple(axes))


def _unsqueeze(call: Call) -> Array:
    return np.expand_dims(_operand(call), tuple(call.integers_of(1, "axes") or ()))


def _transpose(call: Call) -> Array:
    array = _operand(call)
    return array.transpose(call.integers("perm", range(array.ndim)[::-1]))


def _concat(call: Call) -> Array:
    arrays = [call.constant(index) for index in range(len(call.inputs))]
    return np.concatenate(arrays, call.integer("axis", 0))


def _reduced(function: Any) -> Folding:
    def fold(call: Call) -> Array:
        array = _operand(call)
        axes = call.integers_of(1, "axes")
        if not axes and call.integer("noop_with_empty_axes", 0):
            return array
        over = tuple(axes) if axes else None
        result = function(array, axis=over, keepdims=bool(call.integer("keepdims", 1)))
        return np.asarray(result).astype(array.dtype, copy=False)

    return fold


def _cumulated(call: Call) -> Array:
    """Sums of the elements of an axis up to each of them."""
    array, axis = _operand(call), int(call.constant(1).reshape(-1)[0])
    backwards = np.flip(array, axis) if call.integer("reverse", 0) else array
    sums = np.cumsum(backwards, axis, dtype=array.dtype)
    if call.integer("exclusive", 0):
        sums = sums - backwards
    return np.flip(sums, axis) if call.integer("reverse", 0) else sums


def _tile(call: Call) -> Array:
    array, repeats = _operand(call), integers_in(call.constant(1))
    if any(each < 0 for each in repeats) or math.prod(repeats) * array.nbytes > _MOST_COUNTED:
        raise FormatError(f"repeats an array of shape {array.shape} by {repeats}")
    return np.tile(array, repeats)


def _clip(call: Call) -> Array:
    low, high = call.optional(1), call.optional(2)
    array = _operand(call)
    low = np.array(call.number("min", -np.inf)) if low is None else low
    high = np.array(call.number("max", np.inf)) if high is None else high
    return np.clip(array, low, high).astype(array.dtype, copy=False)


def _same(call: Call) -> Array:
    return _operand(call)


def _batch_normalized(call: Call) -> Array:
    """A weight that is standardised by a batch norm, as in networks without any on activations."""
    array, scale, bias, mean, variance = (call.constant(index) for index in range(5))
    if call.integer("training_mode", 0):
        axes = (0, *range(2, array.ndim))
        mean = np.asarray(array.mean(axis=axes, dtype=np.float64))
        variance = np.asarray(array.var(axis=axes, dtype=np.float64))
    shape = (-1, *(1,) * (array.ndim - 2))
    factor = scale / np.sqrt(variance.astype(np.float64) + call.number("epsilon", 1e-5))
    result = (array - mean.reshape(shape)) * factor.reshape(shape) + bias.reshape(shape)
    return np.asarray(result).astype(array.dtype)


def _length(array: Array, axis: tuple[int, ...] | None, keepdims: bool) -> Array:
    return np.asarray(np.sqrt(np.sum(np.square(array, dtype=np.float64), axis, keepdims=keepdims)))


def _sigmoid(array: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-array.astype(np.float64))))


FOLDINGS: dict[str, Folding] = {
    "Abs": _elementwise(np.abs),
    "Add": _elementwise(np.add),
    "And": _elementwise(np.logical_and),
    "BatchNormalization": _batch_normalized,
    "Cast": _cast,
    "CastLike": lambda call: _operand(call).astype(call.constant(1).dtype),
    "Ceil": _elementwise(np.ceil),
    "Clip": _clip,
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Cos": _elementwise(np.cos),
    "CumSum": _cumulated,
    "DequantizeLinear": dequantized,
    "Div": _elementwise(_divide),
    "Dropout": _same,
    "Equal": _elementwise(np.equal),
    "Exp": _elementwise(np.exp),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _elementwise(np.floor),
    "Gather": gathered,
    "GatherND": gathered_at,
    "Greater": _elementwise(np.greater),
    "GreaterOrEqual": _elementwise(np.greater_equal),
    "Identity": _same,
    "Less": _elementwise(np.less),
    "LessOrEqual": _elementwise(np.less_equal),
    "Log": _elementwise(np.log),
    "MatMul": _elementwise(np.matmul),
    "Max": _variadic(np.maximum),
    "Min": _variadic(np.minimum),
    "Mod": _mod,
    "Mul": _elementwise(np.multiply),
    "Neg": _elementwise(np.negative),
    "Not": _elementwise(np.logical_not),
    "Or": _elementwise(np.logical_or),
    "Pow": _elementwise(np.power),
    "QuantizeLinear": quantized,
    "Range": _range,
    "Reciprocal": _elementwise(np.reciprocal),
    "ReduceL2": _reduced(_length),
    "ReduceMax": _reduced(np.max),
    "ReduceMean": _reduced(np.mean),
    "ReduceMin": _reduced(np.min),
    "ReduceProd": _reduced(np.prod),
    "ReduceSum": _reduced(np.sum),
    "Relu": _elementwise(lambda array: np.maximum(array, 0)),
    "Reshape": _reshape,
    "ScatterND": scattered_at,
    "Shape": lambda call: np.array(
        _operand(call).shape[slice(call.integer("start", 0), call.integer("end", 64))], np.int64
    ),
    "Sigmoid": _elementwise(_sigmoid),
    "Sin": _elementwise(np.sin),
    "Size": lambda call: np.array(_operand(call).size, np.int64),
    "Slice": _slice,
    "Split": _split,
    "Sqrt": _elementwise(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _elementwise(np.subtract),
    "Sum": _variadic(np.add),
    "Tanh": _elementwise(np.tanh),
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": lambda call: np.where(call.constant(0), call.constant(1), call.constant(2)),
}
# Operators whose result is a view of their input, without memory of its own.
VIEWS = frozenset(
    {
        *("Constant", "Dropout", "Flatten", "Identity", "Reshape", "Shape", "Size", "Slice"),
        *("Split", "Squeeze", "Transpose", "Unsqueeze"),
    }
)
# Operators that check the size of their result themselves, because their inputs' values give it.
_MEASURED = frozenset({"ConstantOfShape", "Expand", "Range", "Tile"})
# Operators whose result has the size of their first input.
_OF_THE_FIRST = frozenset(
    {"BatchNormalization", "CastLike", "DequantizeLinear", "QuantizeLinear", "ScatterND"}
)


def folded(call: Call, budget: Budget) -> list[Array]:
    """Outputs of a node whose inputs are all constants.

    Raises:
        FormatError: if NumPy refuses the arrays, or the results are too large.
        KeyError: if the operator is not folded.
    """
    operator = call.node.op_type
    fold = FOLDINGS[operator]
    at_most = 0
    try:
        if operator not in VIEWS | _MEASURED:
            at_most = 8 * _most_elements(call)
            budget.spend(at_most)
        result = fold(call)
    except FormatError:
        raise
    except (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError) as error:
        raise FormatError(f"its constants do not fit: {error}") from None
    results = list(result) if isinstance(result, (list, tuple)) else [result]
    budget.free(at_most)
    if operator not in VIEWS:
        budget.spend(sum(each.nbytes for each in results))
    return results


def _most_elements(call: Call) -> int:
    """Bound on the number of elements that the operator computes."""
    arrays = [value for value in call.inputs if isinstance(value, np.ndarray)]
    if call.node.op_type == "Gather" and arrays[0].ndim:
        rows = max(1, arrays[0].shape[call.integer("axis", 0)])
        return int(arrays[1].size * arrays[0].size // rows)
    if call.node.op_type == "GatherND" and arrays[1].ndim:
        counted = max(1, arrays[1].shape[-1])
        return int(arrays[1].size // counted * math.prod(arrays[0].shape[counted:]))
    if call.node.op_type == "MatMul":
        columns = max(1, arrays[0].shape[-1] if arrays[0].ndim else 1)
        return int(math.prod(array.size for array in arrays) // columns**2)
    if call.node.op_type in _OF_THE_FIRST or call.node.op_type.startswith("Reduce"):
        return int(arrays[0].size)
    together = sum(array.size for array in arrays)
    if call.node.op_type == "Concat":
        return together
    return max(together, math.prod(np.broadcast_shapes(*(array.shape for array in arrays))))

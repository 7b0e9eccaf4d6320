"""Elementwise activations and softmax of ONNX as layers."""

from __future__ import annotations

import numpy as np

from cnnx import layers
from cnnx.layers import Layer
from cnnx.onnx.affine import negated, scaled
from cnnx.onnx.arrangement import rows_of
from cnnx.onnx.axes import Activation, atoms_of, axis_index, is_batch, per_channel
from cnnx.onnx.call import Call, Operator
from cnnx.onnx.layout import flat
from cnnx.onnx.patterns import LOG_SIGMOID
from cnnx.onnx.refusal import RefusedError

_LARGEST = float(np.finfo(np.float32).max)


def _hard_sigmoid(call: Call) -> Activation:
    return call.elementwise(hard_sigmoid(call.number("alpha", 0.2), call.number("beta", 0.5)))


def hard_sigmoid(slope: float, offset: float) -> Layer:
    """The layer, without its settings where they are the defaults in float32."""
    if np.float32(slope) == np.float32(1 / 6) and offset == 0.5:
        return layers.HardSigmoid()
    return layers.HardSigmoid(slope=slope, offset=offset)


def _shrink(call: Call) -> Activation:
    threshold, bias = call.number("lambd", 0.5), call.number("bias", 0.0)
    if threshold < 0 or bias not in (0, threshold):
        raise RefusedError(
            f"its lambd is {threshold} and its bias {bias}, expected a lambd from 0 on, and as bias"
            " 0 or the same number"
        )
    layer = layers.SoftShrink(threshold) if bias else layers.HardShrink(threshold)
    return call.elementwise(layer)


def _selu(call: Call) -> Activation:
    """With other factors than those of the paper, `gamma * elu(x, alpha)`."""
    alpha = call.number("alpha", 1.67326319217681884765625)
    gamma = call.number("gamma", 1.05070102214813232421875)
    if np.float32(alpha) == np.float32(1.6732632) and np.float32(gamma) == np.float32(1.050701):
        return call.elementwise(layers.SELU())
    done = call.elementwise(layers.ELU(alpha))
    return scaled(call.network, done, np.full(done.channels, gamma))


def _celu(call: Call) -> Activation:
    """`alpha * elu(x / alpha)`."""
    alpha = call.number("alpha", 1.0)
    if alpha <= 0:
        raise RefusedError(f"its alpha is {alpha}, expected a positive number")
    value = call.activation()
    factors = np.full(value.channels, alpha, np.float64)
    inner = scaled(call.network, value, 1 / factors)
    outer = inner.computed(call.network.add(layers.ELU(1.0), inner.symbol))
    return scaled(call.network, outer, factors)


def _prelu(call: Call) -> Activation:
    value, slopes = call.activation(), call.constant(1)
    if call.opset < 7:
        slopes = slopes.reshape(slopes.shape + (1,) * max(0, len(value.axes) - 1 - slopes.ndim))
    if slopes.ndim > len(value.axes):
        raise RefusedError(f"has slopes of {slopes.ndim} axes, which adds axes")
    slopes = per_channel(value, slopes)
    return call.elementwise(layers.PReLU(), weight=slopes)


def _gelu(call: Call) -> Activation:
    if call.word("approximate", "none") == "tanh":
        return call.elementwise(layers.GELU(approximate="tanh"))
    return call.elementwise(layers.GELU())


def _swish(call: Call) -> Activation:
    if call.number("alpha", 1.0) != 1:
        raise RefusedError(f"its alpha is {call.number('alpha', 1.0)}, expected 1")
    return call.elementwise(layers.SiLU())


def _clip(call: Call) -> Activation:
    """Bounds are attributes before operator set 11, inputs since then."""
    bounds = []
    for index, name, default in ((1, "min", -_LARGEST), (2, "max", _LARGEST)):
        given = call.optional(index)
        if given is not None and given.size != 1:
            raise RefusedError(f"its {name} has {given.size} numbers, expected one")
        bounds.append(call.number(name, default) if given is None else float(given.reshape(-1)[0]))
    return clipped(call, bounds[0], bounds[1])


def clipped(call: Call, minimum: float, maximum: float) -> Activation:
    """The first input between two bounds, which may be infinite."""
    value = call.activation()
    low, high = max(minimum, -_LARGEST), min(maximum, _LARGEST)
    if (low, high) == (-_LARGEST, _LARGEST):
        return value
    if low > high:
        raise RefusedError(f"its min is {low} and its max {high}, expected a min that is not above")
    source, before = value.symbol, _bounds(value.symbol.layer)
    if before is not None and call.network.folds and not value.shared:
        source = source.inputs[0]
        low, high = (min(max(bound, low), high) for bound in before)
    if low == 0 and high in (6, _LARGEST):
        layer: Layer = layers.ReLU6() if high == 6 else layers.ReLU()
    else:
        layer = layers.Clip(low, high)
    return value.computed(call.network.add(layer, source))


def _bounds(layer: Layer | None) -> tuple[float, float] | None:
    """Bounds between which a layer keeps its input; None for any other layer."""
    if layer is None or layer.kind not in ("relu", "relu6", "clip"):
        return None
    if layer.kind == "clip":
        return layer.settings["minimum"], layer.settings["maximum"]
    return 0.0, 6.0 if layer.kind == "relu6" else _LARGEST


def _softmax(call: Call) -> Activation:
    return _over_channels(call, layers.Softmax())


def _log_softmax(call: Call) -> Activation:
    return _over_channels(call, layers.LogSoftmax())


def _log_sigmoid(call: Call) -> Activation:
    """Minus the softplus of the negative."""
    negative = negated(call.network, call.activation())
    symbol = call.network.add(layers.Softplus(), negative.symbol)
    return negated(call.network, negative.computed(symbol))


def _over_channels(call: Call, layer: Layer) -> Activation:
    """Softmax over one axis, or before operator set 13 over all axes from one on."""
    value = call.activation()
    rank = len(value.axes)
    axis = axis_index(call.integer("axis", -1 if call.opset >= 13 else 1), rank)
    inside = atoms_of(value, [axis] if call.opset >= 13 else range(axis, rank))
    channels = {atom for atom in atoms_of(value, range(rank)) if atom.label == "C"}
    if inside != channels:
        if call.opset < 13 and rank - axis > 1:
            raise RefusedError(f"its axes from {axis} on are not those of the channels alone")
        if is_batch(value.axes[axis]):
            raise RefusedError("works along the batch, expected one image at a time")
        value = rows_of(call.network, value, [axis])
    if value.shape[:-1] == (1, 1) and call.network.folds:
        value = flat(call.network, value)  # so that softmax is the last layer of a classifier
    return value.computed(call.network.add(layer, value.symbol))


def _dropout(call: Call) -> Activation:
    """The rate is an attribute before operator set 12, an input since then."""
    call.only_output()
    given, training = call.optional(1), call.optional(2)
    rate = call.number("ratio", 0.5) if given is None else float(given.reshape(-1)[0])
    if not 0 < rate < 1:
        return call.activation()
    if training is not None and training.size == 1 and bool(training.reshape(-1)[0]):
        raise RefusedError("drops elements at random in inference, expected training_mode 0")
    return call.elementwise(layers.Dropout(rate))


OPERATORS: dict[str, Operator] = {
    "Celu": _celu,
    "Clip": _clip,
    "Dropout": _dropout,
    "Elu": lambda call: call.elementwise(layers.ELU(call.number("alpha", 1.0))),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda call: call.elementwise(layers.HardSwish()),
    "LeakyRelu": lambda call: call.elementwise(layers.LeakyReLU(call.number("alpha", 0.01))),
    LOG_SIGMOID: _log_sigmoid,
    "LogSoftmax": _log_softmax,
    "Mish": lambda call: call.elementwise(layers.Mish()),
    "PRelu": _prelu,
    "Reciprocal": lambda call: call.elementwise(layers.Reciprocal()),
    "Relu": lambda call: call.elementwise(layers.ReLU()),
    "Selu": _selu,
    "Shrink": _shrink,
    "Sigmoid": lambda call: call.elementwise(layers.Sigmoid()),
    "Softmax": _softmax,
    "Softplus": lambda call: call.elementwise(layers.Softplus()),
    "Softsign": lambda call: call.elementwise(layers.Softsign()),
    "Swish": _swish,
    "Tanh": lambda call: call.elementwise(layers.Tanh()),
}

"""Scales and shifts by constants: part of the layer before where that is the same, else a layer."""

from __future__ import annotations

import numpy as np

from cnnx import layers
from cnnx.layers.base import Symbol
from cnnx.onnx.axes import Activation
from cnnx.onnx.graph import Array
from cnnx.onnx.network import Network

_LINEAR = ("conv2d", "dense")
_NORMS = ("batch_norm2d", "group_norm", "layer_norm", "rms_norm")


def scaled(network: Network, value: Activation, scale: Array) -> Activation:
    """`value * scale`, with one number per channel."""
    if network.folds and np.all(scale == 1):
        return value
    symbol = value.symbol
    if not value.shared and network.takes(symbol, "scale"):
        done = _with_scale(network, symbol, scale)
        if done is not None:
            return value.computed(done)
    done = network.add(layers.Scale2d(bias=False), symbol, weight=scale)
    network.open_for(done, "shift")
    return value.computed(done)


def negated(network: Network, value: Activation) -> Activation:
    """Minus the activation."""
    return scaled(network, value, np.full(value.channels, -1.0))


def shifted(network: Network, value: Activation, shift: Array, name: str = "") -> Activation:
    """`value + shift`, with one number per channel.

    Args:
        network: network to which a layer is added, if no layer before takes the shift.
        value: the activation.
        shift: vector.
        name: name for a layer without one whose bias it becomes.
    """
    if network.folds and np.all(shift == 0):
        return value
    symbol = value.symbol
    if not value.shared and network.takes(symbol, "shift"):
        done = _with_shift(network, symbol, shift, name)
        if done is not None:
            return value.computed(done)
    ones = np.ones(value.channels, np.float32)
    return value.computed(network.add(layers.Scale2d(), symbol, weight=ones, bias=shift))


def _with_scale(network: Network, symbol: Symbol, scale: Array) -> Symbol | None:
    """The layer of `symbol` with its output scaled; None if it cannot be."""
    layer, arrays = symbol.layer, network.arrays(symbol)
    if layer is None or layer.kind not in (*_LINEAR, *_NORMS, "scale2d"):
        return None
    if layer.kind == "rms_norm" and not layer.settings["affine"]:
        done = network.changed(symbol, {"affine": True}, weight=scale)
        network.name_if_none(done, network.node_name)
        return done
    if "weight" not in arrays:  # a norm without an affine
        return None
    if "weight_scale" in arrays and not np.all(scale > 0):
        return None
    names = ("weight", "weight_scale", "bias")
    changed = {name: arrays[name] * scale for name in names if name in arrays}
    done = network.changed(symbol, {}, **changed)
    network.open_for(done, "shift")
    return done


def _with_shift(network: Network, symbol: Symbol, shift: Array, name: str) -> Symbol | None:
    """The layer of `symbol` with its output shifted; None if it cannot be."""
    layer, arrays = symbol.layer, network.arrays(symbol)
    if layer is None or "weight" not in arrays:
        return None
    if "bias" in arrays:
        return network.changed(symbol, {}, bias=arrays["bias"] + shift)
    if layer.settings.get("bias") is False:
        done = network.changed(symbol, {"bias": True}, bias=shift)
        network.name_if_none(done, name)
        return done
    return None

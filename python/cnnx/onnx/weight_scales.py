"""Scales of the weights that an ONNX graph holds as int8."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from cnnx.onnx.graph import Array, Node


@dataclass(frozen=True)
class WeightScale:
    """Scale of an array of real numbers that is an array of int8 times it.

    Attributes:
        scales: one number, or one for each index along the axis.
        axis: axis of the array.
        name: name of the array of int8.
    """

    scales: Array
    axis: int
    name: str

    def along(self, axis: int, count: int) -> Array | None:
        """One number for each index along an axis; None if it varies along another one."""
        if self.scales.size == 1:
            return np.full(count, self.scales.reshape(-1)[0], np.float32)
        return self.scales.reshape(-1) if self.axis == axis else None


# Operators whose constants it reads, inputs and outputs.
READ_BY_SCALES = frozenset({"DequantizeLinear", "Identity", "Transpose"})


def weight_scales(nodes: Iterable[Node], constants: Mapping[str, Array]) -> dict[str, WeightScale]:
    """Scales of the constants that are int8 times a scale, by name.

    Args:
        nodes: nodes of the graph, constant ones included, in order.
        constants: all constants.
    """
    found: dict[str, WeightScale] = {}
    for node in nodes:
        if node.op_type == "DequantizeLinear" and node.outputs[0] in constants:
            scale = _scale_of(node, constants)
            if scale is not None:
                found[node.outputs[0]] = scale
        elif node.op_type == "Transpose" and node.inputs[0] in found:
            moved, rank = found[node.inputs[0]], constants[node.inputs[0]].ndim
            order = node.attributes.get("perm", list(range(rank))[::-1])
            assert isinstance(order, list), "the constant was computed"
            axes = [int(each) % rank for each in order]
            found[node.outputs[0]] = replace(moved, axis=axes.index(moved.axis))
        elif node.op_type == "Identity" and node.inputs[0] in found:
            found[node.outputs[0]] = found[node.inputs[0]]
    return found


def _scale_of(node: Node, constants: Mapping[str, Array]) -> WeightScale | None:
    """The scale of a DequantizeLinear of int8, or of uint8 around 128."""
    whole, scales = (constants[name] for name in node.inputs[:2])
    has_zero = len(node.inputs) > 2 and node.inputs[2]
    zeros = constants[node.inputs[2]] if has_zero else np.zeros(1, whole.dtype)
    middle = {"int8": 0, "uint8": 128}.get(whole.dtype.name)
    if middle is None or np.any(zeros != middle) or "block_size" in node.attributes:
        return None
    if not np.all((scales > 0) & np.isfinite(scales)):
        return None
    axis = node.attributes.get("axis", 1)
    assert isinstance(axis, int), "the constant was computed"
    name = node.inputs[0].removesuffix("_quantized")  # as ONNX Runtime names them
    return WeightScale(scales.astype(np.float32), axis % max(whole.ndim, 1), name)

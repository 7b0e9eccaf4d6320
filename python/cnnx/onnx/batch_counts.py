"""Constants that count the images of an open batch, with which no layer can compute."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cnnx._core import FormatError
from cnnx.onnx.call import Call, Operand
from cnnx.onnx.folding import Budget, folded
from cnnx.onnx.graph import Array, Node
from cnnx.onnx.norm_patterns import L2_NORM, LOCAL_RESPONSE_NORM
from cnnx.onnx.refusal import RefusedError

# Operators that read sizes, or places in an array, which count the batch's images too. The model's
# layers know only those of one image.
_READ_SIZES = frozenset({"Expand", "Gather", L2_NORM, LOCAL_RESPONSE_NORM, "Reshape", "Resize"})


class BatchCounts:
    """Values of a graph's constants if the batch had twice as many images, where they differ."""

    def __init__(self) -> None:
        self._twice: dict[str, Array] = {}

    def counted(self, call: Call) -> None:
        """Note the result of a Shape or Size of an activation."""
        node, value = call.node, call.activation()
        sizes = [
            size * (2 if any(atom.label == "N" for atom in axis) else 1)
            for size, axis in zip(value.onnx_shape, value.axes, strict=True)
        ]
        counted = sizes[slice(call.integer("start", 0), call.integer("end", len(sizes)))]
        found = math.prod(sizes) if node.op_type == "Size" else counted
        self._twice[node.outputs[0]] = np.array(found, np.int64)

    def folded(self, node: Node, call: Call, results: Sequence[Array], budget: Budget) -> None:
        """Note the results of a node that was computed from constants."""
        inputs = self._inputs(node, call.inputs)
        if inputs is None:
            return
        try:
            others = folded(replace(call, inputs=inputs), copy.copy(budget))
        except FormatError:
            return  # such as sizes that fit one batch only
        for name, one, two in zip(node.outputs, results, others, strict=False):
            if not np.array_equal(one, two):
                self._twice[name] = two

    def check(self, node: Node, values: Mapping[str, object]) -> None:
        """Refuse an operator that computes with numbers that depend on the number of images.

        Arrays that only repeat the same numbers for each image do not.

        Raises:
            RefusedError: if it does.
        """
        if node.op_type in _READ_SIZES:
            return
        for name in node.inputs:
            one, two = values.get(name), self._twice.get(name)
            if two is None or not isinstance(one, np.ndarray) or _repeats(one, two):
                continue
            raise RefusedError(
                "computes with the number of images, which the file leaves open: export it for a "
                "fixed batch, or without this number"
            )

    def _inputs(self, node: Node, inputs: Sequence[Operand]) -> list[Operand] | None:
        if not any(name in self._twice for name in node.inputs):
            return None
        return [
            self._twice.get(name, value) for name, value in zip(node.inputs, inputs, strict=True)
        ]


def _repeats(one: Array, two: Array) -> bool:
    """Whether the second array is the first, repeated along axes of size 1."""
    try:
        return np.array_equal(np.broadcast_to(one, two.shape), two)
    except ValueError:
        return False

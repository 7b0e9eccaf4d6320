"""Reductions of a stack of arrays along its axis: sums, means or extrema of the arrays."""

from __future__ import annotations

from dataclasses import replace

from cnnx.onnx.graph import Node
from cnnx.onnx.pattern_nodes import Nodes

_OF_ARRAYS = {"ReduceMax": "Max", "ReduceMean": "Mean", "ReduceMin": "Min", "ReduceSum": "Sum"}


def without_stack(nodes: Nodes, node: Node) -> Node:
    """The node, or one that reads the arrays of the stack that it reduces."""
    if node.op_type not in _OF_ARRAYS or node.domain or not node.inputs:
        return node
    stack = nodes.maker(node.inputs[0], "Concat")
    axes = nodes.axes(node)
    if stack is None or axes is None or node.attributes.get("keepdims", 1) != 0:
        return node
    if axes != [stack.attributes.get("axis")]:
        return node
    arrays = []
    for each in stack.inputs:
        added = nodes.maker(each, "Unsqueeze")
        if added is None or nodes.axes(added) != axes:
            return node
        arrays.append(added.inputs[0])
    return replace(node, op_type=_OF_ARRAYS[node.op_type], inputs=arrays, attributes={})

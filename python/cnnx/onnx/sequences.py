"""Arrays that a graph takes out of a sequence, as PyTorch writes `chunk` and `split`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cnnx.onnx.graph import Array, Node


def with_pieces(
    nodes: Sequence[Node], outputs: Sequence[str], constants: Mapping[str, Array]
) -> list[Node]:
    """The nodes with each SplitToSequence and the SequenceAt nodes that read it as one node.

    That node reads the array, the sizes, which may be left out, and the place of each piece in the
    sequence. Its outputs are the pieces. A sequence that is read otherwise stays as it is.

    Args:
        nodes: the nodes, each after those whose outputs it reads.
        outputs: names of the graph's outputs.
        constants: values that do not depend on the image, by name.
    """
    readers: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        for name in node.inputs:
            readers[name].append(node)
    joined: dict[str, Node] = {}  # by the name of the sequence
    for node in nodes:
        if node.op_type != "SplitToSequence" or node.domain or len(node.outputs) != 1:
            continue
        pieces = readers[node.outputs[0]]
        if node.outputs[0] in outputs or not all(_has_known_place(n, constants) for n in pieces):
            continue
        inputs = [*node.inputs, ""][:2] + [piece.inputs[1] for piece in pieces]
        names = [piece.outputs[0] for piece in pieces]
        joined[node.outputs[0]] = replace(node, inputs=inputs, outputs=names)
    pieces_of_joined = {name for node in joined.values() for name in node.outputs}
    return [
        joined.get(node.outputs[0], node)
        for node in nodes
        if node.outputs[0] not in pieces_of_joined
    ]


def _has_known_place(node: Node, constants: Mapping[str, Array]) -> bool:
    if node.op_type != "SequenceAt" or node.domain or len(node.inputs) != 2:
        return False
    place = constants.get(node.inputs[1])
    return place is not None and place.size == 1

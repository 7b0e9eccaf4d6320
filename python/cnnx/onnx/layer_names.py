"""Names of layers from those of the ONNX file's weights and nodes."""

from __future__ import annotations

from cnnx.onnx.graph import Node

_WEIGHTS = (
    ".weight",
    "/weight",
    "/kernel",
    ".kernel",
    "/kernel:0",
    "_weight",
    ".w_0",
    "_w_0",
    "_w",
)


def layer_name(node: Node, weight: str) -> str:
    """Name for the layer of a node.

    Frameworks name weights after the module that has them, "layer1.0.conv1.weight". Where an
    exporter changed a weight and renamed it, the node still has the path of its module,
    "/layer1/layer1.0/conv1/Conv".

    Args:
        node: the node.
        weight: name of its weight, or empty.
    """
    for ending in _WEIGHTS:
        if weight.endswith(ending):
            return weight.removesuffix(ending).strip("/").replace("/", ".")
    parts = [part for part in node.name.split("/") if part]
    if len(parts) < 2:
        return ""
    if parts[-1].startswith(node.op_type):
        del parts[-1]
    # A part repeats the one before when its module is in a list: "layer1", "layer1.0".
    kept = [
        part
        for part, following in zip(parts, [*parts[1:], ""], strict=True)
        if not following.startswith(f"{part}.")
    ]
    return ".".join(kept)


def own_layer_name(node: Node) -> str:
    """Name of the layer in a file that cnnx wrote.

    The last node of a layer has its name, a node before it that name and its operator.
    """
    return node.name.removesuffix(f".{node.op_type.lower()}")

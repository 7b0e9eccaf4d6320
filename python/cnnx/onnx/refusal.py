"""Reasons why a network cannot be expressed in cnnx's layers, and the error that lists them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cnnx.arguments import listed, shown
from cnnx.onnx.graph import Node


class RefusedError(Exception):
    """Reason why one node has no counterpart in cnnx; the importer collects them."""


class Refusal(NamedTuple):
    """Node of an ONNX graph that cnnx has no layer for.

    Attributes:
        operator: type of the node, such as "NonMaxSuppression".
        node: name of the node, or of its first output if it has no name.
        reason: why it cannot be imported.
    """

    operator: str
    node: str
    reason: str


class UnsupportedError(ValueError):
    """Error that lists every node of a network that cnnx cannot express.

    Attributes:
        source: function and file that the message begins with.
        refusals: the nodes, each with its operator and the reason.

    Raises:
        TypeError: if `source` is no text, or `refusals` is no sequence of `Refusal`.
    """

    def __init__(self, source: str, refusals: Sequence[Refusal]) -> None:
        if not isinstance(source, str):
            raise TypeError(f"UnsupportedError: source is {shown(source)}, expected text")
        if not isinstance(refusals, Sequence) or not all(
            isinstance(each, Refusal) for each in refusals
        ):
            raise TypeError(
                f"UnsupportedError: refusals is {shown(refusals)}, expected a list of Refusal"
            )
        self.source = source
        self.refusals = tuple(refusals)
        super().__init__(source, self.refusals)

    def __str__(self) -> str:
        nodes: dict[tuple[str, str], list[str]] = {}
        for each in self.refusals:
            nodes.setdefault((each.operator, each.reason), []).append(each.node)
        lines = [
            f"{operator} ({listed(names, 3)}): {reason}"
            for (operator, reason), names in nodes.items()
        ]
        return f"{self.source}: cnnx cannot express these nodes:\n  " + ";\n  ".join(lines)


def refusal_of(node: Node, reason: str) -> Refusal:
    """Refusal of a node."""
    operator = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    named = node.name or next((each for each in node.outputs if each), "")
    return Refusal(operator, named, reason)

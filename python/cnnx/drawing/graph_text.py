"""A network as text in the languages of Mermaid and Graphviz."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cnnx.drawing.network_graph import Node

# Mermaid writes characters that would end a label as entities between # and a semicolon.
_MERMAID = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;"}
_DOT = {"\\": "\\\\", '"': '\\"'}


def mermaid(nodes: Sequence[Node]) -> str:
    """A flowchart from top to bottom.

    Args:
        nodes: the nodes, each after those that it reads.

    Reference:
        https://mermaid.js.org/syntax/flowchart.html
    """
    lines = ["flowchart TD"]
    for position, node in enumerate(nodes):
        label = "<br/>".join(_escaped(part, _MERMAID) for part in _lines(node))
        lines.append(f'    n{position}["{label}"]')
    lines += [f"    n{source} --> n{target}" for source, target in _edges(nodes)]
    return "\n".join(lines)


def dot(nodes: Sequence[Node]) -> str:
    """A directed graph from top to bottom.

    Args:
        nodes: the nodes, each after those that it reads.

    Reference:
        https://graphviz.org/doc/info/lang.html
    """
    lines = ["digraph model {", '    node [shape=box, style=rounded, fontname="Helvetica"];']
    for position, node in enumerate(nodes):
        label = "\\n".join(_escaped(part, _DOT) for part in _lines(node))
        lines.append(f'    n{position} [label="{label}"];')
    lines += [f"    n{source} -> n{target};" for source, target in _edges(nodes)]
    return "\n".join([*lines, "}"])


def _lines(node: Node) -> list[str]:
    return [part for part in (node.label, node.name, node.size, node.amount) if part]


def _edges(nodes: Sequence[Node]) -> Iterator[tuple[int, int]]:
    position = {node.name: k for k, node in enumerate(nodes)}
    for node in nodes:
        yield from ((position[name], position[node.name]) for name in node.inputs)


def _escaped(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(each, each) for each in text)

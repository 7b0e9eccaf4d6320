"""The drawing of a network: places without overlap, every edge once, repeated blocks once."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ElementTree

import pytest
from cnnx.drawing.graph_layout import Layout, layout
from cnnx.drawing.graph_text import dot, mermaid
from cnnx.drawing.network_graph import Node, network_graph
from cnnx.drawing.repeated_blocks import Run, runs


def drawn_inputs(generator: random.Random, count: int) -> list[list[int]]:
    """A random network in which every node but the last has a reader."""
    inputs: list[list[int]] = [[]]
    unread = {0}
    for node in range(1, count):
        chosen = {generator.choice(sorted(unread)), *generator.choices(range(node), k=2)}
        wanted = sorted(unread) if node == count - 1 else sorted(chosen)
        inputs.append(wanted)
        unread = (unread - set(wanted)) | {node}
    return inputs


def edges_of(inputs: list[list[int]]) -> set[tuple[int, int]]:
    return {(each, node) for node, read in enumerate(inputs) for each in read}


def crossed(found: Layout, edge: tuple[int, int]) -> list[int]:
    """The nodes between the ends of an edge in the column that it runs down."""
    source, target = edge
    columns, rows = found.columns, found.rows
    # To a branch an edge runs down the branch's column, from one down that of its source.
    column = columns[target] if columns[source] < columns[target] else columns[source]
    between = range(rows[source] + 1, rows[target])
    return [k for k in range(len(rows)) if columns[k] == column and rows[k] in between]


@pytest.mark.parametrize("seed", range(40))
def test_no_edge_crosses_a_box_and_none_is_missing(seed: int) -> None:
    generator = random.Random(seed)
    inputs = drawn_inputs(generator, generator.randint(2, 30))
    found = layout(inputs)
    places = list(zip(found.rows, found.columns, strict=True))
    assert len(set(places)) == len(places)
    assert sorted([*found.beside, *found.lanes]) == sorted(edges_of(inputs))
    for source, target in edges_of(inputs):
        assert found.rows[source] < found.rows[target]
    for edge in found.beside:
        assert not crossed(found, edge), edge
    sources: dict[tuple[int, int], int] = {}  # of the edges in a lane between two rows
    for (source, target), lane in found.lanes.items():
        for gap in range(found.rows[source], found.rows[target]):
            assert sources.setdefault((lane, gap), source) == source


def test_a_shortcut_runs_in_a_lane_and_a_projection_beside_the_body() -> None:
    plain = layout([[], [0], [1], [2, 0]])
    assert plain.columns == [0, 0, 0, 0]
    assert plain.lanes == {(0, 3): 0}
    projected = layout([[], [0], [1], [0], [2, 3]])
    assert projected.columns == [0, 0, 0, 1, 0]
    assert projected.rows == [0, 1, 2, 1, 3]
    assert projected.lanes == {}


def test_nested_shortcuts_have_lanes_from_inside_out() -> None:
    unet = layout([[], [0], [1], [2], [3, 1], [4, 0]])
    assert unet.lanes == {(1, 4): 0, (0, 5): 1}
    dense = layout([[], [0], [1, 0], [2, 1, 0]])
    assert dense.lanes == {(1, 3): 0, (0, 2): 1, (0, 3): 1}


def test_equal_blocks_are_one_run() -> None:
    chain = [[], [0], [1], [2], [3], [4], [5]]
    assert runs("iababac", chain) == [Run(0, 1, 1), Run(1, 2, 2), Run(5, 1, 1), Run(6, 1, 1)]
    residual = [[], [0], [1, 0], [2], [3, 2], [4]]
    assert runs("ibabac", residual) == [Run(0, 1, 1), Run(1, 2, 2), Run(5, 1, 1)]
    # The second shortcut begins elsewhere.
    other = [[], [0], [1, 0], [2], [3, 0], [4]]
    assert {run.count for run in runs("ibabac", other)} == {1}
    # Two branches, and a body with a shortcut.
    unlike = [[], [0], [0], [1, 2], [3], [4], [5, 3]]
    assert runs("iabcabc", unlike) == [Run(0, 1, 1), Run(1, 3, 1), Run(4, 3, 1)]


NODES = [
    Node("input", "Input", size="8x8x3"),
    Node("a", 'Conv "3" <b> & #1', ("input",), "+ ReLU", "8x8x4", "112 parameters", 1, "tip"),
    Node("b", 'Conv "3" <b> & #1', ("a",), "+ ReLU", "8x8x4", "112 parameters", 1),
    Node("sum", "Add", ("b", "input"), size="8x8x4", group=4),
]


def texts(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter("text")]


def test_a_drawing_holds_every_text_of_its_nodes() -> None:
    svg = network_graph(NODES, "a < b")
    root = ElementTree.fromstring(svg)
    assert root.find("svg/title").text == "a < b"  # type: ignore[union-attr]
    shown = " ".join(texts(svg))
    for node in NODES:
        for text in (node.name, node.label, node.details, node.size, node.amount):
            assert text in shown
    assert svg.count("<polygon") == svg.count("<path") == 4
    assert "tip" in [title.text for title in root.iter("title")]


def test_everything_lies_inside_the_drawing() -> None:
    inputs = drawn_inputs(random.Random(5), 25)
    nodes = [
        Node(f"n{k}", f"Layer {k}", tuple(f"n{each}" for each in read))
        for k, read in enumerate(inputs)
    ]
    root = ElementTree.fromstring(network_graph(nodes, "network"))
    svg = root.find("svg")
    assert svg is not None
    width, height = float(svg.get("width", 0)), float(svg.get("height", 0))
    points = [
        (float(x), float(y))
        for path in svg.iter("path")
        for x, y in re.findall(r"([\d.-]+) ([\d.-]+)", path.get("d", ""))
    ]
    for rect in svg.iter("rect"):
        x, y, wide, high = (float(rect.get(k, 0)) for k in ("x", "y", "width", "height"))
        points += [(x, y), (x + wide, y + high)]
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)


def test_a_repeated_block_is_drawn_once() -> None:
    nodes = [Node("input", "Input")]
    for k in range(4):
        before = nodes[-1].name
        nodes += [Node(f"c{k}", "Conv", (before,)), Node(f"s{k}", "Add", (f"c{k}", before))]
    nodes.append(Node("out", "Dense", ("s3",)))
    shown = texts(network_graph(nodes, "network"))
    assert "\N{MULTIPLICATION SIGN} 4" in shown
    assert {"c0", "s0", "out"} <= set(shown)
    assert "c1" not in shown


def test_graph_texts_escape_labels() -> None:
    flowchart, digraph = mermaid(NODES), dot(NODES)
    assert 'n1["Conv #quot;3#quot; #lt;b#gt; #amp; #35;1<br/>a<br/>8x8x4<br/>112' in flowchart
    assert "    n0 --> n3" in flowchart.splitlines()
    assert 'n1 [label="Conv \\"3\\" <b> & #1\\na\\n8x8x4\\n112 parameters"];' in digraph
    assert "    n0 -> n3;" in digraph.splitlines()

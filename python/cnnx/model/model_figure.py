"""Drawing, table and graph texts of a model."""

from __future__ import annotations

from cnnx import _core
from cnnx.drawing.graph_text import dot, mermaid
from cnnx.drawing.markup import Markup, element, table
from cnnx.drawing.network_graph import Node, network_graph
from cnnx.drawing.page import fragment
from cnnx.model.described_layers import (
    DescribedLayer,
    described_layers,
    parameter_count,
    size_text,
)
from cnnx.model.parameter_sizes import int8_counts, parameter_total

# Numbers of the colours of boxes by family of layers; every other family has none.
_COLOURS = {"convolution": 1, "pooling": 2, "dense": 3, "merge": 4, "shape": 6}
# Layers of these families share the box of the layer that they follow.
_FOLLOWERS = ("activations", "normalisation", "dropout")


def model_fragment(core: _core.Model) -> str:
    """A model for a notebook: a sentence, the graph, and the table of all layers to unfold."""
    layers = element("details", element("summary", "All layers"), layer_table(core))
    return fragment(element("p", model_sentence(core)), model_graph(core), layers)


def mermaid_text(core: _core.Model) -> str:
    """Every layer in the language of Mermaid."""
    return mermaid(_nodes([[layer] for layer in described_layers(core)]))


def dot_text(core: _core.Model) -> str:
    """Every layer in the language of Graphviz."""
    return dot(_nodes([[layer] for layer in described_layers(core)]))


def model_sentence(core: _core.Model) -> str:
    """The size of a model in one sentence."""
    described = described_layers(core)
    total = sum(layer.parameters for layer in described)
    frozen = sum(layer.parameters for layer in described if layer.is_frozen)
    int8 = sum(int8_counts(core).values())
    computes = "" if core.compute_dtype == "float32" else f", computes in {core.compute_dtype}"
    inputs = [layer for layer in described if not layer.kind]
    return (
        f"Model of {len(described) - len(inputs)} layers from "
        f"{' and '.join(size_text(layer.shape) for layer in inputs)} to "
        f"{size_text(core.output_shape)}, {parameter_total(total, int8, frozen)}{computes}"
    )


def model_graph(core: _core.Model) -> Markup:
    """The drawing of a model's layers. Norms, activations and dropout share the box before them."""
    return network_graph(_nodes(_boxes(described_layers(core))), model_sentence(core))


def layer_table(core: _core.Model) -> Markup:
    """A table with a row for every layer."""
    rows = [
        (
            layer.name,
            layer.label,
            ", ".join(layer.inputs),
            size_text(layer.shape),
            f"{layer.parameters:,}" if layer.parameters else None,
            "frozen" if layer.is_frozen else "",
        )
        for layer in described_layers(core)
    ]
    return table(("layer", "kind", "reads", "output", "parameters", ""), rows)


def _boxes(described: list[DescribedLayer]) -> list[list[DescribedLayer]]:
    """Layers by box: a layer and those after it that change its values one by one."""
    readers: dict[str, int] = {}
    for layer in described:
        for name in layer.inputs:
            readers[name] = readers.get(name, 0) + 1
    boxes: list[list[DescribedLayer]] = []
    for layer in described:
        before = boxes[-1][-1].name if boxes else None
        follows = layer.inputs == (before,) and readers[before or ""] == 1
        if follows and layer.family in _FOLLOWERS and boxes[-1][-1].kind:
            boxes[-1].append(layer)
        else:
            boxes.append([layer])
    return boxes


def _nodes(boxes: list[list[DescribedLayer]]) -> list[Node]:
    """Nodes with the names of the first layers of the boxes."""
    names = {box[-1].name: box[0].name for box in boxes}
    return [_node(box, tuple(names[each] for each in box[0].inputs)) for box in boxes]


def _node(box: list[DescribedLayer], inputs: tuple[str, ...]) -> Node:
    first, *followers = box
    frozen = [layer.is_frozen for layer in box if layer.parameters]
    return Node(
        name=first.name,
        label=first.label,
        inputs=inputs,
        details="".join(f"+ {layer.label} " for layer in followers).rstrip(),
        size=size_text(box[-1].shape),
        amount=parameter_count(
            sum(layer.parameters for layer in box), is_frozen=bool(frozen) and all(frozen)
        ),
        group=_COLOURS.get(first.family, 0),
        description="\n".join(_description(layer) for layer in box),
    )


def _description(layer: DescribedLayer) -> str:
    parts = (layer.label, size_text(layer.shape), layer.amount)
    return f"{layer.name}: {', '.join(filter(None, parts))}"

"""Builds the core's model from a graph of layers with one or several inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cnnx import _core
from cnnx.arguments import shown
from cnnx.layers.base import Symbol
from cnnx.layers.graph import Input, LayerTuple, Shape, in_graph
from cnnx.model.build import built
from cnnx.model.heads import joined_heads, name_heads
from cnnx.model.input_parts import flat_inputs, named_inputs
from cnnx.preprocessing import Preprocessing


def built_from_graph(
    inputs: Input | Sequence[Input] | Mapping[str, Input],
    outputs: Symbol | Sequence[Symbol] | Mapping[str, Symbol],
    classes: Sequence[str] | None,
    preprocessing: Preprocessing,
    seed: int,
) -> _core.Model:
    """The model of `Model.from_graph`, whose arguments and errors these are."""
    if not isinstance(outputs, Mapping):
        return built(*_layers(inputs, _only(outputs), preprocessing), classes, preprocessing, seed)
    if classes is not None:
        raise ValueError(
            f"Model.from_graph: classes is {shown(classes)}, expected None with several outputs"
        )
    layers, shape = _layers(inputs, joined_heads(outputs), preprocessing)
    core = built(layers, shape, classes, preprocessing, seed)
    name_heads(core, layers, list(outputs))
    return core


def _layers(
    inputs: object, output: object, preprocessing: Preprocessing
) -> tuple[list[LayerTuple], Shape]:
    """Layer tuples, and the shape of the input that they read."""
    image = _only(inputs)
    several = named_inputs(inputs) if isinstance(inputs, Mapping) else {}
    if not several and not isinstance(image, Input):
        raise TypeError(
            f"Model.from_graph: inputs is {shown(inputs)}, expected one cnnx.Input, or several by "
            'name: {"image": image, "depth": depth}'
        )
    if not isinstance(output, Symbol):
        raise TypeError(
            f"Model.from_graph: outputs is {shown(output)}, expected the output of one layer"
        )
    if isinstance(image, Input):
        return in_graph({"input": image}, output), image.shape
    if preprocessing != Preprocessing():
        raise ValueError(
            f"Model.from_graph: preprocessing is {shown(preprocessing)}, expected none with "
            "several inputs: BatchNorm2d() or Scale2d() after an Input normalises it"
        )
    layers = in_graph(several, output)
    for _, _, name, _, _, _ in layers:
        if name in several:
            raise ValueError(
                f"Model.from_graph: inputs has the name {name!r}, which a layer has, too, expected "
                "different names"
            )
    parts, shape = flat_inputs({name: each.shape for name, each in several.items()})
    return [*parts, *layers], shape


def _only(one: object) -> object:
    """The element of a list of one; anything else as it is."""
    return one[0] if isinstance(one, (list, tuple)) and len(one) == 1 else one

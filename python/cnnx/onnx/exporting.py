"""Conversion of a model to an ONNX graph: its layers in NCHW, its input and its outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cnnx import _core
from cnnx.layers.graph import Shape
from cnnx.model.heads import (
    CoreHead,
    core_heads,
    layers_that_join_heads,
    sources_of_heads,
)
from cnnx.model.input_parts import core_inputs
from cnnx.onnx.export_layers import EXPORTERS, ORDER_ABSORBERS, ORDER_CARRIERS
from cnnx.onnx.graph import Graph, Value
from cnnx.onnx.graph_builder import GraphBuilder, LayerExport, Signal


def graph_of(core: _core.Model, pixels: bool, labels: bool, opset: int) -> Graph:
    """Convert a model to an ONNX graph.

    Args:
        core: the model.
        pixels: whether the input is uint8 pixels, (batch, height, width, channels), which the graph
            preprocesses. Otherwise it is float32 (batch, channels, height, width), preprocessed.
        labels: whether the class name of each image is an output, where the model has class names.
        opset: version of ONNX's operators.

    Raises:
        ValueError: if a layer is not one of the library, or has a setting that this version of the
            operators cannot express.
    """
    names = [head.name for head in core_heads(core)]
    reserved = names or ["probabilities", "values", "output", "label"]
    height, width, channels = core.input_shape
    shapes = {each.name: each.shape for each in core_inputs(core)}
    both = sorted(set(shapes).intersection(reserved))
    if both:
        raise ValueError(
            f"save: the model has an input and an output named {both[0]!r}, expected different "
            "names in an ONNX file"
        )
    builder = GraphBuilder(opset, [*(shapes or ["images"]), *reserved])
    inputs, images = [], {}
    for name, shape in (shapes or {"input": (height, width, channels)}).items():
        own = name if shapes else "images"
        value, images[name] = _input(builder, core, own, shape, pixels=pixels)
        inputs.append(value)
    signals = _layers(builder, core, images)
    heads = core_heads(core)
    if heads:
        of_heads = [signals[source] for source in sources_of_heads(core)] or [
            _range_of_head(builder, head, signals[core.layers[-1][2]]) for head in heads
        ]
        outputs = [
            _output_of_head(builder, head, signal)
            for head, signal in zip(heads, of_heads, strict=True)
        ]
    else:
        outputs = [_output(builder, core, signals[core.layers[-1][2]])]
    if labels and _has_label(core):
        outputs.append(_label(builder, core))
    return Graph(
        builder.nodes, inputs, outputs, builder.initializers, opset, metadata=_metadata(core)
    )


def _input(
    builder: GraphBuilder, core: _core.Model, name: str, shape: Shape, *, pixels: bool
) -> tuple[Value, Signal]:
    """An input of the graph, and the images in NCHW that the network reads.

    Of several inputs, those of one pixel are numbers, which no pixel could hold.
    """
    height, width, channels = shape
    if pixels and not (core.inputs and height == width == 1):
        value = Value(name, np.dtype(np.uint8), ("batch", height, width, channels))
        return value, Signal(_preprocessed(builder, core, name), shape)
    value = Value(name, np.dtype(np.float32), ("batch", channels, height, width))
    return value, Signal(name, shape)


def _preprocessed(builder: GraphBuilder, core: _core.Model, name: str) -> str:
    """Add the operations on pixels that cnnx does, in its order, and return the input in NCHW."""
    _, mean, std = core.preprocessing
    value = builder.node("Cast", name, to=1)
    value = builder.node("Div", value, builder.constant("pixel_range", np.float32(255)))
    for op_type, each, numbers, identity in (("Sub", "mean", mean, 0), ("Div", "std", std, 1)):
        if any(number != identity for number in numbers):
            array = np.array(numbers if len(numbers) > 1 else numbers[0], np.float32)
            value = builder.node(op_type, value, builder.constant(each, array))
    return builder.node("Transpose", value, perm=[0, 3, 1, 2])


def _layers(
    builder: GraphBuilder, core: _core.Model, images: Mapping[str, Signal]
) -> dict[str, Signal]:
    """Add the nodes of every layer, and return their outputs by name.

    Args:
        builder: graph under construction.
        core: the model.
        images: the "input", or several inputs by name, whose layers have no nodes.
    """
    layers = core.layers
    joined = layers_that_join_heads(core)
    shapes = {name: tuple(shape) for name, _, shape, _ in core.layer_infos}
    readers: dict[str, list[tuple[str, str]]] = {name: [] for name in ("input", *shapes)}
    for kind, _, name, inputs, _ in layers:
        for each in inputs:
            readers[each].append((kind, name))
    signals = dict(images)
    for kind, settings, name, inputs, _ in layers:
        if name in joined or name in images:
            continue
        if kind not in EXPORTERS:
            raise ValueError(
                f"save: layer {name} is of the kind {kind}, which has no operators of ONNX, "
                "expected layers of the library"
            )
        layer = LayerExport(
            builder=builder,
            core=core,
            kind=kind,
            name=name,
            settings=settings,
            inputs=[signals[each] for each in inputs],
            output_shape=shapes[name],
            order_is_absorbed=_absorbs(readers, name),
        )
        signal = EXPORTERS[kind](layer)
        order = layer.inputs[0].order if kind in ORDER_CARRIERS else signal.order
        signals[name] = replace(signal, order=order)
    return signals


def _absorbs(readers: dict[str, list[tuple[str, str]]], name: str) -> bool:
    """Whether every path from a layer ends in a layer whose weights can take features in any order.

    The output of the model cannot.
    """
    return bool(readers[name]) and all(
        kind in ORDER_ABSORBERS or (kind in ORDER_CARRIERS and _absorbs(readers, reader))
        for kind, reader in readers[name]
    )


def _output(builder: GraphBuilder, core: _core.Model, last: Signal) -> Value:
    """Name the output of the last layer, or add the probabilities that `predict_proba` computes."""
    kind = core.probability_kind
    shape = last.shape
    if kind == "softmax" and not _is_classifier(core):
        name = builder.rename(last.name, "output")
    elif kind == "softmax":
        outputs = _divided(builder, last.name, core.temperature)
        name = builder.node("Softmax", outputs, output="probabilities", axis=1)
    elif kind == "sigmoid":
        outputs = _divided(builder, last.name, core.temperature)
        name = builder.node("Sigmoid", outputs, output="probabilities")
    else:
        name = builder.rename(last.name, "probabilities" if kind == "outputs" else "values")
    axes = (shape[2], *shape[:2]) if len(shape) == 3 else shape
    return Value(name, np.dtype(np.float32), ("batch", *axes))


def _range_of_head(builder: GraphBuilder, head: CoreHead, last: Signal) -> Signal:
    """Cut the range of a head out of the output of the last layer."""
    bounds = [
        builder.constant(f"{head.name}.{name}", np.array([value], np.int64))
        for name, value in (("start", head.offset), ("end", head.end), ("axis", 1))
    ]
    name = builder.node("Slice", last.name, *bounds)
    if len(head.shape) == 3:
        shape = builder.constant(f"{head.name}.shape", np.array([0, *head.shape], np.int64))
        name = builder.node("Reshape", name, shape)
        name = builder.node("Transpose", name, perm=[0, 3, 1, 2])
    return Signal(name, head.shape)


def _output_of_head(builder: GraphBuilder, head: CoreHead, signal: Signal) -> Value:
    """Name the output of a head, as probabilities if it has them."""
    if head.probabilities == "softmax" and head.shape[-1] > 1:
        name = builder.node("Softmax", signal.name, output=head.name, axis=1)
    elif head.probabilities == "sigmoid":
        name = builder.node("Sigmoid", signal.name, output=head.name)
    else:
        name = builder.node("Identity", signal.name, output=head.name)
    shape = signal.shape
    axes = (shape[2], *shape[:2]) if len(shape) == 3 else shape
    return Value(name, np.dtype(np.float32), ("batch", *axes))


def _divided(builder: GraphBuilder, outputs: str, temperature: float) -> str:
    """Outputs divided by the temperature, unless that is 1."""
    if temperature == 1:
        return outputs
    return builder.node("Div", outputs, builder.constant("temperature", np.float32(temperature)))


def _is_classifier(core: _core.Model) -> bool:
    """Whether the softmax of the outputs is over the classes."""
    return len(core.output_shape) == 1 and core.output_shape[0] >= 2


def _has_label(core: _core.Model) -> bool:
    """Whether `predict` gives one class name for each image."""
    kind = core.probability_kind
    independent = kind == "sigmoid" or (kind == "outputs" and core.layers[-1][0] == "sigmoid")
    is_one = core.output_shape == [1]
    by_image = bool(core.classes) and len(core.output_shape) == 1
    return by_image and kind != "none" and independent == is_one


def _label(builder: GraphBuilder, core: _core.Model) -> Value:
    """Add the name of the most probable class; of one output, the second one's above 1/2."""
    if core.output_shape == [1]:
        half = builder.constant("half", np.float32(0.5))
        above = builder.node("Greater", "probabilities", half)
        index = builder.node("Cast", above, to=7)
        index = builder.node("Reshape", index, builder.constant("one_axis", np.array([-1])))
    else:
        index = builder.node("ArgMax", "probabilities", axis=1, keepdims=0)
    names = builder.constant("classes", np.array(core.classes, object))
    label = builder.node("Gather", names, index, output="label", axis=0)
    return Value(label, np.dtype(object), ("batch",))


def _metadata(core: _core.Model) -> dict[str, str]:
    resize, mean, std = core.preprocessing
    texts = {
        **core.metadata,
        "cnnx.preprocessing": json.dumps({"resize": resize, "mean": mean, "std": std}),
        "cnnx.classes": json.dumps(core.classes),
        "cnnx.probabilities": json.dumps(core.probability_kind),
    }
    if core.heads:
        kinds = {head.name: head.probabilities for head in core_heads(core)}
        texts["cnnx.heads"] = json.dumps(kinds)
    if core.temperature != 1:
        texts["cnnx.temperature"] = json.dumps(core.temperature)
    if core.compute_dtype != "float32":
        texts["cnnx.compute_dtype"] = json.dumps(core.compute_dtype)
    if core.classes:
        texts["names"] = repr(dict(enumerate(core.classes)))  # as Ultralytics writes it
    return texts

"""Conversion of a model to an ONNX graph: its layers in NCHW, its input and its outputs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cnnx import _core
from cnnx.layers.graph import Shape
from cnnx.model.file_form import FILE_FORM, FileForm, InputForm, OutputForm
from cnnx.model.heads import (
    CoreHead,
    core_heads,
    layers_that_join_heads,
    sources_of_heads,
)
from cnnx.model.input_parts import core_inputs
from cnnx.model.metadata import Texts
from cnnx.onnx.export_layers import EXPORTERS, ORDER_ABSORBERS, ORDER_CARRIERS
from cnnx.onnx.forms import default_form
from cnnx.onnx.graph import Graph, Value
from cnnx.onnx.graph_builder import GraphBuilder, LayerExport, Signal
from cnnx.onnx.model_proto import DATA_TYPES
from cnnx.onnx.output_values import FUNCTIONS


def graph_of(core: _core.Model, form: FileForm, opset: int) -> Graph:
    """Convert a model to an ONNX graph.

    Args:
        core: the model.
        form: inputs and outputs of the graph.
        opset: version of ONNX's operators.

    Raises:
        ValueError: if a layer is not one of the library, or has a setting that this version of the
            operators cannot express.
    """
    names = [each.name for each in form.inputs] + [each.name for each in form.outputs]
    names += ["label"] * form.labels
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(
            f"save: the model has an input and an output named {twice[0]!r}, expected different "
            "names in an ONNX file"
        )
    builder = GraphBuilder(opset, names)
    shapes = {each.name: each.shape for each in core_inputs(core)}
    height, width, channels = core.input_shape
    inputs, images = [], {}
    for each, (name, shape) in zip(
        form.inputs, (shapes or {"input": (height, width, channels)}).items(), strict=True
    ):
        value, images[name] = _input(builder, core, each, shape)
        inputs.append(value)
    signals = _layers(builder, core, images)
    heads = core_heads(core)
    sources, last = sources_of_heads(core), core.layers[-1][2]
    if not heads or sources:
        found = [signals[source] for source in sources or [last]]
    else:
        found = [_range_of_head(builder, head, signals[last]) for head in heads]
    kinds = [_head_function(head) for head in heads] or [core.probability_kind]
    outputs = [
        _output(builder, core, each, signal, kind)
        for each, signal, kind in zip(form.outputs, found, kinds, strict=True)
    ]
    if form.labels:
        outputs.append(_label(builder, core, form.outputs[0]))
    return Graph(
        builder.nodes, inputs, outputs, builder.initializers, opset, metadata=_metadata(core, form)
    )


def _input(
    builder: GraphBuilder, core: _core.Model, form: InputForm, shape: Shape
) -> tuple[Value, Signal]:
    """An input of the graph, and the images in NCHW that the network reads."""
    sizes = dict(zip("HWC", shape, strict=True))
    declared = [form.batch if label == "N" else sizes[label] for label in form.order]
    name = form.name
    if form.dtype != "float32":
        name = builder.node("Cast", name, to=DATA_TYPES["float32"])
    if form.divisor is not None:
        name = _preprocessed(builder, core, name, form)
    if form.order != "NCHW":
        present = [label for label in "NCHW" if label in form.order]
        name = _transposed(builder, name, [form.order.index(label) for label in present])
    if len(form.order) < 4:
        axes = builder.constant("image", np.array([0, *(sizes[label] for label in "CHW")]))
        name = builder.node("Reshape", name, axes)
    return Value(form.name, np.dtype(form.dtype), tuple(declared)), Signal(name, shape)


def _preprocessed(builder: GraphBuilder, core: _core.Model, name: str, form: InputForm) -> str:
    """Add the operations on pixels that cnnx does, in its order."""
    _, mean, std = core.preprocessing
    value = name
    if form.divisor != 1:
        value = builder.node("Div", value, builder.constant("pixel_range", np.float32(255)))
    for op_type, each, numbers, identity in (("Sub", "mean", mean, 0), ("Div", "std", std, 1)):
        if any(number != identity for number in numbers):
            array = np.array(numbers if len(numbers) > 1 else numbers[0], np.float32)
            if array.ndim:
                array = array.reshape(-1, *[1] * len(form.order.partition("C")[2]))
            value = builder.node(op_type, value, builder.constant(each, array))
    return value


def _transposed(builder: GraphBuilder, name: str, perm: list[int]) -> str:
    return builder.node("Transpose", name, perm=perm) if perm != sorted(perm) else name


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


def _output(
    builder: GraphBuilder, core: _core.Model, form: OutputForm, last: Signal, kind: str
) -> Value:
    """Name the output of the last layer, or of a head, in the form that the file has."""
    name, shape = last.name, last.shape
    if form.probabilities and kind in FUNCTIONS:
        if not core.heads and core.temperature != 1:
            divisor = builder.constant("temperature", np.float32(core.temperature))
            name = builder.node("Div", name, divisor)
        if kind == "softmax":
            name = builder.node(FUNCTIONS[kind], name, axis=1)
        else:
            name = builder.node(FUNCTIONS[kind], name)
    if len(shape) == 3:
        order = form.order or "HWC"
        present = order.replace("1", "") + "".join(each for each in "CHW" if each not in order)
        name = _transposed(builder, name, [0, *("NCHW".index(label) for label in present)])
        sizes = dict(zip("HWC1", (*shape, 1), strict=True))
        shape, axes = (tuple(sizes[each] for each in labels) for labels in (present, order))
    else:
        axes = shape
    axes = axes if form.shape is None else form.shape
    if axes != shape:
        name = builder.node("Reshape", name, builder.constant("axes", np.array([0, *axes])))
    if form.dtype != "float32":
        name = builder.node("Cast", name, to=DATA_TYPES[form.dtype])
    return Value(builder.rename(name, form.name), np.dtype(form.dtype), (form.batch, *axes))


def _head_function(head: CoreHead) -> str:
    """Kind of the probabilities of a head, of which one number has no softmax."""
    return (
        "outputs" if head.probabilities == "softmax" and head.shape[-1] == 1 else head.probabilities
    )


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


def _label(builder: GraphBuilder, core: _core.Model, form: OutputForm) -> Value:
    """Add the name of the most probable class; of one output, the second one's above the middle."""
    if core.output_shape == [1]:
        is_raw = not form.probabilities and core.probability_kind in FUNCTIONS
        middle = builder.constant("middle", np.float32(0 if is_raw else 0.5))
        above = builder.node("Greater", form.name, middle)
        index = builder.node("Cast", above, to=DATA_TYPES["int64"])
        index = builder.node("Reshape", index, builder.constant("one_axis", np.array([-1])))
    else:
        index = builder.node("ArgMax", form.name, axis=1, keepdims=0)
    names = builder.constant("classes", np.array(core.classes, object))
    label = builder.node("Gather", names, index, output="label", axis=0)
    return Value(label, np.dtype(object), ("batch",))


def _metadata(core: _core.Model, form: FileForm) -> dict[str, str]:
    resize, mean, std = core.preprocessing
    own = dict(Texts(core))
    if form != default_form(core):
        own[FILE_FORM] = form.text()
    texts = {
        **own,
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

"""`cnnx.onnx.load`: an ONNX file as a model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cnnx._core import FormatError
from cnnx.arguments import path_of, shown
from cnnx.layers.graph import Shape, input_shape_of
from cnnx.model.foreign_files import refusal_of
from cnnx.model.model import Model
from cnnx.onnx.axes import Activation
from cnnx.onnx.graph import Graph, Node
from cnnx.onnx.importer import Conversion, converted, finished
from cnnx.onnx.input_layout import layouts_of_all
from cnnx.onnx.input_scale import begin_at, input_scales
from cnnx.onnx.metadata import (
    class_names,
    exported_compute_dtype,
    exported_preprocessing,
    exported_probabilities,
    exported_temperature,
    exported_texts,
)
from cnnx.onnx.network import Network, symbols_before
from cnnx.onnx.reader import read_graph
from cnnx.onnx.refusal import RefusedError, UnsupportedError
from cnnx.preprocessing import Preprocessing
from cnnx.spelling import checked_call

_MOST_ROUNDINGS = 4  # of one value: to bytes and back, twice


@checked_call
def load(
    path: str | os.PathLike[str],
    *,
    input_shape: tuple[int, int, int] | None = None,
    classes: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    outputs: Sequence[str] | None = None,
) -> Model:
    """Load an ONNX file as a model, which can be trained further.

    The file may come from PyTorch, TensorFlow, Keras, PaddlePaddle or `cnnx.onnx.save`, in operator
    sets from 6 on. Weights may lie in a second file beside it. Batch norms stay layers of their
    own. Layers have the names that the file gives their weights, such as "layer1.0.conv1".

    A file with several inputs becomes a model with several, of those that the output depends on.

    The model's arrays are images of shape (batch, height, width, channels), whatever the order of
    axes in the file. A scale and a shift of the image at the start of the network become the
    model's preprocessing. If they are those of pixels from 0 to 255, they are divided by 255,
    because cnnx divides integer pixels by 255 and expects floats in [0, 1].

    Args:
        path: the file.
        input_shape: (height, width, channels) of one image; needed where the file leaves sizes
            open, and possible for other sizes if the network allows them; not for several inputs.
        classes: names of the outputs in order; None takes those in the file's metadata, if any.
        preprocessing: conversion of pixels to the file's input, before anything that the file
            itself does; None takes that of the file. Not for several inputs.
        outputs: name of the output of the file, or of any other value in it, in a list; needed if
            the file has several outputs.

    Raises:
        cnnx.FormatError: a ValueError, if the file is damaged or not ONNX.
        cnnx.onnx.UnsupportedError: a ValueError that lists every node for which cnnx has no layer.
        ValueError: if the input or the output is not clear; the message says what to give.
        ImportError: if the package onnx is not installed: ``pip install 'cnnx[onnx]'``.
        OSError: if the file cannot be read.
    """
    source = Path(path_of(path, "load"))
    shape = None if input_shape is None else input_shape_of(input_shape, "load", "input_shape")
    try:
        graph = read_graph(source)
        return _model(graph, shape, classes, preprocessing, outputs)
    except FormatError as error:
        other = refusal_of(str(source), "an ONNX model")
        raise FormatError(other or f"{source}: {error}") from None
    except UnsupportedError as error:
        raise UnsupportedError(f"load: {source}", error.refusals) from None
    except ValueError as error:
        raise ValueError(f"load: {source}: {error}") from None


def _model(
    graph: Graph,
    input_shape: Shape | None,
    classes: Sequence[str] | None,
    preprocessing: Preprocessing | None,
    outputs: Sequence[str] | None,
) -> Model:
    probabilities = exported_probabilities(graph.metadata)
    network, done, found = network_of(graph, input_shape, preprocessing, outputs)
    # Maps of other files, such as detections, have names of something else than their channels.
    is_named = len(done.shape) == 1 or (graph.is_from_cnnx and outputs is None)
    if classes is None and is_named:
        classes = class_names(graph.metadata, done.shape[-1])
    model = network.built(done.symbol, classes, found)
    if probabilities in ("sigmoid", "none") and outputs is None:
        model._core.probability_kind = probabilities
    if probabilities in ("softmax", "sigmoid") and outputs is None:
        model.temperature = exported_temperature(graph.metadata)
    model._core.compute_dtype = exported_compute_dtype(graph.metadata)
    model.metadata = exported_texts(graph.metadata)
    return model


def network_of(
    graph: Graph,
    input_shape: Shape | None = None,
    preprocessing: Preprocessing | None = None,
    outputs: Sequence[str] | None = None,
) -> tuple[Network, Activation, Preprocessing]:
    """Convert a graph to a network that is not built yet; arguments and errors as `load`.

    Returns:
        The network, its output and its preprocessing.
    """
    output = _output_name(graph, outputs)
    if not graph.inputs:
        raise ValueError("has no inputs, expected images")
    layouts = layouts_of_all(graph.inputs, input_shape, own=graph.is_from_cnnx)
    conversion = converted(graph, layouts, output)
    done = _finished(conversion, output)
    if len(graph.inputs) > 1 and preprocessing is not None:
        raise ValueError(
            f"preprocessing is {shown(preprocessing)}, expected None, because there are "
            f"{len(graph.inputs)} inputs"
        )
    if len(graph.inputs) > 1:
        _begin_after_division(graph, conversion.network, done)
        preprocessing = Preprocessing()
    elif preprocessing is None:
        preprocessing = _preprocessing(graph, conversion, done)
    return conversion.network, done, preprocessing


def _begin_after_division(graph: Graph, network: Network, done: Activation) -> None:
    """Leave out the division of integer inputs by 255, which a model does itself.

    Raises:
        ValueError: if the graph does not begin with it.
    """
    for value, image in zip(graph.inputs, network.inputs.values(), strict=True):
        if value.dtype.kind not in "iu" or image not in symbols_before(done.symbol):
            continue
        found = input_scales(network, image, done.symbol, integer_input=True)
        divided = [symbol for symbol, each in found if _agree(each, Preprocessing())]
        if not divided:
            raise ValueError(
                f"its input {value.name} is integers, expected floats, or pixels that the graph "
                "divides by 255, because there are several inputs"
            )
        begin_at(image, done.symbol, divided[-1])


def _preprocessing(graph: Graph, conversion: Conversion, done: Activation) -> Preprocessing:
    """Preprocessing that the graph computes, which is then no longer part of the network."""
    network = conversion.network
    (image,) = network.inputs.values()
    integer = graph.inputs[0].dtype.kind in "iu"
    found = input_scales(network, image, done.symbol, integer_input=integer)
    exported = exported_preprocessing(graph.metadata)
    if exported is None:
        first, preprocessing = found[-1]
    elif not integer:  # cnnx preprocesses before such a file's input
        return exported
    else:
        first, preprocessing = next(
            ((symbol, exported) for symbol, each in found if _agree(each, exported)), found[-1]
        )
    begin_at(image, done.symbol, first)
    return preprocessing


def _agree(one: Preprocessing, other: Preprocessing) -> bool:
    """Whether two preprocessings differ by rounding only."""
    return all(
        np.allclose(own, its, rtol=1e-4, atol=1e-6)
        for own, its in ((one.mean, other.mean), (one.std, other.std))
    )


def _finished(conversion: Conversion, output: str) -> Activation:
    try:
        return finished(conversion)
    except RefusedError as reason:
        raise ValueError(
            f"its output {output} {reason}; name the value before it: outputs=[...]"
        ) from None


def _source(makers: Mapping[str, Node], name: str) -> str:
    """The first input of the node that computes a value."""
    maker = makers.get(name)
    return maker.inputs[0] if maker is not None and maker.inputs else name


def _without_rounding(makers: Mapping[str, Node], name: str) -> str:
    """A value before its rounding, which ONNX Runtime's quantization adds to every value."""
    for _ in range(_MOST_ROUNDINGS):
        if name in makers and makers[name].op_type in ("QuantizeLinear", "DequantizeLinear"):
            name = _source(makers, name)
    return name


def _output_name(graph: Graph, outputs: Sequence[str] | None) -> str:
    """Name of the value that the model computes.

    Raises:
        TypeError: if outputs is not a list of names.
        ValueError: if it is not one name of a value of the graph.
    """
    names = [value.name for value in graph.outputs]
    makers = {name: node for node in graph.nodes for name in node.outputs}
    if outputs is not None:
        if isinstance(outputs, str) or not all(isinstance(each, str) for each in outputs):
            raise TypeError(f"load: outputs is {shown(outputs)}, expected a list of one name")
        if len(outputs) != 1:
            raise ValueError(f"outputs names {len(outputs)} values, expected one")
        if outputs[0] not in makers:
            raise ValueError(
                f"outputs is {shown(list(outputs))}, expected the name of a value, such as "
                f"outputs={names[:1]}"
            )
        return outputs[0]
    probabilities = exported_probabilities(graph.metadata)
    if probabilities is not None and names:
        # cnnx adds the temperature, the function of the probabilities and the names of the classes.
        name = names[0]
        if probabilities in ("softmax", "sigmoid") and name == "probabilities":
            divides = exported_temperature(graph.metadata) != 1
            for _ in range(2 if divides else 1):
                name = _source(makers, _without_rounding(makers, name))
        return name
    if len(names) != 1:
        raise ValueError(
            f"has {len(names)} outputs, {', '.join(names)}, expected one: outputs={names[:1]}"
        )
    return names[0]

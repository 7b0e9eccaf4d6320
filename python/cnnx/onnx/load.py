"""`cnnx.onnx.load`: an ONNX file as a model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnx._core import FormatError
from cnnx.advice import warn
from cnnx.arguments import path_of, shown
from cnnx.layers.base import Symbol
from cnnx.layers.graph import Shape, input_shape_of
from cnnx.layers.merge import Concat
from cnnx.layers.shape import Flatten
from cnnx.model.file_form import FILE_FORM, FileForm, file_form
from cnnx.model.foreign_files import refusal_of
from cnnx.model.heads import probabilities_after
from cnnx.model.model import Model
from cnnx.onnx.axes import Activation
from cnnx.onnx.forms import default_form, form_of
from cnnx.onnx.graph import Graph
from cnnx.onnx.importer import Conversion, converted, finished
from cnnx.onnx.input_layout import InputLayout, layouts_of_all
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
from cnnx.onnx.output_values import output_values
from cnnx.onnx.reader import read_graph
from cnnx.onnx.refusal import RefusedError, UnsupportedError
from cnnx.preprocessing import Preprocessing
from cnnx.spelling import checked_call


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
    model's preprocessing. If they are those of pixels from 0 to 255, that is, a mean or a deviation
    is above 20 and no mean is negative, they are divided by 255, because cnnx divides integer
    pixels by 255 and expects floats in [0, 1].

    Args:
        path: the file.
        input_shape: (height, width, channels) of one image; needed where the file leaves sizes
            open, and possible for other sizes if the network allows them; not for several inputs.
        classes: names of the outputs in order; None takes those in the file's metadata, if any.
        preprocessing: conversion of pixels to the file's input, before anything that the file
            itself does; None takes that of the file. Not for several inputs.
        outputs: names of outputs of the file, or of any other values in it, in a list; None takes
            all outputs. A model of several has them as heads (`Model.heads`), with these names.

    Raises:
        cnnx.FormatError: a ValueError, if the file is damaged or not ONNX.
        cnnx.onnx.UnsupportedError: a ValueError that lists every node for which cnnx has no layer.
        ValueError: if the input or an output is not clear, or classes are given for several
            outputs; the message says what to give.
        ImportError: if the package onnx is not installed: ``pip install 'cnnx[onnx]'``.
        OSError: if the file cannot be read.
    """
    text = path_of(path, "load")
    if "\0" in text:
        raise ValueError(
            f"load: path has {len(text)} characters and holds a NUL, expected the path of a file "
            "and not its content"
        )
    source = Path(text)
    shape = None if input_shape is None else input_shape_of(input_shape, "load", "input_shape")
    try:
        graph = read_graph(source)
        return _model(graph, shape, classes, preprocessing, outputs)
    except (FormatError, ImportError) as error:
        other = refusal_of(str(source), "an ONNX model")
        if other is None and isinstance(error, ImportError):
            raise
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
    imported = network_of(graph, input_shape, preprocessing, outputs)
    if len(imported.heads) > 1:
        if classes is not None:
            raise ValueError(
                f"classes is {shown(classes)}, expected None for {len(imported.heads)} outputs"
            )
        model = imported.network.built(imported.symbol, None, imported.preprocessing)
        _set_heads(model, imported.heads)
    else:
        model = _with_one_output(graph, imported, classes, is_own=outputs is None)
    model._core.compute_dtype = exported_compute_dtype(graph.metadata)
    texts, default = exported_texts(graph.metadata), default_form(model._core)
    if imported.form != default:
        own = imported.form
        texts[FILE_FORM] = FileForm(
            inputs=() if own.inputs == default.inputs else own.inputs,
            outputs=() if own.outputs == default.outputs else own.outputs,
            labels=own.labels,
        ).text()
    model._core.metadata = texts
    return model


def _with_one_output(
    graph: Graph, imported: Imported, classes: Sequence[str] | None, *, is_own: bool
) -> Model:
    """The model of one output; `is_own` is whether it is that of the file."""
    probabilities = exported_probabilities(graph.metadata)
    shape = imported.heads[0].shape
    # Maps of other files, such as detections, have names of something else than their channels.
    is_named = len(shape) == 1 or (graph.is_from_cnnx and is_own)
    if classes is None and is_named:
        classes = class_names(graph.metadata, shape[-1])
    model = imported.network.built(imported.symbol, classes, imported.preprocessing)
    if probabilities in ("sigmoid", "none") and is_own:
        model._core.probability_kind = probabilities
    if probabilities in ("softmax", "sigmoid") and is_own:
        model.temperature = exported_temperature(graph.metadata)
    return model


def _set_heads(model: Model, heads: Sequence[ImportedHead]) -> None:
    """Name the ranges of the output that are the outputs of the file."""
    model._core.set_heads([(head.name, list(head.shape), head.probabilities) for head in heads])


class ImportedHead(NamedTuple):
    """An output of an imported network.

    Attributes:
        name: its name.
        shape: shape of one image's output.
        probabilities: how it becomes probabilities: as cnnx wrote it, else by its layer.
    """

    name: str
    shape: tuple[int, ...]
    probabilities: str


class Imported(NamedTuple):
    """An imported network that is not built yet.

    Attributes:
        network: its layers.
        symbol: its output, of several heads the concatenation.
        heads: its outputs.
        preprocessing: its preprocessing.
        form: inputs and outputs of the file.
    """

    network: Network
    symbol: Symbol
    heads: list[ImportedHead]
    preprocessing: Preprocessing
    form: FileForm


def network_of(
    graph: Graph,
    input_shape: Shape | None = None,
    preprocessing: Preprocessing | None = None,
    outputs: Sequence[str] | None = None,
) -> Imported:
    """Convert a graph to a network that is not built yet; arguments and errors as `load`."""
    values = output_values(graph, outputs)
    if not graph.inputs:
        raise ValueError("has no inputs, expected images")
    known = _known_inputs(graph)
    layouts = layouts_of_all(graph.inputs, input_shape, [order for order, _ in known])
    conversion = converted(graph, layouts, [each.value for each in values])
    if input_shape is None and not graph.is_from_cnnx:
        _warn_of_unlikely(graph, conversion.layouts)
    done = [
        _finished(conversion.network, each, of.name)
        for each, of in zip(conversion.outputs, values, strict=True)
    ]
    heads = [
        ImportedHead(of.name, each.shape, of.probabilities or _probabilities(each.symbol))
        for each, of in zip(done, values, strict=True)
    ]
    symbol = _joined(conversion.network, [each.symbol for each in done])
    if len(graph.inputs) > 1 and preprocessing is not None:
        raise ValueError(
            f"preprocessing is {shown(preprocessing)}, expected None, because there are "
            f"{len(graph.inputs)} inputs"
        )
    divisors = [divisor for _, divisor in known]
    if len(graph.inputs) > 1:
        _begin_after_division(graph, conversion.network, symbol)
        preprocessing = Preprocessing()
        if not graph.is_from_cnnx:
            divisors = [each or 1 for each in divisors]
    elif preprocessing is None:
        preprocessing, divisors[0] = _preprocessing(graph, conversion, symbol, divisors[0])
    else:
        divisors[0] = None
    used = conversion.network.inputs_of(symbol).values()
    inputs = [
        (value, layout, divisor)
        for value, layout, divisor in zip(graph.inputs, conversion.layouts, divisors, strict=True)
        if layout.image in used
    ]
    form = form_of(graph, inputs, list(zip(values, conversion.outputs, done, strict=True)))
    return Imported(conversion.network, symbol, heads, preprocessing, form)


def _known_inputs(graph: Graph) -> list[tuple[str | None, int | None]]:
    """The order of the axes of each input, or None, and the divisor of `InputForm`.

    In files of cnnx pixels are channels last, and floats are preprocessed, with channels first.
    """
    form = file_form(graph.metadata)
    if form is not None and [each.name for each in form.inputs] == [v.name for v in graph.inputs]:
        return [(each.order, each.divisor) for each in form.inputs]
    are_pixels = [value.dtype.kind in "iu" for value in graph.inputs]
    if graph.is_from_cnnx:
        return [("NHWC", 255) if each else ("NCHW", None) for each in are_pixels]
    return [(None, 255 if each else None) for each in are_pixels]


def _warn_of_unlikely(graph: Graph, layouts: Sequence[InputLayout]) -> None:
    """Warn of inputs with the sizes of images channels first that were read in another order."""
    for value, layout in zip(graph.inputs, layouts, strict=True):
        if not layout.is_likely and value.shape is not None:
            channels, height, width = value.shape[1:]
            warn(
                f"load: input {value.name} has {channels} x {height} x {width} numbers, which are "
                f"read as images of shape {layout.image.shape}, because the operators fit no other "
                f"order as well; if they are channels first: input_shape=({height}, {width}, "
                f"{channels})"
            )


def _probabilities(symbol: Symbol) -> str:
    return probabilities_after("input" if symbol.layer is None else symbol.layer.kind)


def _joined(network: Network, symbols: Sequence[Symbol]) -> Symbol:
    """The only output, or the concatenation of several as `Model.from_graph` makes it."""
    if len(symbols) == 1:
        return symbols[0]
    flat = [network.add(Flatten(), each, name="") for each in symbols]
    return network.add(Concat(), *flat, name="outputs")


def _begin_after_division(graph: Graph, network: Network, output: Symbol) -> None:
    """Leave out the division of integer inputs by 255, which a model does itself.

    Raises:
        ValueError: if the graph does not begin with it.
    """
    for value, image in zip(graph.inputs, network.inputs.values(), strict=True):
        if value.dtype.kind not in "iu" or image not in symbols_before(output):
            continue
        found = input_scales(network, image, output, 255)
        divided = [symbol for symbol, each, _ in found if _agree(each, Preprocessing())]
        if not divided:
            raise ValueError(
                f"its input {value.name} is integers, expected floats, or pixels that the graph "
                "divides by 255, because there are several inputs"
            )
        begin_at(image, output, divided[-1])


def _preprocessing(
    graph: Graph, conversion: Conversion, output: Symbol, divisor: int | None
) -> tuple[Preprocessing, int | None]:
    """Preprocessing that the graph computes, which is then no longer part of the network.

    The divisor with it is that of `InputForm`, which a file of cnnx knows.
    """
    network = conversion.network
    (image,) = network.inputs.values()
    exported = exported_preprocessing(graph.metadata)
    if exported is not None and divisor is None:
        return exported, None
    found = input_scales(network, image, output, divisor)
    first, preprocessing, divides = found[-1]
    if exported is not None:
        agreeing = (symbol for symbol, each, _ in found if _agree(each, exported))
        own = next(agreeing, None)
        if own is not None:
            first, preprocessing = own, exported
    begin_at(image, output, first)
    return preprocessing, divides


def _agree(one: Preprocessing, other: Preprocessing) -> bool:
    """Whether two preprocessings differ by rounding only."""
    return all(
        np.allclose(own, its, rtol=1e-4, atol=1e-6)
        for own, its in ((one.mean, other.mean), (one.std, other.std))
    )


def _finished(network: Network, value: Activation, output: str) -> Activation:
    try:
        return finished(network, value)
    except RefusedError as reason:
        raise ValueError(
            f"its output {output} {reason}; name the value before it: outputs=[...]"
        ) from None

"""Which inputs and outputs a model is saved with, and which those of a loaded file are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cnnx import _core
from cnnx.model.file_form import FileForm, InputForm, OutputForm, file_form
from cnnx.model.heads import core_heads
from cnnx.model.input_parts import core_inputs
from cnnx.model.predictions import outputs_are_independent, outputs_are_values
from cnnx.onnx.axes import Activation
from cnnx.onnx.graph import Graph, Value
from cnnx.onnx.importer import are_rows
from cnnx.onnx.input_layout import InputLayout
from cnnx.onnx.metadata import exported_probabilities
from cnnx.onnx.model_proto import DATA_TYPES
from cnnx.onnx.output_values import OutputValue


def default_form(core: _core.Model) -> FileForm:
    """The form in which a model of cnnx is saved: from pixels to probabilities and class names."""
    return FileForm(_inputs(core, pixels=True), _outputs(core, None), _has_label(core))


def form_for(core: _core.Model, pixels: bool | None, raw: bool | None, labels: bool) -> FileForm:
    """The form in which a model is saved.

    Args:
        core: the model.
        pixels: whether the inputs are pixels, or images that are preprocessed already; None for
            those of the file that it came from, or pixels.
        raw: whether the outputs are those of the last layer, or probabilities; None for those of
            the file, or what `default_form` has.
        labels: whether class names are an output, unless the outputs are those of a file without.
    """
    own = file_form(core.metadata)
    inputs, outputs = _inputs(core, pixels=pixels is not False), _outputs(core, raw)
    if own is not None and pixels is None and _fit_inputs(core, own.inputs):
        inputs = own.inputs
    if own is not None and raw is None and _fit_outputs(core, own.outputs):
        outputs = own.outputs
    is_without = own is not None and not own.labels and raw is None
    return FileForm(inputs, outputs, labels and _has_label(core) and not is_without)


def _fit_inputs(core: _core.Model, forms: Sequence[InputForm]) -> bool:
    """Whether a model still has inputs of these forms."""
    shapes = [list(each.shape) for each in core_inputs(core)] or [core.input_shape]
    return len(forms) == len(shapes) and all(
        _has_axes(form.order, shape) for form, shape in zip(forms, shapes, strict=True)
    )


def _fit_outputs(core: _core.Model, forms: Sequence[OutputForm]) -> bool:
    """Whether a model still has outputs of these forms."""
    heads = core_heads(core)
    shapes = [each.shape for each in heads] or [tuple(core.output_shape)]
    if heads and [each.name for each in heads] != [each.name for each in forms]:
        return False
    return len(forms) == len(shapes) and all(
        _fits(form, shape) for form, shape in zip(forms, shapes, strict=True)
    )


def _fits(form: OutputForm, shape: tuple[int, ...]) -> bool:
    if form.shape is not None:
        return math.prod(form.shape) == math.prod(shape)
    if len(shape) == 1:
        return not form.order
    return bool(form.order) and _has_axes(form.order, shape)


def _has_axes(order: str, shape: Sequence[int]) -> bool:
    """Whether an order of axes has all axes of an image that are longer than 1."""
    return all(size == 1 or label in order for label, size in zip("HWC", shape, strict=True))


def _has_label(core: _core.Model) -> bool:
    """Whether `predict` gives one class name for each image."""
    is_one = core.output_shape == [1]
    by_image = bool(core.classes) and len(core.output_shape) == 1
    has_classes = by_image and not outputs_are_values(core)
    return has_classes and outputs_are_independent(core) == is_one


def _inputs(core: _core.Model, *, pixels: bool) -> tuple[InputForm, ...]:
    """Of several inputs, those of one pixel are numbers, which no pixel could hold."""
    named = [(each.name, each.shape[:2] == (1, 1)) for each in core_inputs(core)]
    return tuple(
        InputForm(name)
        if pixels and not are_numbers
        else InputForm(name, dtype="float32", order="NCHW", divisor=None)
        for name, are_numbers in named or [("images", False)]
    )


def _outputs(core: _core.Model, raw: bool | None) -> tuple[OutputForm, ...]:
    heads = core_heads(core)
    if heads:
        return tuple(_output(each.name, each.shape, probabilities=not raw) for each in heads)
    kind, shape = core.probability_kind, tuple(core.output_shape)
    if raw is False and (kind == "none" or (kind == "softmax" and shape[-1] < 2)):
        raise ValueError("save: output is 'probabilities', but the model has none, expected 'raw'")
    if raw is None:
        raw = kind == "softmax" and (len(shape) == 3 or shape[0] < 2)
    are_probabilities = kind == "outputs" or not raw
    name = "values" if kind == "none" else "probabilities" if are_probabilities else "output"
    return (_output(name, shape, probabilities=not raw),)


def _output(name: str, shape: tuple[int, ...], *, probabilities: bool) -> OutputForm:
    return OutputForm(name, order="CHW" if len(shape) == 3 else "", probabilities=probabilities)


def form_of(
    graph: Graph,
    inputs: Sequence[tuple[Value, InputLayout, int | None]],
    outputs: Sequence[tuple[OutputValue, Activation, Activation]],
) -> FileForm:
    """The form of a loaded file.

    Args:
        graph: the file.
        inputs: the inputs of the model, each with the order of its axes and the divisor of
            `InputForm`.
        outputs: the outputs of the model, each with its value as the graph has it, and as the model
            returns it.
    """
    forms = tuple(
        InputForm(value.name, _dtype(value), layout.order, _batch(value, "batch"), divisor)
        for value, layout, divisor in inputs
    )
    declared = {value.name: value for value in graph.outputs}
    return FileForm(
        forms,
        tuple(
            _form_of_output(declared.get(of.name), of, value, done, forms[0].batch)
            for of, value, done in outputs
        ),
        labels="label" in declared and exported_probabilities(graph.metadata) is not None,
    )


def _form_of_output(
    declared: Value | None,
    of: OutputValue,
    value: Activation,
    done: Activation,
    batch: int | str,
) -> OutputForm:
    sizes = value.onnx_shape[1:]
    order, shape = "", None
    if are_rows(done) or (len(done.shape) == 1 and len(sizes) != 1):
        shape = sizes
    elif len(done.shape) == 3:
        order = "".join(axis[0].label if axis else "1" for axis in done.axes[1:])
    return OutputForm(of.name, _dtype(declared), order, shape, batch, of.value != of.name)


def _dtype(value: Value | None) -> str:
    """Name of the dtype of a value, float32 unless the exporter has another."""
    name = "float32" if value is None else value.dtype.name
    return name if name in DATA_TYPES else "float32"


def _batch(value: Value | None, otherwise: int | str) -> int | str:
    """Number of images of a value, or the name of a number that is free."""
    if value is None or not value.shape:
        return otherwise
    first = value.shape[0]
    return otherwise if first is None else first

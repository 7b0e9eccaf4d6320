"""Saving of a model as an ONNX file, checked before it is in place."""

from __future__ import annotations

import os
from typing import Literal

from cnnx import _core
from cnnx.advice import warn
from cnnx.arguments import boolean, integer, one_of, path_of
from cnnx.files.atomic_file import replace_file
from cnnx.files.file_kind import FileKind, refuse_other_kind
from cnnx.model.file_form import FileForm
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.onnx.export_check import check_graph
from cnnx.onnx.exporting import graph_of
from cnnx.onnx.forms import form_for
from cnnx.onnx.model_proto import LEAST_OPSET, MOST_OPSET, encoded
from cnnx.spelling import checked_call


@checked_call
def save(
    model: Model,
    path: str | os.PathLike[str],
    *,
    input: Literal["uint8", "float32"] | None = None,  # noqa: A002
    output: Literal["raw", "probabilities"] | None = None,
    labels: bool = True,
    opset: int = 18,
) -> None:
    """Save a model as an ONNX file, which other programs run without cnnx.

    The graph of a model that `cnnx.onnx.load` made, also after training, has the inputs and outputs
    of its file: their names, dtypes, shapes and orders of axes, and the same function of the same
    numbers. That of any other model goes from uint8 pixels by the preprocessing (mean and std) and
    the network to the probabilities of `Model.predict_proba` and the class names of `predict`.
    `input` and `output` choose otherwise for both. Resizing is not part of the graph.

    The input is then named "images". Several inputs have their own names, and those of one pixel
    are float32. The output of a classifier is named "probabilities", (batch, classes), that of a
    model trained with a regression loss "values", any other "output". Several outputs have their
    own names, and are probabilities where `Model.predict_proba` gives these. Images among the
    outputs are (batch, channels, height, width). The size of the batch is free. Dropout is left
    out, batch norms stay. Weights and computations are float32, also those of a model whose
    `compute_dtype` is bfloat16. Preprocessing, class names and `compute_dtype` are in the file's
    metadata, from which `cnnx.onnx.load` restores them.

    Before the file is in place, the graph is imported again and compared with the model. An error
    or an interruption leaves the old file in place.

    Args:
        model: model to save.
        path: file, usually named `*.onnx`.
        input: "uint8" for pixels, (batch, height, width, channels), which the graph preprocesses;
            "float32" for images (batch, channels, height, width) that are preprocessed already,
            which a `cnnx.Warning` tells if mean is not 0 or std not 1; None for the file's own, or
            "uint8".
        output: "raw" for the outputs of the last layer, `model(x)`; "probabilities" for those of
            `Model.predict_proba`; None for the file's own, or for probabilities of one class per
            image and of independent classes and raw outputs of others.
        labels: whether an output named "label", (batch,), has the names of the predicted classes,
            if the model has class names and predicts one class for each image, and not the file's
            own outputs without them.
        opset: version of ONNX's operators, 15 to 23.

    Raises:
        ValueError: if an argument is out of range, output is "probabilities" and the model has
            none, a layer needs a newer opset or has functions of your own, or the file would exceed
            2 GiB.
        OSError: if the file cannot be written, or is an existing one of another kind.

    Example:
        >>> import tempfile, pathlib, cnnx
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "model.onnx"
        ...     cnnx.onnx.save(model, path)
        ...     path.stat().st_size > 1000
        True
    """
    check_model(model, "save")
    file = path_of(path, "save")
    if file.lower().endswith(".cnnx"):
        warn(
            f"save: path is {file!r}, but the file is ONNX; cnnx's own format is written by "
            f"model.save({file!r})"
        )
    refuse_other_kind(file, FileKind.ONNX, "save: path")
    replace(file, model, input=input, output=output, labels=labels, opset=opset)


def replace(
    file: str,
    model: Model,
    *,
    input: str | None,  # noqa: A002
    output: str | None,
    labels: bool,
    opset: int,
) -> FileForm:
    """Do what `save` does, whatever the file held before, and return the inputs and outputs."""
    pixels = None
    if input is not None:
        pixels = one_of(input, ("uint8", "float32"), "save", "input") == "uint8"
    raw = None
    if output is not None:
        raw = one_of(output, ("raw", "probabilities"), "save", "output") == "raw"
    with_labels = boolean(labels, "save", "labels")
    version = integer(opset, "save", "opset")
    if not LEAST_OPSET <= version <= MOST_OPSET:
        raise ValueError(
            f"save: opset is {version}, expected an integer from {LEAST_OPSET} to {MOST_OPSET}"
        )
    form = form_for(model._core, pixels, raw, with_labels)
    graph = graph_of(model._core, form, version)
    check_graph(model._core, graph)
    replace_file(file, encoded(graph, _core.__version__))
    _warn_of_preprocessing(model, form)
    return form


def _warn_of_preprocessing(model: Model, form: FileForm) -> None:
    """Warn of a graph that begins behind a preprocessing that changes numbers."""
    if any(each.divisor is None for each in form.inputs) and model.preprocessing.standardizes:
        warn(
            "save: the graph leaves out the preprocessing by mean and std, expected input='uint8' "
            "unless the program that runs the file computes it"
        )

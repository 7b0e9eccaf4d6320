"""Saving of a model as an ONNX file, checked before it is in place."""

from __future__ import annotations

import os
from typing import Literal

from cnnx import _core
from cnnx.advice import warn
from cnnx.arguments import boolean, integer, one_of, path_of
from cnnx.files.atomic_file import replace_file
from cnnx.files.file_kind import FileKind, refuse_other_kind
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.onnx.export_check import check_graph
from cnnx.onnx.exporting import graph_of
from cnnx.onnx.model_proto import LEAST_OPSET, MOST_OPSET, encoded
from cnnx.spelling import checked_call


@checked_call
def save(
    model: Model,
    path: str | os.PathLike[str],
    *,
    input: Literal["uint8", "float32"] = "uint8",  # noqa: A002
    labels: bool = True,
    opset: int = 18,
) -> None:
    """Save a model as an ONNX file, which other programs run without cnnx.

    The input is named "images". Several inputs have their own names, and those of one pixel are
    float32. The output of a classifier is named "probabilities", (batch, classes), and has the
    softmax or sigmoid of `Model.predict_proba`. That of a model trained with a regression loss is
    named "values", any other "output". Several outputs have their own names, and are probabilities
    where `Model.predict_proba` gives these. Images among the outputs are (batch, channels, height,
    width). The size of the batch is free. Resizing is not part of the graph. Dropout is left out,
    batch norms stay. Weights and computations are float32, also those of a model whose
    `compute_dtype` is bfloat16. Preprocessing, class names and `compute_dtype` are in the file's
    metadata, from which `cnnx.onnx.load` restores them.

    Before the file is in place, the graph is imported again and compared with the model. An error
    or an interruption leaves the old file in place.

    Args:
        model: model to save.
        path: file, usually named `*.onnx`.
        input: "uint8" for pixels, (batch, height, width, channels), which the graph preprocesses;
            "float32" for images (batch, channels, height, width) that are preprocessed already.
        labels: whether an output named "label", (batch,), has the names of the predicted classes,
            if the model has class names and predicts one class for each image.
        opset: version of ONNX's operators, 15 to 23.

    Raises:
        ValueError: if an argument is out of range, a layer needs a newer opset or has functions of
            your own, or the file would exceed 2 GiB.
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
    replace(file, model, input=input, labels=labels, opset=opset)


def replace(file: str, model: Model, *, input: str, labels: bool, opset: int) -> None:  # noqa: A002
    """Do what `save` does, whatever the file held before."""
    pixels = one_of(input, ("uint8", "float32"), "save", "input") == "uint8"
    with_labels = boolean(labels, "save", "labels")
    version = integer(opset, "save", "opset")
    if not LEAST_OPSET <= version <= MOST_OPSET:
        raise ValueError(
            f"save: opset is {version}, expected an integer from {LEAST_OPSET} to {MOST_OPSET}"
        )
    graph = graph_of(model._core, pixels, with_labels, version)
    check_graph(model._core, graph)
    replace_file(file, encoded(graph, _core.__version__))

"""`cnnx.report.write`: measures a model and writes the page about it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from cnnx.arguments import path_of, shown
from cnnx.data.dataset import LabelledImages
from cnnx.evaluation import Evaluation, RegressionEvaluation, SegmentationEvaluation
from cnnx.evaluation.measuring import evaluation_of, refuse_unless_one_class
from cnnx.files.atomic_file import replace_file
from cnnx.files.extensions import refuse_unless_page
from cnnx.files.file_kind import FileKind, refuse_other_kind
from cnnx.model.model import Model
from cnnx.model.model_argument import check_single_model
from cnnx.report.content import Content, report_page
from cnnx.report.environment import environment
from cnnx.report.measured import (
    Measured,
    measured_classes,
    measured_evaluation,
    measured_masks_or_values,
)
from cnnx.spelling import checked_call
from cnnx.training.history import History
from cnnx.training.history_file import read_history
from cnnx.training.labelled_images import measured_images

_Own = TypeVar("_Own", bound=Evaluation | SegmentationEvaluation | RegressionEvaluation)
# Evaluations of models that are no classifiers of images, by their task.
_EVALUATIONS: dict[str, type[SegmentationEvaluation | RegressionEvaluation]] = {
    "segmentation": SegmentationEvaluation,
    "regression": RegressionEvaluation,
}


@checked_call
def write(
    path: str | os.PathLike[str],
    model: Model,
    data: LabelledImages | Evaluation | SegmentationEvaluation | RegressionEvaluation,
    *,
    history: History | str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    title: str = "Report",
) -> None:
    """Write a report on a classifier: one HTML file that needs neither network nor scripts.

    It has the accuracy with its confidence interval, the training curves, the confusion matrix, a
    table of the classes, the images with the largest losses with Grad-CAM beside them, the most
    certain errors, the calibration, the network, the doctor's findings, and the versions and the
    machine.

    Of a model with a class for each position it has the overlap of every class, the confusion
    matrix of the positions, and the images of the lowest pixel accuracy with their masks,
    predictions and wrong pixels. Label 255 is not counted. Of a model of values it has R2 and
    errors, the predictions by target, and the images of the largest errors.

    Args:
        path: HTML file to write; an existing page is replaced, another file is refused.
        model: model that predicts one class per image, or for each position of it, or values.
        data: labelled images, or images with masks or values, in a form that `Trainer.evaluate`
            accepts, (x, y) included, or the model's evaluation.
        history: history of the training, or the CSV file of `cnnx.callbacks.CSVLog`; None leaves
            the curves out.
        settings: settings of the training by name, to list.
        title: title of the page.

    Raises:
        TypeError: if an argument has another type.
        ValueError: if the images do not fit the model, the model predicts several classes at once
            or has several outputs, or `path` has the extension of another format.
        FormatError: if the CSV file is no log of cnnx.
        FloatingPointError: if the model's outputs are not finite.
        OSError: if a file cannot be read or written, or `path` is an existing file of another
            kind.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> history = cnnx.Trainer(model).fit(x, y, epochs=2)
        >>> cnnx.report.write("xo.html", model, (x, y), history=history)  # doctest: +SKIP
    """
    name = path_of(path, "write")
    refuse_other_kind(name, FileKind.PAGE, "write: path")
    refuse_unless_page(name, "write: path")
    check_single_model(model, "write")
    if not isinstance(title, str):
        raise TypeError(f"write: title is {shown(title)}, expected text")
    if settings is not None and not isinstance(settings, Mapping):
        raise TypeError(f"write: settings is {shown(settings)}, expected a mapping of names")
    epochs = _history(history)
    content = Content(
        title=title,
        model=model,
        measured=_measured(model, data),
        environment=environment(),
        history=epochs,
        settings=settings or {},
    )
    write_page(name, content)


def write_page(path: str, content: Content) -> None:
    """Write the page of a report, replacing the file as a whole."""
    replace_file(path, [report_page(content).encode("utf-8", "backslashreplace")])


def _history(given: Any) -> History | None:
    if given is None or isinstance(given, History):
        return given
    if not isinstance(given, (str, os.PathLike)):
        raise TypeError(f"write: history is {shown(given)}, expected a History or a CSV file")
    return read_history(given, "write")


def _measured(model: Model, data: Any) -> Measured:
    """The model measured on `data`, or its evaluation there.

    Raises:
        ValueError: if `data` is an evaluation of other classes, or the model has another task.
    """
    kind = _EVALUATIONS.get(model.task)
    if kind is not None and isinstance(data, kind):
        return measured_evaluation(_of_own_classes(model, data))
    if kind is not None:
        found = measured_images(data, None, None, model, "write: data")
        return measured_masks_or_values(model, found)
    refuse_unless_one_class(model, "write")
    if isinstance(data, Evaluation):
        return measured_classes(model, _of_own_classes(model, data))
    return measured_classes(model, evaluation_of(model, data, None, "write: data"))


def _of_own_classes(model: Model, data: _Own) -> _Own:
    """`data` if it is an evaluation of the model's classes, or of as many values as it has."""
    if isinstance(data, RegressionEvaluation):
        what, given, own = "values", data.targets.shape[1], math.prod(model.output_shape)
    else:
        what, given, own = "classes", len(data.classes), max(2, model.output_shape[-1])
    if given != own:
        raise ValueError(
            f"write: data is an evaluation of {given} {what}, expected the model's {own}"
        )
    if not isinstance(data, RegressionEvaluation):
        _refuse_other_names(data.classes, model.classes or ())
    return data


def _refuse_other_names(given: Sequence[str], own: Sequence[str]) -> None:
    """Refuse names of other classes; an evaluation without names has their numbers."""
    if len(own) != len(given) or [*given] == [str(label) for label in range(len(given))]:
        return
    for name, expected in zip(given, own, strict=True):
        if name != expected:
            raise ValueError(
                f"write: data is an evaluation with the class {shown(name)}, expected the model's "
                f"{shown(expected)} in its place"
            )

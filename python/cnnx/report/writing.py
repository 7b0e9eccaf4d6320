"""`cnnx.report.write`: measures a model and writes the page about it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from cnnx.arguments import path_of, shown
from cnnx.data.atomic_file import replace_file
from cnnx.data.dataset import Dataset, LabelledImages
from cnnx.doctor import Finding, check_data, check_model
from cnnx.doctor.file_checks import check_readable
from cnnx.doctor.finding import by_severity
from cnnx.evaluation import Evaluation
from cnnx.evaluation.measuring import evaluation_of, refuse_unless_one_class
from cnnx.model import model_argument
from cnnx.model.heads import refuse_heads
from cnnx.model.input_parts import refuse_inputs
from cnnx.model.model import Model
from cnnx.report.content import Content, report_page
from cnnx.report.environment import environment
from cnnx.spelling import checked_call
from cnnx.training.history import History
from cnnx.training.history_file import read_history


@checked_call
def write(
    path: str | os.PathLike[str],
    model: Model,
    data: LabelledImages | Evaluation,
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

    Args:
        path: HTML file to write; an existing one is replaced.
        model: model that predicts one class per image.
        data: labelled images in a form that `cnnx.evaluation.evaluate` accepts, (x, y) included,
            or the model's evaluation.
        history: history of the training, or the CSV file of `cnnx.callbacks.CSVLog`; None leaves
            the curves out.
        settings: settings of the training by name, to list.
        title: title of the page.

    Raises:
        TypeError: if an argument has another type.
        ValueError: if the images do not fit the model, or the model is no classifier of one class
            per image.
        FormatError: if the CSV file is no log of cnnx.
        FloatingPointError: if the model's outputs are not finite.
        OSError: if a file cannot be read or written.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> history = cnnx.Trainer(model).fit(x, y, epochs=2)
        >>> cnnx.report.write("xo.html", model, (x, y), history=history)  # doctest: +SKIP
    """
    name = path_of(path, "write")
    model_argument.check_model(model, "write")
    refuse_heads(model._core, "write")
    refuse_inputs(model._core, "write")
    if not isinstance(title, str):
        raise TypeError(f"write: title is {shown(title)}, expected text")
    if settings is not None and not isinstance(settings, Mapping):
        raise TypeError(f"write: settings is {shown(settings)}, expected a mapping of names")
    refuse_unless_one_class(model, "write")
    epochs = _history(history)
    evaluation = _evaluation(model, data)
    content = Content(
        title=title,
        subject=f"{evaluation.accuracy:.2%} of {evaluation.count:,} images are classified "
        "correctly",
        model=model,
        evaluation=evaluation,
        findings=findings_of(model, evaluation),
        environment=environment(),
        history=epochs,
        settings=settings or {},
    )
    write_page(name, content)


def write_page(path: str, content: Content) -> None:
    """Write the page of a report, replacing the file as a whole."""
    replace_file(path, [report_page(content).encode("utf-8", "backslashreplace")])


def findings_of(
    model: Model, evaluation: Evaluation, skipped: Sequence[str] = ()
) -> list[Finding] | None:
    """The doctor's findings on a model and on the images of its evaluation, if it has images.

    Args:
        model: the model.
        evaluation: its evaluation.
        skipped: names of files that could not be read and are not in the evaluation.
    """
    if evaluation.images is None:
        return None
    images, labels = evaluation.images, evaluation.labels
    data = Dataset(images, labels, evaluation.classes, names=evaluation.names or ())
    unreadable = check_readable(dict.fromkeys(skipped, ""))
    return by_severity([*unreadable, *check_data(data), *check_model(model, images, labels)])


def _history(given: Any) -> History | None:
    if given is None or isinstance(given, History):
        return given
    if not isinstance(given, (str, os.PathLike)):
        raise TypeError(f"write: history is {shown(given)}, expected a History or a CSV file")
    return read_history(given, "write")


def _evaluation(model: Model, data: Any) -> Evaluation:
    if isinstance(data, Evaluation):
        classes = max(2, model.output_shape[-1])
        if len(data.classes) != classes:
            raise ValueError(
                f"write: data is an evaluation of {len(data.classes)} classes, expected the "
                f"model's {classes}"
            )
        return data
    return evaluation_of(model, data, None, "write: data")

"""Plots of lines: a training, probabilities against accuracies, rates by threshold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from cnnx.arguments import one_of, shown
from cnnx.evaluation import Evaluation
from cnnx.metric_kinds import VALIDATION, metric_words
from cnnx.plot.axes import FAINT, SERIES, axes_of
from cnnx.spelling import checked_call
from cnnx.training.history import History
from cnnx.training.history_file import read_history

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@checked_call
def history(
    history: History | str | os.PathLike[str], metric: str = "loss", *, ax: Axes | None = None
) -> Axes:
    """Plot a metric by epoch, of the training and the validation set.

    Args:
        history: history of a fit, or the CSV file of `cnnx.callbacks.CSVLog`.
        metric: "loss", "accuracy", "seconds", or one of the validation set alone, such as
            "mean_iou".
        ax: Axes to draw into; None makes a new figure.

    Returns:
        The Axes.

    Raises:
        ImportError: if matplotlib is not installed.
        TypeError: if an argument has another type.
        ValueError: if there is no such metric, or no epoch is finished.
        FormatError: if the file is no log of cnnx.
        OSError: if it cannot be read.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, seed=1)
        >>> history = cnnx.Trainer(cnnx.models.small()).fit(x, y, epochs=2, validation=0.2)
        >>> cnnx.plot.history(history, "accuracy").get_ylabel()  # doctest: +SKIP
        'accuracy'
    """
    if isinstance(history, (str, os.PathLike)):
        history = read_history(history, "history")
    if not isinstance(history, History):
        raise TypeError(f"history: history is {shown(history)}, expected a History or a CSV file")
    if not len(history):
        raise ValueError("history: no epoch is finished, expected at least one")
    values = vars(history)
    one_of(metric, tuple(dict.fromkeys(map(_without_set, values))), "history", "metric")
    ax = axes_of(ax, "history")
    epochs = np.arange(1, len(history) + 1)
    sets = {metric: "training", f"{VALIDATION}{metric}": "validation"}
    for (name, label), colour in zip(sets.items(), SERIES, strict=False):
        if name in values and (name == metric or np.isfinite(values[name]).any()):
            ax.plot(epochs, values[name], marker=".", color=colour, label=label)
    ax.set(xlabel="epoch", ylabel=metric_words(metric))
    ax.locator_params(axis="x", integer=True)
    if metric != "seconds":
        ax.legend()
    return ax


def _without_set(name: str) -> str:
    return name.removeprefix(VALIDATION)


@checked_call
def reliability(evaluation: Evaluation, bins: int = 15, *, ax: Axes | None = None) -> Axes:
    """Plot accuracy by confidence. A calibrated model has every point on the diagonal.

    Args:
        evaluation: predictions for labelled images.
        bins: number of intervals of equal width from 0 to 1.
        ax: Axes to draw into; None makes a new figure.

    Returns:
        The Axes.

    Raises:
        ImportError: if matplotlib is not installed.
        TypeError: if an argument has another type.
        ValueError: if bins is below 1.

    Reference:
        Niculescu-Mizil and Caruana, "Predicting Good Probabilities with Supervised Learning", 2005.

    Example:
        >>> import cnnx
        >>> evaluation = cnnx.evaluation.Evaluation([[0.9, 0.1], [0.4, 0.6]], [0, 0])
        >>> cnnx.plot.reliability(evaluation).get_xlabel()  # doctest: +SKIP
        'confidence'
    """
    found = checked_evaluation(evaluation, "reliability").calibration(bins)
    ax = axes_of(ax, "reliability")
    filled = [each for each in found.bins if each.count]
    ax.plot([0, 1], [0, 1], linestyle="--", color=FAINT, linewidth=1)
    ax.bar(
        [each.lower for each in filled],
        [each.accuracy for each in filled],
        width=1 / len(found.bins),
        align="edge",
        color=SERIES[0],
        alpha=0.25,
        edgecolor="white",
    )
    points = [(each.confidence, each.accuracy) for each in filled]
    ax.plot(*zip(*points, strict=True), marker="o", color=SERIES[0], linestyle="none")
    ax.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    ax.set_title(f"expected calibration error {found.expected_error:.2%}")
    return ax


@checked_call
def threshold_curve(
    evaluation: Evaluation, positive: str | int | None = None, *, ax: Axes | None = None
) -> Axes:
    """Plot precision, recall and F1 of one class by the threshold of its probability.

    Args:
        evaluation: predictions for labelled images.
        positive: name or index of the class; None is the second of two classes.
        ax: Axes to draw into; None makes a new figure.

    Returns:
        The Axes.

    Raises:
        ImportError: if matplotlib is not installed.
        TypeError: if an argument has another type.
        ValueError: if positive is no class, or None with other than two classes.

    Example:
        >>> import cnnx
        >>> evaluation = cnnx.evaluation.Evaluation([0.9, 0.6, 0.2], [1, 0, 0], ["no", "yes"])
        >>> cnnx.plot.threshold_curve(evaluation).get_xlabel()  # doctest: +SKIP
        'threshold for yes'
    """
    curve = checked_evaluation(evaluation, "threshold_curve").threshold_curve(positive)
    ax = axes_of(ax, "threshold_curve")
    columns = (("precision", curve.precision), ("recall", curve.recall), ("F1", curve.f1))
    for (name, values), colour in zip(columns, SERIES, strict=True):
        # The first threshold is infinite.
        ax.plot(curve.thresholds[1:], values[1:], color=colour, label=name)
    best = curve.best_f1
    if np.isfinite(best.threshold):
        ax.axvline(best.threshold, linestyle="--", color=FAINT, linewidth=1)
        ax.set_title(f"best F1 {best.f1:.4f} at {best.threshold:.4f}")
    ax.set(xlabel=f"threshold for {curve.positive}", ylabel="rate", xlim=(0, 1), ylim=(0, 1.02))
    ax.legend()
    return ax


def checked_evaluation(value: object, function: str) -> Evaluation:
    """`value` if it is an evaluation.

    Raises:
        TypeError: if it is something else.
    """
    if not isinstance(value, Evaluation):
        raise TypeError(f"{function}: evaluation is {shown(value)}, expected an Evaluation")
    return value

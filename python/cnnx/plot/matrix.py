"""Plot of a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cnnx.arguments import rectangular_array, shown
from cnnx.drawing.colours import rgb
from cnnx.drawing.confusion_chart import MOST_CELLS
from cnnx.evaluation import Evaluation
from cnnx.plot.axes import SERIES, axes_of
from cnnx.spelling import checked_call

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STRONG = 0.55  # of a colour, from which text is white


@checked_call
def confusion_matrix(
    matrix: Evaluation | ArrayLike,
    classes: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Plot a confusion matrix: true classes as rows, predicted classes as columns.

    Cells have the colours of the fraction of their row, errors in another colour than correct
    predictions. With up to 20 classes they have their counts.

    Args:
        matrix: an evaluation, or counts as `cnnx.metrics.confusion_matrix` returns them.
        classes: names of the classes; None are those of the evaluation, or numbers.
        ax: Axes to draw into; None makes a new figure.

    Shape:
        matrix (classes, classes).

    Returns:
        The Axes.

    Raises:
        ImportError: if matplotlib is not installed.
        TypeError: if an argument has another type.
        ValueError: if the matrix is not square or holds no counts, or there are other names than
            classes.

    Example:
        >>> import cnnx
        >>> cnnx.plot.confusion_matrix([[5, 1], [0, 4]], ["X", "O"])  # doctest: +SKIP
        <Axes: xlabel='predicted', ylabel='true'>
    """
    if classes is not None and (isinstance(classes, str) or not isinstance(classes, Sequence)):
        raise TypeError(f"confusion_matrix: classes is {shown(classes)}, expected names")
    if isinstance(matrix, Evaluation):
        names = list(matrix.classes if classes is None else classes)
        counts = matrix.confusion_matrix
    else:
        counts = rectangular_array(matrix, "confusion_matrix", "matrix")
        if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
            raise ValueError(
                f"confusion_matrix: matrix has shape {counts.shape}, expected (classes, classes)"
            )
        if counts.dtype.kind not in "iu" or counts.min() < 0:
            held = counts.min() if counts.dtype.kind in "iu" else f"{counts.dtype} values"
            raise ValueError(f"confusion_matrix: matrix holds {held}, expected counts")
        names = list(map(str, range(len(counts)) if classes is None else classes))
    if len(names) != len(counts):
        raise ValueError(
            f"confusion_matrix: classes has {len(names)} names, expected one for each of the "
            f"{len(counts)} classes"
        )
    ax = axes_of(ax, "confusion_matrix")
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    correct = np.eye(len(counts), dtype=bool)
    # The root, so that rare errors have a visible colour.
    strength = np.where(correct, fractions, np.sqrt(fractions))
    colours = np.where(correct[..., np.newaxis], rgb(SERIES[0]), rgb(SERIES[1]))
    ax.imshow((255 + (colours - 255) * strength[..., np.newaxis]) / 255, interpolation="nearest")
    ax.set(xlabel="predicted", ylabel="true")
    if len(counts) > MOST_CELLS:
        return ax
    places = range(len(counts))
    ax.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(places, names)
    for row, column in zip(*np.nonzero(counts), strict=True):
        ax.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center",
            color="white" if strength[row, column] > _STRONG else "black",
        )
    return ax

"""Checks of the arrays that an evaluation is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import is_integer, real_array, shown
from cnnx.batch_arguments import class_labels

# Rows of float16 probabilities of many classes add up to 1 within about this.
_SUM_TOLERANCE = 0.01


def checked_probabilities(
    probabilities: ArrayLike, classes: Sequence[str] | int | None
) -> tuple[NDArray[Any], tuple[str, ...], bool]:
    """Probabilities of every class, names of the classes, and whether these were given.

    Raises:
        TypeError: if probabilities are not real or classes are neither names nor a number.
        ValueError: if they do not fit each other or are no probabilities.
    """
    array = real_array(probabilities, "Evaluation", "probabilities")
    names, count = _names_and_count(classes)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            f"Evaluation: probabilities has shape {array.shape}, expected (images, classes)"
        )
    if len(array) == 0:
        raise ValueError("Evaluation: probabilities has no rows, expected at least one image")
    if not ((array >= 0) & (array <= 1)).all():  # NaN is neither
        raise ValueError(
            "Evaluation: probabilities holds NaN or numbers outside 0 to 1, expected probabilities"
        )
    if array.shape[1] == 1 and count != 1:
        array = np.concatenate([1 - array, array], axis=1)
    if count not in (None, array.shape[1]):
        raise ValueError(
            f"Evaluation: probabilities has {array.shape[1]} columns, expected one for each of the "
            f"{count} classes"
        )
    wrong = np.flatnonzero(np.abs(array.sum(axis=1, dtype=np.float64) - 1) > _SUM_TOLERANCE)
    if wrong.size:
        raise ValueError(
            f"Evaluation: row {wrong[0]} of probabilities adds up to "
            f"{array[wrong[0]].sum(dtype=np.float64):.4g}, expected 1: one class per image"
        )
    return array, names or tuple(map(str, range(array.shape[1]))), bool(names)


def checked_labels(
    labels: ArrayLike, count: int, classes: tuple[str, ...], has_names: bool
) -> NDArray[np.int64]:
    """Labels as indices of classes.

    Raises:
        TypeError: if they are neither integers nor names.
        ValueError: if there are not `count`, or one is no class.
    """
    names = classes if has_names else ()
    return class_labels(labels, count, names, len(classes), "Evaluation: labels")


def checked_images(images: ArrayLike, count: int) -> NDArray[Any]:
    """Images as an array (images, height, width, channels), integers as uint8.

    Raises:
        TypeError: if they are not real numbers.
        ValueError: if they have another number of axes, there are not `count`, or integers are not
            pixels from 0 to 255.
    """
    array = real_array(images, "Evaluation", "images")
    if array.ndim != 4 or len(array) != count:
        raise ValueError(
            f"Evaluation: images has shape {array.shape}, expected one per image, "
            f"({count}, height, width, channels)"
        )
    if array.dtype.kind not in "iu" or array.dtype == np.uint8:
        return array
    if array.size and (array.min() < 0 or array.max() > 255):
        raise ValueError(
            f"Evaluation: images holds integers from {array.min()} to {array.max()}, expected "
            "pixels from 0 to 255"
        )
    return array.astype(np.uint8)


def checked_losses(
    losses: ArrayLike | None, probabilities: NDArray[Any], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Losses of the images: those that are given, or those of the probabilities.

    Raises:
        TypeError: if they are not real.
        ValueError: if there is not one finite number >= 0 per image.
    """
    if losses is None:
        least = np.finfo(probabilities.dtype).eps
        own = np.take_along_axis(probabilities, labels[:, np.newaxis], axis=1)[:, 0]
        return -np.log(np.clip(own.astype(np.float64), least, 1))
    array = real_array(losses, "Evaluation", "losses").astype(np.float64)
    if array.shape != labels.shape:
        raise ValueError(
            f"Evaluation: losses has shape {array.shape}, expected one per image, {labels.shape}"
        )
    if not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(
            "Evaluation: losses holds negative or infinite numbers or NaN, expected numbers >= 0"
        )
    return array


def _names_and_count(
    classes: Sequence[str] | int | None,
) -> tuple[tuple[str, ...], int | None]:
    if classes is None:
        return (), None
    if is_integer(classes):
        return (), int(classes)  # type: ignore[arg-type]
    if isinstance(classes, Sequence) and not isinstance(classes, str) and len(classes):
        names = tuple(map(str, classes))
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(
                f"Evaluation: classes has {shown(twice)} twice, expected a name of its own for "
                "each class"
            )
        return names, len(names)
    raise TypeError(f"Evaluation: classes is {shown(classes)}, expected names or their number")

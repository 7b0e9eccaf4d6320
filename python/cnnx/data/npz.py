"""Reader of NumPy archives (.npz) of images and labels."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cnnx._core import FormatError
from cnnx.data.arrays import ArraySet
from cnnx.data.dataset import Classes, Labels, Pixels

# Spellings of the training and the test set's arrays; the second pair is Keras's.
_TRAIN = (("x", "y"), ("x_train", "y_train"))
_TEST = (("x_test", "y_test"),)


def npz_sets(path: str | os.PathLike[str], classes: Classes | None = None) -> list[ArraySet]:
    """Image sets of an archive, the training set first.

    Args:
        path: archive of `x`, uint8 images (count, height, width) or (count, height, width,
            channels), and `y`, one integer label each; or of `x_train`, `y_train` and optionally
            `x_test`, `y_test`; optionally with `classes`, the class names.
        classes: class names in the order of the labels, or their number, if a model fixes them.

    Raises:
        FormatError: if the archive is damaged, or its arrays are missing or of another kind.
        OSError: if the archive cannot be opened.
    """
    path = Path(path)
    with path.open("rb") as file:  # opened here, because NumPy leaves a damaged file open
        arrays = _arrays(file, path)
    known = _class_names(arrays, path) if classes is None else classes
    train, test = (_pair(arrays, spellings) for spellings in (_TRAIN, _TEST))
    if train is None:
        found = ", ".join(sorted(arrays)) or "nothing"
        raise FormatError(f"{path}: holds {found}, expected the arrays x and y")
    sets: list[ArraySet] = []
    for pair in (train, test):
        if pair is not None:
            x, y = (
                _images(arrays[pair[0]], path, pair[0]),
                _labels(arrays[pair[1]], path, pair[1]),
            )
            # The test set may lack the last classes.
            sets.append(ArraySet(f"{path}:{pair[0]}", x, y, sets[0].classes if sets else known))
    return sets


def _arrays(file: IO[bytes], path: Path) -> dict[str, NDArray[Any]]:
    try:
        archive = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise FormatError("it is a single one")
        with archive:
            members = {name: archive[name] for name in archive.files}
    except MemoryError:
        raise
    except Exception as error:  # NumPy raises many kinds of errors on damaged bytes
        raise FormatError(f"{path}: cannot be read as an archive of arrays ({error})") from error
    return {name: each for name, each in members.items() if isinstance(each, np.ndarray)}


def _pair(
    arrays: Mapping[str, NDArray[Any]], spellings: tuple[tuple[str, str], ...]
) -> tuple[str, str] | None:
    return next((pair for pair in spellings if set(pair) <= set(arrays)), None)


def _images(array: NDArray[Any], path: Path, name: str) -> Pixels:
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or 0 in array.shape:
        raise FormatError(
            f"{path}: {name} is {array.dtype} of shape {array.shape}, expected images: uint8 of "
            "shape (count, height, width) or (count, height, width, channels)"
        )
    if array.ndim == 4 and array.shape[3] not in (1, 3):
        raise FormatError(
            f"{path}: {name} has {array.shape[3]} channels, expected 1 (grey) or 3 (RGB), last"
        )
    return np.ascontiguousarray(array.reshape(*array.shape[:3], -1))


def _labels(array: NDArray[Any], path: Path, name: str) -> Labels:
    labels = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    is_list = labels.dtype.kind in "iu" and labels.ndim == 1 and labels.size > 0
    if not is_list or labels.min() < 0 or labels.max() >= 2**63:
        raise FormatError(
            f"{path}: {name} is {array.dtype} of shape {array.shape}, "
            "expected labels: integers from 0 of shape (count,)"
        )
    return labels.astype(np.int64)


def _class_names(arrays: Mapping[str, NDArray[Any]], path: Path) -> Classes | None:
    if "classes" not in arrays:
        return None
    names = arrays["classes"]
    if names.dtype.kind != "U" or names.ndim != 1:
        raise FormatError(f"{path}: classes is {names.dtype}, expected a list of names")
    return tuple(map(str, names))

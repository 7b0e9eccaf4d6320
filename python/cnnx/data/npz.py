"""Reader of NumPy archives (.npz) of images and labels."""

from __future__ import annotations

import itertools
import os
import textwrap
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnx._core import FormatError
from cnnx.advice import warn
from cnnx.arguments import shown
from cnnx.data.arrays import ArraySet, chosen_classes
from cnnx.data.dataset import Classes, Labels, Masks, Pixels
from cnnx.data.mask_labels import IGNORED
from cnnx.data.memory import check_size
from cnnx.files.regular_file import open_regular

# Spellings of the training and the test set's arrays; the second pair is Keras's.
_TRAIN = (("x", "y"), ("x_train", "y_train"))
_TEST = (("x_test", "y_test"),)
# Expressions that make bytes of images of other types.
_IN_BYTES = {
    "bool": ": {0}.astype(numpy.uint8) * 255",
    "uint16": ": ({0} // 257).astype(numpy.uint8)",
    **dict.fromkeys(
        ("float16", "float32", "float64"),
        "; of floats from 0 to 1: ({0} * 255).round().astype(numpy.uint8)",
    ),
}
_ENDING = ".npy"  # of an array in an archive
_LONGEST_REASON = 200  # characters of another library's message


class LabelledArray(NamedTuple):
    """Images and labels of an archive, as they are stored.

    Attributes:
        names: names of both arrays.
        x: images.
        y: labels.
    """

    names: tuple[str, str]
    x: NDArray[Any]
    y: NDArray[Any]


def npz_sets(
    path: str | os.PathLike[str],
    classes: Classes | None = None,
    memory_limit: int | None = None,
) -> list[ArraySet]:
    """Image sets of an archive, the training set first. Other arrays of the archive are not read.

    Args:
        path: archive of `x`, uint8 images (count, height, width) or (count, height, width,
            channels), and `y`, one integer label each or masks (count, height, width); or of
            `x_train`, `y_train` and optionally `x_test`, `y_test`; optionally with `classes`, the
            class names.
        classes: class names in the order of the labels, or their number, if a model fixes them.
        memory_limit: limit of every array in bytes; None is a quarter of the usable memory.

    Raises:
        FormatError: if the archive is damaged, or its arrays are missing, of another kind or above
            the limit, or its class names are not those of the model.
        OSError: if the archive cannot be opened.
    """
    path = Path(path)
    arrays, own_classes = npz_arrays(path, memory_limit)
    known = chosen_classes(own_classes, classes, str(path))
    sets: list[ArraySet] = []
    for (x_name, y_name), x, y in arrays:
        images, labels = _images(x, path, x_name), _labels(y, path, y_name)
        train = sets[0] if sets else None  # the test set may lack the last classes
        sets.append(ArraySet(f"{path}:{x_name}", images, labels, known, train))
    return sets


def npz_arrays(
    path: Path, memory_limit: int | None = None
) -> tuple[list[LabelledArray], Classes | None]:
    """Arrays of an archive without checks of their kinds, the training set first; class names.

    Raises:
        FormatError: if the archive is damaged, or its arrays are missing or above the limit.
        OSError: if the archive cannot be opened.
    """
    with open_regular(path) as file, _opened(file, path) as archive:
        names = _array_names(archive)
        pairs = [_pair(names, spellings) for spellings in (_TRAIN, _TEST)]
        if pairs[0] is None:
            found = ", ".join(sorted(names)) or "nothing"
            raise FormatError(f"{path}: holds {found}, expected the arrays x and y")
        _warn_of_unread(names - {"classes", *itertools.chain(*filter(None, pairs))}, path)
        arrays = [
            LabelledArray(
                pair,
                _array(archive, pair[0], path, memory_limit),
                _array(archive, pair[1], path, memory_limit),
            )
            for pair in pairs
            if pair is not None
        ]
        classes = None
        if "classes" in names:
            classes = _class_names(_array(archive, "classes", path, memory_limit), path)
    return arrays, classes


def _warn_of_unread(names: set[str], path: Path) -> None:
    """Warn of arrays that look like another set."""
    found = sorted(name for name in names if name.lower().startswith(("x_", "y_")))
    if found:
        warn(
            f"{path}: does not use {', '.join(found)}, expected x_train, y_train, x_test and "
            "y_test; fit(validation=(x, y)) takes images for validation"
        )


@contextmanager
def _opened(file: IO[bytes], path: Path) -> Iterator[np.lib.npyio.NpzFile]:
    """The archive in an open file; NumPy would leave a damaged file open."""
    with _damage_is_named(path):
        archive = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise FormatError("it is a single one")
    with archive:
        yield archive


def _array_names(archive: np.lib.npyio.NpzFile) -> set[str]:
    """Names of the arrays; other files of the archive are ignored."""
    assert archive.zip is not None  # it is until it is closed
    members = archive.zip.namelist()
    return {name.removesuffix(_ENDING) for name in members if name.endswith(_ENDING)}


def _array(
    archive: np.lib.npyio.NpzFile, name: str, path: Path, memory_limit: int | None
) -> NDArray[Any]:
    assert archive.zip is not None  # it is until it is closed
    with _damage_is_named(path):
        size = archive.zip.getinfo(name + _ENDING).file_size
    check_size(f"{path}: {name}", size, memory_limit)
    with _damage_is_named(path):
        array: NDArray[Any] = archive[name]
        return array


@contextmanager
def _damage_is_named(path: Path) -> Iterator[None]:
    """Turns the many kinds of errors that NumPy raises on damaged bytes into one.

    Raises:
        FormatError: if the archive is damaged.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        # The standard library quotes as many bytes of the file as a damaged length declares.
        reason = textwrap.shorten(str(error), _LONGEST_REASON, placeholder=" ...")
        raise FormatError(f"{path}: cannot be read as an archive of arrays ({reason})") from error


def _pair(names: Set[str], spellings: tuple[tuple[str, str], ...]) -> tuple[str, str] | None:
    return next((pair for pair in spellings if set(pair) <= names), None)


def _images(array: NDArray[Any], path: Path, name: str) -> Pixels:
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or 0 in array.shape:
        raise FormatError(
            f"{path}: {name} is {array.dtype} of shape {array.shape}, expected images: uint8 of "
            "shape (count, height, width) or (count, height, width, channels)"
            f"{_IN_BYTES.get(array.dtype.name, '').format(name)}"
        )
    if array.ndim == 4 and array.shape[3] not in (1, 3):
        if array.shape[1] in (1, 3):
            raise FormatError(
                f"{path}: {name} has shape {array.shape}, channels first, expected (count, height, "
                f"width, channels): {name}.transpose(0, 2, 3, 1)"
            )
        raise FormatError(
            f"{path}: {name} has {array.shape[3]} channels, expected 1 (grey) or 3 (RGB), last"
        )
    return np.ascontiguousarray(array.reshape(*array.shape[:3], -1))


def _labels(array: NDArray[Any], path: Path, name: str) -> Labels | Masks:
    if array.ndim == 3 and array.dtype.kind in "biu" and array.size > 0:
        return _masks(array, path, name)
    labels = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if labels.dtype.kind not in "iu" or labels.ndim != 1 or labels.size == 0:
        raise FormatError(
            f"{path}: {name} is {array.dtype} of shape {array.shape}, expected labels: integers "
            f"from 0 of shape (count,), or of (count, height, width){_as_labels(labels, name)}"
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= 2**63))
    if len(wrong):
        raise FormatError(
            f"{path}: {name} has label {labels[wrong[0]]} at position {wrong[0]}, expected labels: "
            "integers from 0"
        )
    return labels.astype(np.int64)


def _as_labels(array: NDArray[Any], name: str) -> str:
    """The expression that makes labels of an array of another kind, after a colon, or nothing."""
    if array.ndim == 2 and array.dtype.kind in "biuf":
        return f"; of one-hot labels: {name}.argmax(axis=1)"
    if array.ndim == 1 and array.dtype.kind in "US":
        return f"; of names: classes, {name} = numpy.unique({name}, return_inverse=True)"
    if array.ndim == 1 and array.dtype.kind in "bf":
        return f": {name}.astype(numpy.int64)"
    return ""


def _masks(array: NDArray[Any], path: Path, name: str) -> Masks:
    if array.dtype != bool:
        wrong = np.argwhere((array < 0) | (array > IGNORED))
        if len(wrong):
            place = tuple(wrong[0].tolist())
            raise FormatError(
                f"{path}: {name} has label {array[place]} at position {place}, expected 0 to "
                f"{IGNORED}, which is no class"
            )
    return array.astype(np.uint8)


def _class_names(names: NDArray[Any], path: Path) -> Classes:
    if names.dtype.kind != "U" or names.ndim != 1:
        raise FormatError(
            f"{path}: classes is {names.dtype} of shape {names.shape}, expected a list of names"
        )
    found = tuple(map(str, names))
    if not found or len(set(found)) < len(found):
        raise FormatError(
            f"{path}: classes is {shown(list(found))}, expected names that differ, one per class"
        )
    return found

"""Reader of CIFAR-10's binary files: records of a label and three planes of 32 x 32 pixels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from cnnx._core import FormatError
from cnnx.data.arrays import ArraySet, chosen_classes
from cnnx.data.dataset import Classes

_SIDE, _CHANNELS, _CLASSES = 32, 3, 10
_RECORD = 1 + _CHANNELS * _SIDE * _SIDE
_NAMES = "batches.meta.txt"
_SUBFOLDER = "cifar-10-batches-bin"  # top folder of the archive


def cifar10_sets(folder: str | os.PathLike[str], classes: Classes | None = None) -> list[ArraySet]:
    """CIFAR-10 sets in a folder, the training set first; empty if it has no such files.

    Args:
        folder: folder of `data_batch_1.bin` to `data_batch_5.bin` and optionally `test_batch.bin`
            and `batches.meta.txt` (class names); or the folder of the unpacked archive.
        classes: class names in the order of the labels, or their number, if a model fixes them.

    Raises:
        FormatError: if the size of a file is not a multiple of a record, a label is above 9, or the
            class names are not those of the model.
    """
    folder = Path(folder)
    if (folder / _SUBFOLDER).is_dir():
        folder = folder / _SUBFOLDER
    train, test = (sorted(folder.glob(name)) for name in ("data_batch_*.bin", "test_batch.bin"))
    if not train:
        return []
    known = chosen_classes(_class_names(folder), classes, str(folder)) or _CLASSES
    return [_read(files, folder, known) for files in (train, test) if files]


def _class_names(folder: Path) -> Classes | None:
    file = folder / _NAMES
    try:
        names = tuple(file.read_text(encoding="utf-8").split()) if file.is_file() else ()
    except UnicodeDecodeError as error:
        raise FormatError(f"{file}: is not UTF-8, expected {_CLASSES} class names") from error
    if names and len(names) != _CLASSES:
        raise FormatError(f"{file}: holds {len(names)} class names, expected {_CLASSES}")
    return names or None


def _read(files: list[Path], folder: Path, classes: Classes) -> ArraySet:
    for file in files:
        size = file.stat().st_size
        if size == 0 or size % _RECORD:
            raise FormatError(
                f"{file}: holds {size} bytes, expected records of {_RECORD}; "
                "it is cut short or damaged, fetch it again"
            )
    records = np.concatenate([np.fromfile(file, np.uint8) for file in files])
    records = records.reshape(-1, _RECORD)
    planes = records[:, 1:].reshape(-1, _CHANNELS, _SIDE, _SIDE)
    x = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
    name = str(folder / ("data_batch_*.bin" if len(files) > 1 else files[0].name))
    return ArraySet(name, x, records[:, 0].astype(np.int64), classes)

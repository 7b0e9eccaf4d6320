"""What a fit trains on, arrays or batches as they come, and what of it is held apart."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx import _core
from cnnx.arguments import FloatArray, shown
from cnnx.data.dataset import Dataset, dataset_arrays
from cnnx.data.source import open_source
from cnnx.data.split import split
from cnnx.model.model import Model
from cnnx.training.iterable_epoch import Changes, EpochRun, batch_epochs
from cnnx.training.run_state import Position, fingerprint
from cnnx.training.targets import Targets

# Images, whether their values are integers to be divided by 255, and targets.
Arrays: TypeAlias = "tuple[NDArray[np.uint8] | FloatArray, bool, Targets]"
# Checks images and targets for the model and the loss; the name begins an error's sentence.
Check: TypeAlias = Callable[[ArrayLike, ArrayLike, str], Arrays]


@dataclass(frozen=True)
class FitData:
    """Checked data.

    Attributes:
        begin: begins the epoch of a number at a position.
        steps: of an epoch; 0 where nobody knows.
        validate: measures loss and accuracy after an epoch; None for nothing held apart.
        fingerprints: what all of it is known by, and what is given apart for validation.
    """

    begin: Callable[[int, Position], EpochRun]
    steps: int
    validate: Callable[[], tuple[float, float]] | None
    fingerprints: list[dict[str, Any] | None]


def own_arrays(x: Any, model: Model) -> tuple[Any, ArrayLike | None, Any]:
    """Images and labels of a path or a Dataset in the model's size, and what it has of its own
    for validation; anything else as it is.

    Raises:
        ValueError: the model's classes are others; OSError if a path cannot be read.
    """
    if isinstance(x, (str, os.PathLike)):
        names = model.classes
        source = open_source(x, None if names is None else tuple(names))
        x = source.load(model.input_shape, model.preprocessing.resize)
    if isinstance(x, Dataset):
        return dataset_arrays(x, model.classes)
    return x, None, None


def fit_data(
    core: _core.Trainer,
    check: Check,
    x: Any,
    y: ArrayLike | None,
    held: Any,
    settings: dict[str, Any],
) -> FitData:
    """Check what `Trainer.fit` was given.

    Args:
        core: what trains on it.
        check: the trainer's.
        x: images, or batches when y is None.
        y: labels or targets.
        held: (x, y) for validation, or None.
        settings: the run's.

    Raises:
        ValueError: if something does not fit; TypeError likewise.
    """
    apart = None if held is None else _held_apart(check, held)
    known = None if apart is None else fingerprint(apart[0], apart[2])
    fraction = settings["validation"] if apart is None else None
    augmentation = settings["augmentation"]
    changes = None if augmentation is None else augmentation.settings
    validate = None if apart is None else (lambda: core.evaluate(*apart, []))
    if y is None:
        if fraction is not None:
            raise ValueError(
                f"fit: validation is {fraction!r}, expected (x, y) with batches as they come"
            )
        begin, steps = _batches(core, check, x, changes, settings)
        return FitData(begin, steps, validate, [None, known])
    arrays = check(x, y, "fit")
    if len(arrays[0]) == 0:
        raise ValueError("fit: x holds no images, expected at least one")
    rows: list[int] = []
    if fraction is not None:
        measured, rows = _split(core, arrays, fraction)
        validate = lambda: core.evaluate(*arrays, measured)  # noqa: E731
    size = settings["batch_size"] or 64
    shuffle = settings["shuffle"] is not False

    def begin_epoch(number: int, position: Position) -> EpochRun:
        return core.begin_epoch(*arrays, rows, size, shuffle, number, changes, position=position)

    steps = -(-len(rows or arrays[0]) // size)
    return FitData(begin_epoch, steps, validate, [fingerprint(arrays[0], arrays[2]), known])


def _batches(
    core: _core.Trainer, check: Check, batches: Any, changes: Changes, settings: dict[str, Any]
) -> tuple[Callable[[int, Position], EpochRun], int]:
    def begin_batch(
        x: Any, y: Any, epoch: int, first: int, changes: Changes
    ) -> tuple[_core.Epoch, int]:
        arrays = check(x, y, "fit")
        count = len(arrays[0])
        size = max(1, count)
        run = core.begin_epoch(*arrays, [], size, False, epoch, changes, first, False)
        return run, count

    return batch_epochs(
        batches,
        settings["epochs"],
        begin_batch,
        changes,
        batch_size=settings["batch_size"],
        shuffle=settings["shuffle"],
    )


def _held_apart(check: Check, held: Any) -> Arrays:
    if len(held) != 2:
        raise TypeError(f"fit: validation is {shown(held)}, expected (x, y) or a fraction")
    arrays = check(held[0], held[1], "fit: validation")
    if len(arrays[0]) == 0:
        raise ValueError("fit: validation holds no images, expected at least one")
    if arrays[0].dtype == np.float32 and not np.isfinite(arrays[0]).all():
        raise ValueError("fit: validation holds NaN or infinity, expected finite images")
    return arrays


def _split(core: _core.Trainer, arrays: Arrays, fraction: float) -> tuple[list[int], list[int]]:
    """The rows that are measured, and those that are trained on."""
    count = len(arrays[0])
    measured: list[int] = []
    rest: list[int] = []
    if 0 < fraction < 1:
        labels = np.asarray(arrays[2], np.int64) if arrays[2].dtype == np.int64 else None
        measured, rest = split(core.split_order(count), fraction, labels)
    if not measured or not rest:
        raise ValueError(
            f"fit: validation is {fraction!r} of {count} images, expected a fraction "
            "between 0 and 1 that leaves images on both sides"
        )
    return measured, rest

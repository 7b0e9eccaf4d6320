"""Inputs of a fit: arrays or an iterable of batches, and the held-out validation set."""

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
from cnnx.training.iterable_epoch import AugmentationSettings, Epoch, batch_epochs
from cnnx.training.run_state import Position, fingerprint
from cnnx.training.targets import Targets

# Images, whether their values are integers to be divided by 255, and targets.
Arrays: TypeAlias = "tuple[NDArray[np.uint8] | FloatArray, bool, Targets]"
# Checks images and targets for the model and the loss; the name begins an error message.
Check: TypeAlias = Callable[[ArrayLike, ArrayLike, str], Arrays]


@dataclass(frozen=True)
class FitData:
    """Checked data of a fit.

    Attributes:
        begin: begins an epoch, given its number and a position.
        steps: steps of an epoch; 0 if unknown.
        validate: measures loss and accuracy after an epoch; None without a validation set.
        fingerprints: fingerprints of the training data and of a separate validation set.
    """

    begin: Callable[[int, Position], Epoch]
    steps: int
    validate: Callable[[], tuple[float, float]] | None
    fingerprints: list[dict[str, Any] | None]


def own_arrays(x: Any, model: Model) -> tuple[Any, ArrayLike | None, Any]:
    """Load images, labels and the validation set of a path or a Dataset in the model's size.

    Anything else is returned unchanged.

    Raises:
        ValueError: if the model's classes differ.
        OSError: if a path cannot be read.
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
    validation: Any,
    settings: dict[str, Any],
) -> FitData:
    """Check the data that `Trainer.fit` received.

    Args:
        core: core of the trainer.
        check: check of the trainer.
        x: images, or batches when y is None.
        y: labels or targets.
        validation: (x, y) of the validation set, or None.
        settings: settings of the run.

    Raises:
        ValueError: if the data do not fit the model, the loss or the settings.
        TypeError: if an argument has another type.
    """
    held_out = None if validation is None else _held_out(check, validation)
    known = None if held_out is None else fingerprint(held_out[0], held_out[2])
    fraction = settings["validation"] if held_out is None else None
    augmentation = settings["augmentation"] and settings["augmentation"].core_settings
    validate = None if held_out is None else (lambda: core.evaluate(*held_out, []))
    if y is None:
        if fraction is not None:
            raise ValueError(
                f"fit: validation is {fraction!r}, expected (x, y) with an iterable of batches"
            )
        begin, steps = _batches(core, check, x, augmentation, settings)
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

    def begin_epoch(number: int, position: Position) -> Epoch:
        options = {"batch_size": size, "shuffle": shuffle, "number": number}
        return core.begin_epoch(*arrays, rows, options, augmentation, position)

    steps = -(-len(rows or arrays[0]) // size)
    return FitData(begin_epoch, steps, validate, [fingerprint(arrays[0], arrays[2]), known])


def _batches(
    core: _core.Trainer,
    check: Check,
    batches: Any,
    augmentation: AugmentationSettings,
    settings: dict[str, Any],
) -> tuple[Callable[[int, Position], Epoch], int]:
    def begin_batch(
        x: Any, y: Any, epoch: int, first: int, augmentation: AugmentationSettings
    ) -> tuple[_core.Epoch, int]:
        arrays = check(x, y, "fit")
        count = len(arrays[0])
        options = {
            "batch_size": max(1, count),
            "shuffle": False,
            "number": epoch,
            "first_image": first,
            "prefetch": False,
        }
        return core.begin_epoch(*arrays, [], options, augmentation), count

    return batch_epochs(
        batches,
        settings["epochs"],
        begin_batch,
        augmentation,
        batch_size=settings["batch_size"],
        shuffle=settings["shuffle"],
    )


def _held_out(check: Check, validation: Any) -> Arrays:
    if len(validation) != 2:
        raise TypeError(f"fit: validation is {shown(validation)}, expected (x, y) or a fraction")
    arrays = check(validation[0], validation[1], "fit: validation")
    if len(arrays[0]) == 0:
        raise ValueError("fit: validation holds no images, expected at least one")
    if arrays[0].dtype == np.float32 and not np.isfinite(arrays[0]).all():
        raise ValueError("fit: validation holds NaN or infinity, expected finite images")
    return arrays


def _split(core: _core.Trainer, arrays: Arrays, fraction: float) -> tuple[list[int], list[int]]:
    """Rows of the validation set, and rows of the training set."""
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

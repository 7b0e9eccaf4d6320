"""Inputs of a fit: arrays or an iterable of batches, and the held-out validation set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.advice import warn
from cnnx.arguments import listed, shown
from cnnx.batch_arguments import refuse_not_finite
from cnnx.data.dataset import Labels
from cnnx.data.image_like import holds_images
from cnnx.data.split import split
from cnnx.distributed.communicator import Communicator
from cnnx.mapping import check_mapping
from cnnx.model.model import Model
from cnnx.training.iterable_epoch import AugmentationSettings, Epoch, batch_epochs
from cnnx.training.labelled_images import (
    LabelledSet,
    refuse_iterator,
    training_images,
    validation_images,
)
from cnnx.training.measurement import Measurement
from cnnx.training.metric_sums import Batch
from cnnx.training.run_state import (
    BATCH_SIZE,
    IN_BATCHES,
    Position,
    Run,
    check_batch_size,
    fingerprint,
)
from cnnx.training.targets import Arrays, Check, check_some_label, check_some_weight

_LABELS_FIRST = 256  # images


@dataclass(frozen=True)
class FitData:
    """Checked data of a fit.

    Attributes:
        begin: begins an epoch, given its number and a position.
        steps: steps of an epoch; 0 if unknown.
        validate: metrics of the validation set by name, after an epoch; None without one.
        fingerprints: fingerprints of the training data and of a separate validation set.
        arrays: training data and separate validation set, by the beginning of their names in
            messages; None for batches or none.
        images: number of images of an epoch; 0 if unknown.
        held_out: rows of the training data that are its validation set.
    """

    begin: Callable[[int, Position], Epoch]
    steps: int
    validate: Callable[[], dict[str, float]] | None
    fingerprints: list[dict[str, Any] | None]
    arrays: dict[str, Arrays | None]
    images: int = 0
    held_out: Sequence[int] = ()


def fit_data(
    core: _core.Trainer,
    check: Check,
    measurement: Callable[[], Measurement],
    images: LabelledSet,
    held_out: LabelledSet | None,
    settings: dict[str, Any],
    classes: Sequence[str] | None,
    ignore_index: int | None,
) -> FitData:
    """Check the data that `Trainer.fit` received.

    Args:
        core: core of the trainer.
        check: check of the trainer.
        measurement: makes a new measurement of the trainer's model.
        images: images to train on.
        held_out: separate validation set, or None.
        settings: settings of the run.
        classes: class names of the model, or None.
        ignore_index: of the loss.

    Raises:
        ValueError: if the data do not fit the model, the loss or the settings.
        TypeError: if an argument has another type.
    """
    validate, known, separate = None, None, None
    if held_out is not None:
        validate, known, separate = _validation(check, measurement, held_out, settings["epochs"])
    fraction = settings["validation"] if held_out is None else None
    augmentation = settings["augmentation"] and settings["augmentation"].core_settings
    if images.y is None:
        if fraction is not None:
            raise ValueError(
                f"fit: validation is {shown(fraction)}, expected (x, y) with an iterable of batches"
            )
        begin, steps = _batches(core, check, images.x, augmentation, settings)
        found = {"": None, "validation ": separate}
        return FitData(begin, steps, validate, [None, known], found)
    arrays = check(images.x, images.y, images.sample_weight, "fit")
    if len(arrays[0]) == 0:
        raise ValueError("fit: x holds no images, expected at least one")
    check_some_label(arrays[2], ignore_index, "fit")
    check_some_weight(arrays[3], "fit")
    rows: list[int] = []
    measured: list[int] = []
    if fraction is not None:
        measured, rows = _split(core, arrays, fraction, classes, ignore_index)
        validate = lambda: measurement().of_arrays(arrays, measured)  # noqa: E731
    size = settings["batch_size"] or BATCH_SIZE
    shuffle = settings["shuffle"] is not False

    def begin_epoch(number: int, position: Position) -> Epoch:
        check_mapping(arrays[0], "fit: x")
        options = {"batch_size": size, "shuffle": shuffle, "number": number}
        return core.begin_epoch(*arrays, rows, options, augmentation, position)

    images_of_epoch = len(rows or arrays[0])
    steps = -(-images_of_epoch // size)
    found = {"": arrays, "validation ": separate}
    fingerprints = [fingerprint(arrays), known]
    return FitData(begin_epoch, steps, validate, fingerprints, found, images_of_epoch, measured)


def images_of_fit(
    x: Any,
    y: ArrayLike | None,
    sample_weight: Any,
    validation: Any,
    run: Run,
    model: Model,
    shards: int,
    communicator: Communicator | None,
) -> tuple[LabelledSet, LabelledSet | None]:
    """Images of a fit, and its validation set if that is not a fraction of them.

    Raises:
        ValueError: also if batches of arrays leave shards without images.
    """
    held_out = validation_images(validation, model, communicator)
    validates = held_out is None and run.settings["validation"] is None
    images, own = training_images(
        x, y, sample_weight, model, validates=validates, communicator=communicator
    )
    if images.y is not None:  # batches of an iterable may have any size
        check_batch_size(run.settings["batch_size"], shards)
    return images, held_out or own


def _batches(
    core: _core.Trainer,
    check: Check,
    batches: Any,
    augmentation: AugmentationSettings,
    settings: dict[str, Any],
) -> tuple[Callable[[int, Position], Epoch], int]:
    def begin_batch(
        batch: Batch, epoch: int, first: int, augmentation: AugmentationSettings
    ) -> tuple[_core.Epoch, int]:
        arrays = check(*batch, "fit")
        count, shape = len(arrays[0]), arrays[0].shape[1:]
        if count == 1 and _is_one_image(batch.x, shape):
            given = (
                "one image"
                if isinstance(batch.x, Mapping)
                else f"one image of shape {np.shape(batch.x)}"
            )
            raise ValueError(
                f"fit: a batch is {given} with its label, expected batches of images, or all "
                "images in one array: fit(x, y, epochs=10)"
            )
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


def _is_one_image(x: Any, shape: tuple[int, ...]) -> bool:
    """Whether images of a batch of one have no batch axis."""
    if isinstance(x, Mapping):  # the shapes of several inputs; one of them is enough
        return any(
            np.ndim(each) == 2 or (np.ndim(each) == 3 and len(each) > 1) for each in x.values()
        )
    return not holds_images(x) and np.shape(x) in (shape, shape[:2])


def warn_of_one_class(data: FitData, classes: Sequence[str] | None, ignored: int | None) -> None:
    """Warn about labels of several images that are all the same."""
    y = None if data.arrays[""] is None else data.arrays[""][2]
    if y is None or y.dtype != np.int64 or len(y) < 2:
        return
    for some in (y[:_LABELS_FIRST], y):  # most sets have two classes among the first labels
        found = some[some != ignored]
        if found.size and found.min() != found.max():
            return
    name = classes[found[0]] if classes else found[0]
    warn(
        f"fit: y has only the class {name}, which the model will always predict, expected at least "
        "two classes: add images of another one"
    )


def _validation(
    check: Check, measurement: Callable[[], Measurement], held_out: LabelledSet, epochs: int
) -> tuple[Callable[[], dict[str, float]], dict[str, Any], Arrays | None]:
    """Function that measures a validation set, the set's fingerprint, and the set in arrays."""
    argument = "fit: validation"
    if held_out.y is None:
        refuse_iterator(held_out.x, epochs, "validation")
        return lambda: measurement().of_batches(held_out.x, argument), IN_BATCHES, None
    arrays = check(held_out.x, held_out.y, held_out.sample_weight, argument)
    if len(arrays[0]) == 0:
        raise ValueError("fit: validation holds no images, expected at least one")
    refuse_not_finite(arrays[0], argument)
    check_some_weight(arrays[3], argument)

    def validate() -> dict[str, float]:
        check_mapping(arrays[0], f"{argument}: x")
        return measurement().of_arrays(arrays)

    return validate, fingerprint(arrays), arrays


def _split(
    core: _core.Trainer,
    arrays: Arrays,
    fraction: float,
    classes: Sequence[str] | None,
    ignore_index: int | None,
) -> tuple[list[int], list[int]]:
    """Rows of the validation set, and rows of the training set."""
    count = len(arrays[0])
    measured: list[int] = []
    rest: list[int] = []
    if 0 < fraction < 1:
        is_by_image = arrays[2].dtype == np.int64 and arrays[2].ndim == 1
        labels = np.asarray(arrays[2], np.int64) if is_by_image else None
        if labels is not None:
            _warn_of_single_images(labels[labels != ignore_index], classes)
        measured, rest = split(core.split_order(count), fraction, labels)
        if labels is not None and count > 1 and not measured:
            raise ValueError(
                f"fit: validation is {shown(fraction)}, but every class has a single image, which "
                "trains, expected more images, or validation=(x, y)"
            )
    if not measured or not rest:
        raise ValueError(
            f"fit: validation is {shown(fraction)} of {count} images, expected a fraction "
            "between 0 and 1 that leaves images on both sides"
        )
    weights = arrays[3]
    if weights is not None and not (weights[measured].any() and weights[rest].any()):
        raise ValueError(
            f"fit: validation is {shown(fraction)} of {count} images, which leaves only zeros of "
            "sample_weight on one side, expected a number above 0 on both"
        )
    return measured, rest


def _warn_of_single_images(labels: Labels, classes: Sequence[str] | None) -> None:
    """Warn about classes of a single image: a split leaves it in the training set."""
    found, counts = np.unique(labels, return_counts=True)
    single = found[counts == 1]
    if len(single) == 0:
        return
    names = [classes[index] if classes else str(index) for index in single.tolist()]
    which = f"class {names[0]} has" if len(single) == 1 else f"classes {listed(names)} have"
    warn(
        f"fit: {which} a single image, which is trained on but not validated; "
        "add images, or pass validation=(x, y)"
    )

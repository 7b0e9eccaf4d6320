"""Run: the settings and the position of one `Trainer.fit`."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from math import inf, isfinite
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from cnnx.arguments import at_least, shown
from cnnx.data.augmentation import Augmentation
from cnnx.training.metadata_checks import MOST, boolean, count, items, members, text
from cnnx.training.targets import Arrays

# Finished steps of an epoch, and the sums of its metrics; empty at the start.
Position: TypeAlias = "tuple[int, Sequence[float]]"
START: Position = (0, ())

# Of `run_settings`.
_SETTINGS = ("epochs", "batch_size", "shuffle", "augmentation", "validation", "checkpoint_every")
_SAMPLED = 64  # images whose bytes enter a fingerprint
_WEIGHTS = "sample_weight"  # checksum of the weights in a fingerprint, if there are any
# Checksum of targets of several numbers for each image, which earlier versions did not write.
_ALL_TARGETS = "all_targets"
BATCH_SIZE = 64  # of a fit that is not told another one
# In place of the fingerprint of a validation set in batches.
IN_BATCHES = {"count": 0, "shape": [], "dtype": "batches", "targets": [], "checksum": 0}


@dataclass
class Run:
    """State of a fit in a checkpoint.

    Attributes:
        settings: requested settings, as returned by `run_settings`.
        data: fingerprints of the training data and the validation data; None for a missing one.
        epoch: current epoch of this fit, from 1; above settings["epochs"] after the last one.
        number: number of the current epoch over all fits of the trainer, from 0.
        position: position in the current epoch.
        steps: steps in the epochs of this fit before the current one.
        stopped: whether the run was stopped before its last epoch.
        callbacks: name and state of each stateful callback at the last save.
    """

    settings: dict[str, Any]
    data: list[dict[str, Any] | None]
    epoch: int
    number: int
    position: Position = START
    steps: int = 0
    stopped: bool = False
    callbacks: list[list[Any]] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether the run has ended."""
        return self.stopped or self.epoch > int(self.settings["epochs"])

    @property
    def has_begun(self) -> bool:
        """Whether a step of the run has been trained."""
        return self.epoch > 1 or self.position[0] > 0

    @property
    def next_number(self) -> int:
        """Number of the first epoch of the next run."""
        return self.number + (self.position[0] > 0)

    def end_epoch(self, steps: int) -> None:
        """Advance to the next epoch after one of `steps` steps."""
        self.steps += steps
        self.epoch, self.number, self.position = self.epoch + 1, self.number + 1, START

    def check_data(self, data: list[dict[str, Any] | None]) -> None:
        """Refuse a data set other than the one that the run was started with.

        Raises:
            ValueError: if a fingerprint differs; the message names the difference.
        """
        for what, given, own in zip(("x", "validation"), data, self.data, strict=True):
            _check_same(what, given, own)

    def plain(self) -> dict[str, Any]:
        """Fields by name, for a checkpoint."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_plain(cls, plain: object) -> Run:
        """Restore a run from the result of `plain` in an untrusted file.

        Raises:
            TypeError: if a setting has another type.
            ValueError: if a field is missing, or a value has another type or is out of range.
        """
        run = cls(**members(plain, "run", [each.name for each in fields(cls)]))
        given = members(run.settings, "run.settings", _SETTINGS)
        if given["shuffle"] is not None:
            boolean(given["shuffle"], "run.settings.shuffle")
        run.settings = run_settings(**given)
        run.epoch = count(run.epoch, "run.epoch", 1, run.settings["epochs"] + 1)
        run.number = count(run.number, "run.number", run.epoch - 1)
        run.steps = count(run.steps, "run.steps")
        run.stopped = boolean(run.stopped, "run.stopped")
        data = items(run.data, "run.data", "two fingerprints")
        if len(data) != 2:
            raise ValueError(f"run.data is {shown(data)}, expected two fingerprints")
        run.data = [_checked(each, f"run.data.{place}") for place, each in enumerate(data)]
        run.position = _position(run.position, of_batches=run.data[0] is None)
        run.callbacks = [
            _callback(each, f"run.callbacks.{place}")
            for place, each in enumerate(items(run.callbacks, "run.callbacks", "a list of states"))
        ]
        return run


def _position(value: object, of_batches: bool) -> Position:
    """A position in an epoch of arrays, or of an iterable of batches."""
    name = "run.position"
    # Sums of losses, their weights, correct predictions, row weights if images have weights, and of
    # batches the images, in this order.
    least_sums = 4 if of_batches else 3
    expected = (
        f"the steps of an epoch and {least_sums} sums of its metrics, {least_sums + 1} with weights"
    )
    both = items(value, name, expected)
    if len(both) != 2:
        raise ValueError(f"{name} is {shown(value)}, expected {expected}")
    step, found = count(both[0], f"{name}.0"), items(both[1], f"{name}.1", expected)
    if step == 0 and not found:
        return START
    least = int(of_batches and step > 0)  # images; of arrays the count is that of correct ones
    has_weights = len(found) == least_sums + 1
    weighted = 3 if of_batches else 2  # of batches, the accuracies may be NaN
    counted = of_batches or not has_weights  # whether the last sum is a count
    if (
        len(found) not in (least_sums, least_sums + 1)
        or not all(isinstance(each, float) for each in found)
        or not (isfinite(found[0]) and 0 <= found[1] < inf)
        or (has_weights and not all(0 <= each < inf for each in found[weighted:4]))
        or (counted and not (least <= found[-1] <= MOST and found[-1].is_integer()))
    ):
        raise ValueError(f"{name}.1 is {shown(found)}, expected {expected}")
    return step, tuple(found)


def _callback(value: object, name: str) -> list[Any]:
    """Name and state of a callback."""
    both = items(value, name, "a name and a state")
    if len(both) != 2 or not isinstance(both[1], dict):
        raise ValueError(f"{name} is {shown(value)}, expected a name and a state")
    return [text(both[0], f"{name}.0"), both[1]]


def run_settings(
    *,
    epochs: int | None,
    batch_size: int | None,
    shuffle: bool | None,
    augmentation: Augmentation | None,
    validation: object,
    checkpoint_every: int | None,
) -> dict[str, Any]:
    """Check the settings of a new run.

    Returns:
        The settings by name.

    Raises:
        TypeError: if a setting is not of its type.
        ValueError: if a setting is out of range, or epochs is missing.
    """
    if epochs is None:
        raise ValueError(
            "fit: epochs is missing, and there is no unfinished run to resume: fit(x, y, epochs=10)"
        )
    at_least(0, epochs, "fit", "epochs")
    for name, value in (("batch_size", batch_size), ("checkpoint_every", checkpoint_every)):
        if value is not None:
            at_least(1, value, "fit", name)
    if augmentation is not None and not isinstance(augmentation, Augmentation):
        raise TypeError(
            f"fit: augmentation is {shown(augmentation)}, expected a cnnx.data.Augmentation"
        )
    if validation is not None and (
        isinstance(validation, bool) or not isinstance(validation, Real)
    ):
        raise TypeError(
            f"fit: validation is {shown(validation)}, expected (x, y) or a fraction of the images"
        )
    return {
        "epochs": int(epochs),
        "batch_size": None if batch_size is None else int(batch_size),
        "shuffle": shuffle,
        "augmentation": augmentation,
        # A checkpoint holds a double, and a float32 may round to another number of images.
        "validation": validation.item() if isinstance(validation, np.generic) else validation,
        "checkpoint_every": None if checkpoint_every is None else int(checkpoint_every),
    }


def check_batch_size(batch_size: int | None, shards: int) -> None:
    """Refuse batches that leave shards without images.

    Raises:
        ValueError: if a batch has fewer images than shards.
    """
    size = BATCH_SIZE if batch_size is None else batch_size
    if size < shards:
        raise ValueError(
            f"fit: batch_size is {size}, expected at least one image for each of the "
            f"{shards} shards of the trainer"
        )


def continued(run: Run, given: dict[str, Any]) -> Run:
    """The same run, optionally with another `checkpoint_every`.

    Raises:
        ValueError: if any other setting is given.
    """
    for name, value in given.items():
        if value is not None and name not in ("epochs", "checkpoint_every"):
            raise ValueError(
                f"fit: {name} is {shown(value)}, expected none without epochs: a resumed run keeps "
                "the settings it was started with"
            )
    every = given["checkpoint_every"]
    if every is not None:
        run.settings = run_settings(**{**run.settings, "checkpoint_every": every})
    return run


def fingerprint(arrays: Arrays) -> dict[str, Any]:
    """Fingerprint of a data set: shapes, dtype, and a checksum of labels and sampled images.

    Images with masks or values, and those with weights, have a checksum of these, too.
    """
    pixels, _, targets, weights = arrays
    checksum = zlib.crc32(targets.tobytes()) if targets.ndim == 1 else 0
    for row in np.linspace(0, len(pixels) - 1, min(_SAMPLED, len(pixels))).astype(np.int64):
        for array in (pixels, targets):
            checksum = zlib.crc32(array[row].tobytes(), checksum)
    return {
        "count": len(pixels),
        "shape": list(pixels.shape[1:]),
        "dtype": str(pixels.dtype),
        "targets": list(targets.shape),
        "checksum": checksum,
        **({} if targets.ndim == 1 else {_ALL_TARGETS: zlib.crc32(targets.tobytes())}),
        **({} if weights is None else {_WEIGHTS: zlib.crc32(weights.tobytes())}),
    }


def _checked(value: object, name: str) -> dict[str, Any] | None:
    """A fingerprint in an untrusted file; older checkpoints have another name for the count."""
    if value is None:
        return None
    if isinstance(value, dict) and value:
        (_, first), *others = value.items()
        value = {"count": first, **dict(others)}
    keys = value if isinstance(value, dict) else {}
    further = [each for each in (_ALL_TARGETS, _WEIGHTS) if each in keys]
    names = ("count", "shape", "dtype", "targets", "checksum", *further)
    found = dict(members(value, name, names))
    count(found["count"], f"{name}.count")
    text(found["dtype"], f"{name}.dtype")
    for checksum in ("checksum", *further):
        count(found[checksum], f"{name}.{checksum}", 0, 2**32 - 1)
    for shape in ("shape", "targets"):
        for size in items(found[shape], f"{name}.{shape}", "a shape"):
            count(size, f"{name}.{shape}")
    return found


def _form(fingerprint: dict[str, Any] | None) -> str:
    if fingerprint is None:
        return "no arrays"
    return "batches" if fingerprint == IN_BATCHES else "arrays"


def _check_same(what: str, given: dict[str, Any] | None, own: dict[str, Any] | None) -> None:
    if given and own and _ALL_TARGETS not in own:
        given = {name: each for name, each in given.items() if name != _ALL_TARGETS}
    if given == own:
        return
    form, own_form = _form(given), _form(own)
    if given is None or own is None or form != own_form:
        raise ValueError(
            f"fit: {what} holds {form}, expected {own_form}, with which the run was started"
        )
    for name in given:
        if name not in ("checksum", _ALL_TARGETS, _WEIGHTS) and given[name] != own[name]:
            raise ValueError(
                f"fit: {what} is another data set than the run was started with: its {name} is "
                f"{given[name]}, expected {own[name]}"
            )
    weights, own_weights = given.get(_WEIGHTS), own.get(_WEIGHTS)
    if weights is None and own_weights is not None:
        raise ValueError(
            f"fit: {what} has no sample_weight, expected that which the run was started with"
        )
    if weights != own_weights:
        expected = "none, as" if own_weights is None else "the numbers that"
        raise ValueError(
            f"fit: {what} has another sample_weight, expected {expected} the run was started with"
        )
    raise ValueError(
        f"fit: {what} is another data set than the run was started with: of the same shape, but "
        "with other images or labels"
    )

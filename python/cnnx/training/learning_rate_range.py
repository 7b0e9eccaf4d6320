"""Learning rate range test: training of a copy with increasing learning rates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.advice import warn
from cnnx.arguments import at_least, below_one, not_negative, shown
from cnnx.data.dataset import ImageLike, LabelledImages
from cnnx.data.image_like import array_of
from cnnx.spelling import checked_call
from cnnx.training.labelled_images import LabelledSet, training_images
from cnnx.training.metric_sums import Batch, batch_of
from cnnx.training.targets import check_some_weight, row_weights
from cnnx.training.trainer import Trainer

__all__ = ["LearningRateRange", "lr_find"]

# The test ends when the loss exceeds the best one by this factor.
_DIVERGED = 4.0
# The suggestion relative to the rate with the lowest loss, where steps are at their largest.
BELOW_BEST = 0.1


@dataclass(frozen=True)
class LearningRateRange:
    """Result of `lr_find`.

    Attributes:
        rates: learning rates of the test, in ascending order.
        losses: running mean of the batch losses, each measured before the update at its rate.
        suggestion: a tenth of the rate with the lowest loss.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float


@checked_call
def lr_find(
    trainer: Trainer,
    x: ImageLike | LabelledImages,
    y: ArrayLike | None = None,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int | None = None,
    smoothing: float = 0.9,
) -> LearningRateRange:
    """Learning rate range test: one training step per learning rate, from small to large.

    The test trains a copy of the model with the trainer's optimizer, loss, rules and clipping but
    without its schedule. The trainer and its model are unchanged. The test ends early when the
    loss diverges. A plot of the losses over the rates on a logarithmic axis is more informative
    than the suggestion. A good rate is on the falling part, well below the point where the losses
    begin to rise.

    Args:
        trainer: trainer to find a learning rate for.
        x: images, or images with labels in any form that `Trainer.fit` accepts.
        y: labels or targets, one per image.
        lowest: first learning rate.
        highest: last learning rate; the rates between form a geometric sequence.
        steps: number of learning rates.
        batch_size: images per step, 64 when None, taken cyclically in an order that depends on the
            trainer's seed. Not for an iterable of batches, which are taken cyclically themselves.
        smoothing: decay of the running mean of the losses, in [0, 1).

    Returns:
        The rates, the losses and a suggested rate.

    Raises:
        TypeError: if an argument is not of its type.
        ValueError: if a setting is out of range, images and targets do not fit, or the loss
            never falls.
        OSError: if a path cannot be read.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, seed=1)
        >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
        >>> found = cnnx.lr_find(trainer, x, y, steps=40)
        >>> 1e-6 < found.suggestion < 1
        True

    References:
        Smith: Cyclical learning rates for training neural networks, 2017.
    """
    if not isinstance(trainer, Trainer):
        raise TypeError(f"lr_find: trainer is {shown(trainer)}, expected a cnnx.Trainer")
    for name, value in (("lowest", lowest), ("highest", highest)):
        if not_negative(value, "lr_find", name) == 0:
            raise ValueError(f"lr_find: {name} is {shown(value)}, expected a number > 0")
    if not lowest < highest:
        raise ValueError(
            f"lr_find: lowest is {shown(lowest)}, expected less than highest, {highest!r}"
        )
    at_least(10, steps, "lr_find", "steps")
    keep = below_one(smoothing, "lr_find", "smoothing")

    copy = trainer._copy()
    data, _ = training_images(x, y, None, trainer.model, caller="lr_find")
    batches = _batches(data, copy, batch_size)
    rates: list[float] = []
    losses: list[float] = []
    mean, remembered = 0.0, 1.0
    for step in range(int(steps)):
        # Round to four digits, because the last bit of a power differs between machines.
        rate = float(f"{lowest * (highest / lowest) ** (step / (steps - 1)):.4g}")
        copy.learning_rate = rate
        try:
            batch = next(batches)
            loss = copy.step(batch.x, batch.y, sample_weight=batch.sample_weight)
        except FloatingPointError as error:
            if not losses:
                raise ValueError(
                    f"lr_find: the first loss is not finite, before any step: {error}"
                ) from error
            break
        # Correct the bias of a running mean that starts at zero.
        mean = keep * mean + (1 - keep) * loss
        remembered *= keep
        smooth = mean / (1 - remembered)
        if smooth > _DIVERGED * min([smooth, *losses]):
            break
        rates.append(rate)
        losses.append(smooth)
    best = losses.index(min(losses)) if losses else 0
    if best == 0:
        raise ValueError(
            f"lr_find: the loss did not fall between the rates {lowest:g} and "
            f"{rates[-1] if rates else lowest:g}, expected a lower lowest or a higher highest"
        )
    suggestion = BELOW_BEST * rates[best]
    if suggestion < lowest:
        warn(
            f"lr_find: the suggestion {suggestion:.2g} is below lowest, {lowest:g}, so its loss "
            f"was not measured, expected a lower one: lr_find(..., lowest={suggestion / 10:.1g})"
        )
    return LearningRateRange(tuple(rates), tuple(losses), suggestion)


def _batches(data: LabelledSet, copy: Trainer, size: int | None) -> Iterator[Batch]:
    """Batches of the images, again and again."""
    if size is not None:
        at_least(1, size, "lr_find", "batch_size")
    if data.y is None:
        if size is not None:
            raise ValueError(
                f"lr_find: batch_size is {size}, expected none with an iterable of batches"
            )
        return _repeated(data.x)
    x = data.x
    if not isinstance(x, Mapping):  # lists of files and of images of Pillow, too
        model = copy.model
        x = array_of(x, model.input_shape, model.preprocessing.resize, "lr_find")
    images, targets = _arrays(x, "x"), _arrays(data.y, "y")
    lengths = {len(each) for arrays in (images, targets) for each in arrays.values()}
    if len(lengths) > 1 or 0 in lengths:
        numbers = [len(next(iter(arrays.values()))) for arrays in (images, targets)]
        raise ValueError(
            f"lr_find: there are {numbers[0]} images and {numbers[1]} targets, expected equal "
            "numbers, at least one"
        )
    (length,) = lengths
    copy._targets(data.y, length, "lr_find")  # a batch's errors would name other positions
    weights = row_weights(data.sample_weight, length, "lr_find")
    check_some_weight(weights, "lr_find")
    order = np.array(copy._core.split_order(length))
    return _cut(Batch(images, targets, weights), order, size or 64)


def _arrays(given: Any, argument: str) -> dict[str, NDArray[Any]]:
    """Arrays by the names of inputs or outputs; a single one has no name."""
    arrays = given if isinstance(given, Mapping) and given else {"": given}
    for name, each in arrays.items():
        if np.ndim(each) == 0:
            what = f"{argument}[{name!r}]" if name else argument
            raise TypeError(f"lr_find: {what} is {shown(each)}, expected an array")
    return {name: np.asarray(each) for name, each in arrays.items()}


def _rows_of(arrays: Mapping[str, NDArray[Any]], rows: NDArray[Any]) -> Any:
    found = {name: each[rows] for name, each in arrays.items()}
    return found.get("", found)


def _cut(data: Batch, order: NDArray[Any], size: int) -> Iterator[Batch]:
    for start in count(0, size):
        rows = order[np.arange(start, start + min(size, len(order))) % len(order)]
        weights = None if data.sample_weight is None else data.sample_weight[rows]
        yield Batch(_rows_of(data.x, rows), _rows_of(data.y, rows), weights)


def _repeated(batches: Iterable[Any]) -> Iterator[Batch]:
    while True:
        is_empty = True
        for batch in batches:
            is_empty = False
            yield batch_of(batch, "lr_find")
        if is_empty:
            raise ValueError(
                "lr_find: x has run out of batches (x, y), expected an iterable that starts again, "
                "such as a list or a DataLoader"
            )

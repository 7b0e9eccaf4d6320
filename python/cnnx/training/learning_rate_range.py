"""The learning rate range test: train a copy with ever larger steps, and see where it learns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cnnx.arguments import below_one, is_integer, not_negative, shown
from cnnx.training.trainer import Trainer

__all__ = ["LearningRateRange", "lr_find"]

# A loss of so many times the best one will not come back.
_DIVERGED = 4.0
# Where the loss is lowest the steps already are as large as they can be.
_BELOW_BEST = 0.1


@dataclass(frozen=True)
class LearningRateRange:
    """What `lr_find` measured.

    Attributes:
        rates: the learning rates tried, rising.
        losses: the running mean of the batches' losses, each before the update at its rate.
        suggestion: a tenth of the rate at which the losses are lowest.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float


def lr_find(
    trainer: Trainer,
    x: ArrayLike,
    y: ArrayLike,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int = 64,
    smoothing: float = 0.9,
) -> LearningRateRange:
    """Try learning rates from small to large, one step each, to find one to train with.

    A copy of the model is trained, with the trainer's optimizer, loss, rules and clipping but
    without its schedule; the trainer and its model stay as they are. The test ends early when the
    loss explodes. A plot of the losses over the rates, on a logarithmic axis, shows more than the
    suggestion: a good rate lies where they fall, well below where they begin to rise.

    Args:
        trainer: whose learning rate is wanted.
        x: images, as for `Trainer.fit`.
        y: labels or targets, one per image.
        lowest: the first rate.
        highest: the last rate; between them each is a constant factor larger than the one before.
        steps: how many rates.
        batch_size: images per step; they are taken in an order that depends on the trainer's
            seed, again and again.
        smoothing: how much of the running mean of the losses stays from step to step, in [0, 1).

    Raises:
        TypeError: if an argument is not of its type.
        ValueError: if a setting is out of range, images and targets do not fit, or the loss
            never falls.

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
            raise ValueError(f"lr_find: {name} is {value!r}, expected a number > 0")
    if not lowest < highest:
        raise ValueError(f"lr_find: lowest is {lowest!r}, expected less than highest, {highest!r}")
    if not is_integer(steps) or steps < 10:
        raise ValueError(f"lr_find: steps is {steps!r}, expected an integer >= 10")
    if not is_integer(batch_size) or batch_size < 1:
        raise ValueError(f"lr_find: batch_size is {batch_size!r}, expected an integer >= 1")
    keep = below_one(smoothing, "lr_find", "smoothing")

    copy = trainer._copy()
    images, targets = np.asarray(x), np.asarray(y)
    for argument, given in (("x", x), ("y", y)):
        if np.ndim(given) == 0:
            raise TypeError(f"lr_find: {argument} is {shown(given)}, expected an array")
    if len(images) == 0 or len(images) != len(targets):
        raise ValueError(
            f"lr_find: there are {len(images)} images and {len(targets)} targets, "
            "expected as many of both, at least one"
        )
    order = np.array(copy._core.split_order(len(images)))
    rates: list[float] = []
    losses: list[float] = []
    mean, remembered = 0.0, 1.0
    for step in range(int(steps)):
        # Four digits, so that a power's last bit, which differs between machines, does not matter.
        rate = float(f"{lowest * (highest / lowest) ** (step / (steps - 1)):.4g}")
        start = step * batch_size
        batch = order[np.arange(start, start + min(batch_size, len(order))) % len(order)]
        copy.learning_rate = rate
        loss = copy.step(images[batch], targets[batch])
        # A running mean that begins at zero is too small by what it has not seen yet.
        mean = keep * mean + (1 - keep) * loss
        remembered *= keep
        smooth = mean / (1 - remembered)
        if not math.isfinite(smooth) or smooth > _DIVERGED * min([smooth, *losses]):
            break
        rates.append(rate)
        losses.append(smooth)
    best = losses.index(min(losses)) if losses else 0
    if best == 0:
        raise ValueError(
            f"lr_find: the loss did not fall between the rates {lowest:g} and "
            f"{rates[-1] if rates else lowest:g}, expected a lower lowest or a higher highest"
        )
    return LearningRateRange(tuple(rates), tuple(losses), _BELOW_BEST * rates[best])

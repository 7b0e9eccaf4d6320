"""The doctor's examination of a training, on copies of the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import at_least, check_function_of, real_array, rectangular_array
from cnnx.doctor.finding import Finding, by_severity
from cnnx.doctor.sample import spread
from cnnx.model.model import Model
from cnnx.model.model_argument import check_single_model
from cnnx.spelling import checked_call
from cnnx.training.config import is_frozen
from cnnx.training.learning_rate_range import BELOW_BEST, lr_find
from cnnx.training.loss import Loss
from cnnx.training.losses import BinaryCrossEntropy, CrossEntropy
from cnnx.training.optimizers import Adam
from cnnx.training.trainer import Trainer

_BATCH = 32
_RANGE_IMAGES, _RANGE_STEPS = 1024, 60  # of the search for a learning rate
# Attempts to learn a batch by heart: learning rates of Adam, and steps. The first is the usual one.
# Deep networks without norms need the last.
_ATTEMPTS = ((1e-3, 100), (1e-2, 100), (3e-4, 300))
_ALL_STEPS = sum(steps for _, steps in _ATTEMPTS)
_HIGHEST_RATE = 0.1  # that Adam can train with
_FALLEN = 0.95  # of the first loss of the search for a learning rate
# Of the loss before the first step, or of equal probabilities.
_LEARNED, _HARDLY_LEARNED = 0.1, 0.5
# Of the loss of equal probabilities, which outputs near 0 have.
_FIRST_LOSS_AT_MOST = 2.0

Report = Callable[[int, int], object]


@checked_call
def check_training(
    model: Model,
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: Loss = CrossEntropy(),
    seed: int = 0,
    progress: Report | None = None,
) -> list[Finding]:
    """Find out whether a model can be trained on images, in some seconds and on copies of it.

    The first loss of a classifier is compared with that of equal probabilities, log(classes). Every
    trainable layer must have a gradient. A batch of 32 images must be learned by heart: its loss
    falls to a tenth within a few hundred steps, unless the images, the labels or the network are at
    fault. `cnnx.lr_find` suggests a learning rate for `Adam`.

    Args:
        model: untrained or trained model. It is not changed.
        x: images, an array as for `Trainer.fit`.
        y: labels or targets, one per image.
        loss: loss to train with.
        seed: seed of the order of the images and of dropout.
        progress: called with the numbers of finished and of all steps.

    Returns:
        The findings, errors first. The suggested learning rate is a note.

    Raises:
        TypeError: if an argument is not of its type.
        ValueError: if the images or labels do not fit the model, or the loss its outputs.

    Reference:
        Karpathy: A recipe for training neural networks, 2019.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(256, seed=1)
        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> [finding.check for finding in cnnx.doctor.check_training(model, x, y)]
        ['learning-rate']
    """
    check_single_model(model, "check_training")
    at_least(0, seed, "check_training", "seed")
    check_function_of(progress, "check_training", "progress", 2, "two numbers of steps")
    images = real_array(x, "check_training", "x")
    targets = rectangular_array(y, "check_training", "y")
    if images.ndim < 3 or targets.ndim < 1 or len(images) != len(targets) or not len(images):
        raise ValueError(
            f"check_training: x has shape {images.shape} and y {targets.shape}, expected images "
            "and as many targets, at least one"
        )
    checks = _TrainingChecks(model, images, targets, loss, seed, progress)
    return by_severity(checks.findings())


class _TrainingChecks:
    """The checks, which share their arguments. Each trains copies of the model."""

    def __init__(
        self,
        model: Model,
        x: NDArray[Any],
        y: NDArray[Any],
        loss: Loss,
        seed: int,
        progress: Report | None,
    ) -> None:
        self._model, self._x, self._y = model, x, y
        self._loss, self._seed, self._progress = loss, seed, progress
        rows = spread(len(x), _BATCH)
        self._batch = x[rows], y[rows]

    def findings(self) -> Iterator[Finding]:
        """The findings. Later checks are left out if an earlier one would explain theirs."""
        if is_frozen(self._model):
            yield Finding(
                "error",
                "frozen-model",
                "no layer is trainable",
                len(self._model.layers),
                advice='call model.unfreeze("*")',
            )
            return
        trainer = self._trainer()
        first = trainer.compute_gradients(*self._batch)
        if not math.isfinite(first):
            yield Finding(
                "error",
                "first-loss",
                f"the loss before the first step is {first}",
                1,
                advice="find the layer with check_model, or scale the images to 0 to 1",
            )
            return
        yield from self._first_loss(first)
        yield from self._gradients(trainer)
        yield from self._one_batch(first)
        yield from self._learning_rate()
        self._report(_ALL_STEPS)

    def _trainer(self, rate: float = _ATTEMPTS[0][0]) -> Trainer:
        return Trainer(self._model.clone(), optimizer=Adam(rate), loss=self._loss, seed=self._seed)

    def _loss_of_equal_probabilities(self) -> float | None:
        if isinstance(self._loss, CrossEntropy):
            return math.log(self._model.output_shape[0])
        return math.log(2) if isinstance(self._loss, BinaryCrossEntropy) else None

    def _first_loss(self, first: float) -> Iterator[Finding]:
        expected = self._loss_of_equal_probabilities()
        if expected is not None and first > _FIRST_LOSS_AT_MOST * expected:
            yield Finding(
                "warning",
                "first-loss",
                f"the loss before the first step is {first:.3g}, expected about {expected:.3g}, "
                "that of equal probabilities",
                1,
                advice="initialise the last layer with smaller weights, or normalise the images; "
                "of a trained model, compare the order of the classes",
            )

    def _gradients(self, trainer: Trainer) -> Iterator[Finding]:
        trainable = {each.name for each in self._model.layers if each.trainable}
        names, start = [], 0
        for name, values in self._model.parameters.items():
            end = start + values.size
            if name.rpartition(".")[0] in trainable and not trainer.gradients[start:end].any():
                names.append(name)
            start = end
        if names:
            yield Finding(
                "warning",
                "no-gradient",
                "parameters have a gradient of 0 for a whole batch"
                if len(names) > 1
                else "a parameter has a gradient of 0 for a whole batch",
                len(names),
                tuple(names),
                "look for dead channels after them with check_model",
            )

    def _one_batch(self, first: float) -> Iterator[Finding]:
        start = self._loss_of_equal_probabilities() or first
        least, done = math.inf, 0
        for rate, steps in _ATTEMPTS:
            trainer = self._trainer(rate)
            for step in range(steps):
                try:
                    least = min(least, trainer.step(*self._batch))
                except FloatingPointError:
                    break
                self._report(done + step + 1)
                if least <= _LEARNED * start:
                    return
            done += steps
        yield Finding(
            "error" if least > _HARDLY_LEARNED * start else "warning",
            "one-batch",
            f"{len(self._batch[0])} images are not learned by heart: their loss falls to "
            f"{least:.3g} with the best of {len(_ATTEMPTS)} learning rates, expected "
            f"{_LEARNED * start:.2g}",
            1,
            advice="look for equal images with different labels, constant images, and layers that "
            "pass no gradient",
        )

    def _report(self, done: int) -> None:
        if self._progress is not None:
            self._progress(done, _ALL_STEPS)

    def _learning_rate(self) -> Iterator[Finding]:
        rate = self._suggested_rate()
        if rate > _HIGHEST_RATE:
            yield Finding(
                "warning",
                "learning-rate",
                f"the loss falls at no learning rate up to {_HIGHEST_RATE}",
                1,
                advice="look at the other findings, or use norms or smaller initial weights",
            )
        else:
            yield Finding(
                "note",
                "learning-rate",
                f"suggested learning rate: {rate:.2g}",
                1,
                advice=f"train with cnnx.Adam({rate:.2g}), or --learning-rate {rate:.2g}",
            )

    def _suggested_rate(self) -> float:
        rows = spread(len(self._x), _RANGE_IMAGES)
        images, targets = self._x[rows], self._y[rows]
        batch = min(_BATCH, len(rows))
        try:
            found = lr_find(self._trainer(), images, targets, steps=_RANGE_STEPS, batch_size=batch)
        except ValueError:  # the arguments are checked, so no rate lowers the loss
            return math.inf
        if found.suggestion <= _HIGHEST_RATE:
            return found.suggestion
        # The loss falls up to a rate above those of Adam: only the part before it counts.
        pairs = zip(found.rates, found.losses, strict=True)
        losses = [loss for rate, loss in pairs if rate <= _HIGHEST_RATE]
        best = losses.index(min(losses))
        fallen = losses[best] < _FALLEN * losses[0]
        return BELOW_BEST * found.rates[best] if fallen else math.inf

"""Trainer: fits a model to pictures and labels, one call of the compiled core per step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx import _core
from cnnx.arguments import (
    FloatArray,
    is_integer,
    not_negative,
    number,
    pictures,
    shown,
)
from cnnx.batch_run import EpochRun, batch_epochs
from cnnx.data.augmentation import Augmentation
from cnnx.data.dataset import Dataset, dataset_arrays
from cnnx.data.split import split
from cnnx.history import History, Progress
from cnnx.losses import CrossEntropy, Loss
from cnnx.model import Model
from cnnx.optimizers import Adam, Optimizer, ParameterRule
from cnnx.profile import LayerTime, Profile
from cnnx.schedules import Schedule, watched_measure
from cnnx.targets import Targets, loss_targets
from cnnx.training_recipe import TrainingRecipe
from cnnx.weight_average import WeightAverage

__all__ = ["Trainer"]

Pixels: TypeAlias = "NDArray[np.uint8] | FloatArray"


class Trainer:
    """Trains a model, which it shares: what it learns, the model knows at once.

    Args:
        model: what to train.
        optimizer: `SGD`, `Adam`, `AdamW` or `RMSprop`.
        loss: `CrossEntropy`, `BinaryCrossEntropy`, `MSE`, `L1` or `Huber`.
        seed: everything random but the weights: the order of the pictures, the validation split.
        rules: what is different for some parameters, such as no weight decay on biases:
            ``[ParameterRule("*.bias", weight_decay_factor=0)]``.
        clip_norm: the gradients of a step, as one vector, are made no longer than this; None takes
            them as they are.
        averaging: a `WeightAverage` to keep, for `averaged_model`.
        schedule: what multiplies the learning rate in the course of each `fit`, such as
            `CosineDecay`; None leaves it constant.

    Attributes:
        model: the model.
        history: what every finished epoch measured, over all calls of `fit`.

    Raises:
        ValueError: if the loss does not fit the model's outputs; a model that ends in Softmax or
            Sigmoid is refused for the losses that apply it themselves; so is a rule that matches no
            parameter.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(512, seed=1)
        >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
        >>> history = trainer.fit(x, y, epochs=1, validation=0.1)
        >>> len(history.loss), len(history.validation_accuracy)
        (1, 1)

        With all that a recipe of today asks for:

        >>> trainer = cnnx.Trainer(
        ...     cnnx.models.small((32, 32, 1), ["X", "O"]),
        ...     optimizer=cnnx.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        ...     loss=cnnx.CrossEntropy(label_smoothing=0.1),
        ...     rules=[cnnx.ParameterRule("*.bias", weight_decay_factor=0)],
        ...     clip_norm=5.0,
        ...     schedule=cnnx.Warmup(0.5, cnnx.CosineDecay()),
        ...     averaging=cnnx.WeightAverage(0.99),
        ... )
        >>> history = trainer.fit(x, y, epochs=1)
        >>> model = trainer.averaged_model()
    """

    def __init__(
        self,
        model: Model,
        *,
        optimizer: Optimizer = Adam(),
        loss: Loss = CrossEntropy(),
        seed: int = 0,
        rules: Sequence[ParameterRule] = (),
        clip_norm: float | None = None,
        averaging: WeightAverage | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        if not isinstance(model, Model):
            raise TypeError(f"Trainer: model is {shown(model)}, expected a cnnx.Model")
        self.model = model
        self.history = History()
        self._recipe = TrainingRecipe(optimizer, loss, seed, rules, clip_norm, averaging, schedule)
        self._watched = watched_measure(schedule)
        self._scheduled = schedule is not None
        self._epochs_begun = 0
        self._core = self._recipe.core(model)

    def _copy(self) -> Trainer:
        """Trains a copy of the model the same way, but at a constant learning rate."""
        settings = {**vars(self._recipe), "schedule": None, "averaging": None}
        return Trainer(self.model.clone(), **settings)

    @property
    def learning_rate(self) -> float:
        """The optimizer's learning rate; assign a number to go on with another one."""
        return self._core.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._core.learning_rate = not_negative(value, "Trainer", "learning_rate")

    def begin_schedule(self, *, epochs: int, steps_per_epoch: int) -> None:
        """Starts the schedule anew, for a loop of your own around `step`; `fit` does so itself.

        Raises:
            ValueError: if a length is below 1.
        """
        for name, value in (("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
            if not is_integer(value) or value < 1:
                raise ValueError(f"begin_schedule: {name} is {value!r}, expected an integer >= 1")
        self._core.begin_schedule(int(epochs), int(steps_per_epoch))

    def observe(self, measure: float) -> None:
        """Tells a `Plateau` what it watches, after an epoch of your own; `fit` does so itself."""
        self._core.observe(number(measure, "observe", "measure"))

    def averaged_model(self) -> Model:
        """A model of its own with the averaged weights, to evaluate, predict or save.

        Raises:
            ValueError: if the trainer was made without `averaging`.

        Example:
            >>> import cnnx
            >>> x, y = cnnx.data.xo(64, seed=1)
            >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
            >>> trainer = cnnx.Trainer(model, averaging=cnnx.WeightAverage(0.99))
            >>> loss = trainer.step(x, y)
            >>> averaged = trainer.averaged_model()
        """
        return Model._of(self._core.averaged_model())

    @property
    def gradients(self) -> FloatArray:
        """The gradients of all parameters, one contiguous array in the order of `Model.parameters`.

        It is the trainer's own memory: what you write there, `apply_gradients` uses.
        """
        return self._core.gradients

    def step(self, x: ArrayLike, y: ArrayLike) -> float:
        """Trains on one batch of any size; returns its mean loss before the update."""
        pixels, integers, targets = self._batch(x, y, "step")
        return self._core.step(pixels, integers, targets)

    def compute_gradients(
        self, x: ArrayLike, y: ArrayLike, *, divisor: float | None = None
    ) -> float:
        """Overwrites `gradients` with those of this batch and returns its loss, without an update.

        Args:
            x: pictures.
            y: labels or targets.
            divisor: what the sum over the batch's pictures is divided by; their number when None.
                Parts of a batch given the whole batch's size add up to it: `gradients` of 5
                pictures and of 3, both with divisor 8, sum to those of all 8, and so do the losses.
        """
        if divisor is not None and not isinstance(divisor, Real):
            raise TypeError(f"compute_gradients: divisor is {shown(divisor)}, expected a number")
        if divisor is not None and not 0 < divisor < float("inf"):
            raise ValueError(
                f"compute_gradients: divisor is {divisor!r}, expected a finite number above 0"
            )
        pixels, integers, targets = self._batch(x, y, "compute_gradients")
        return self._core.compute_gradients(pixels, integers, targets, divisor or 0.0)

    def apply_gradients(self) -> None:
        """Updates the parameters from `gradients`; with `compute_gradients` the same as `step`."""
        self._core.apply_gradients()

    def start_profile(self) -> None:
        """Measures every step from now on, anew from zero; costs a few microseconds per step."""
        self._core.start_profile()

    def profile(self) -> Profile:
        """Where the time of the steps since `start_profile` went.

        Example:
            >>> import cnnx
            >>> x, y = cnnx.data.xo(64, seed=1)
            >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
            >>> trainer.start_profile()
            >>> loss = trainer.step(x, y)
            >>> profile = trainer.profile()
            >>> profile.steps, profile.layers[0].layers
            (1, ('conv2d_1', 'relu_1', 'max_pool2d_1'))
        """
        steps, seconds, layers, loss, update = self._core.profile()
        times = tuple(LayerTime(tuple(names), *both) for names, *both in layers)
        return Profile(steps, seconds, times, loss, update)

    def fit(
        self,
        x: Any,
        y: ArrayLike | None = None,
        *,
        epochs: int,
        batch_size: int | None = None,
        shuffle: bool | None = None,
        augmentation: Augmentation | None = None,
        validation: tuple[ArrayLike, ArrayLike] | float | None = None,
        progress: Callable[[Progress], object] | None = None,
    ) -> History:
        """Trains for some epochs; called again, it continues.

        Ctrl-C finishes the step, keeps the model and `history`, and raises KeyboardInterrupt.

        Args:
            x: pictures, all of them; uint8 stays uint8 until its batch is trained. Without y a
                `Dataset`, or an iterable that gives batches (x, y) anew for every epoch, such as a
                list or a DataLoader.
            y: labels or targets, one per picture.
            epochs: passes over the pictures.
            batch_size: pictures per step, 64 when None; the last batch of an epoch may be shorter.
                Batches as they come have sizes of their own.
            shuffle: whether every epoch has a new order, True when None; it depends on the
                trainer's seed and the epoch alone. Batches as they come have their own.
            augmentation: random changes of the pictures, new in every epoch; they depend on the
                trainer's seed, the epoch and the picture's place in x alone.
            validation: (x, y) measured after every epoch, or the fraction of the pictures to keep
                apart for it, of each class alike; the split depends on the trainer's seed and the
                labels alone. A Dataset's own when None.
            progress: called with a `Progress` after every step, and once more after an epoch's
                validation.

        Returns:
            `history`, which holds the epochs of earlier calls too.
        """
        if not is_integer(epochs) or epochs < 0:
            raise ValueError(f"fit: epochs is {epochs!r}, expected an integer >= 0")
        if batch_size is not None and (not is_integer(batch_size) or batch_size < 1):
            raise ValueError(f"fit: batch_size is {batch_size!r}, expected an integer >= 1")
        if progress is not None and not callable(progress):
            raise TypeError(f"fit: progress is {shown(progress)}, expected a function")
        if augmentation is not None and not isinstance(augmentation, Augmentation):
            raise TypeError(
                f"fit: augmentation is {shown(augmentation)}, expected a cnnx.data.Augmentation"
            )
        changes = None if augmentation is None else augmentation.settings
        if isinstance(x, Dataset) and y is None:
            x, y, validation = dataset_arrays(x, self.model.classes, validation)
        if y is None:
            begin, steps = batch_epochs(
                x, int(epochs), self._begin_batch, changes, batch_size=batch_size, shuffle=shuffle
            )
            if steps == 0 and self._scheduled:
                raise ValueError(f"fit: x is {shown(x)} without len(), which the schedule needs")
            _, validate = self._validation(validation, None)
        else:
            arrays = self._batch(x, y, "fit")
            if len(arrays[0]) == 0:
                raise ValueError("fit: x holds no pictures, expected at least one")
            rows, validate = self._validation(validation, arrays)
            size = 64 if batch_size is None else int(batch_size)
            steps = -(-len(rows or arrays[0]) // size)
            ordered = shuffle is not None and not shuffle

            def begin(epoch: int) -> EpochRun:
                return self._core.begin_epoch(*arrays, rows, size, not ordered, epoch, changes)

        if epochs > 0:
            self._core.begin_schedule(int(epochs), max(1, steps))
        for epoch in range(1, int(epochs) + 1):
            begun = time.perf_counter()
            run = begin(self._epochs_begun)
            self._epochs_begun += 1
            while run.advance():
                if progress is not None:
                    progress(self._progress(run, epoch, int(epochs)))
            self.history.add(run.metrics, validate(), time.perf_counter() - begun)
            if self._watched is not None:
                self._core.observe(self.history.last()[self._watched])
            if progress is not None:
                progress(self._progress(run, epoch, int(epochs), self.history.last()))
        return self.history

    def _begin_batch(
        self, x: ArrayLike, y: ArrayLike, epoch: int, first: int, changes: dict[str, Any] | None
    ) -> tuple[_core.Epoch, int]:
        """An epoch of one batch whose first picture is number `first`, and its pictures' number."""
        arrays = self._batch(x, y, "fit")
        count = len(arrays[0])
        size = max(1, count)
        return self._core.begin_epoch(*arrays, [], size, False, epoch, changes, first, False), count

    def _progress(
        self, run: EpochRun, epoch: int, epochs: int, finished: dict[str, float] | None = None
    ) -> Progress:
        rate = self._core.last_learning_rate
        return Progress(epoch, epochs, run.step, run.steps, run.metrics[0], rate, finished)

    def evaluate(self, x: ArrayLike, y: ArrayLike, *, averaged: bool = False) -> dict[str, float]:
        """Mean loss and accuracy over pictures, {"loss": ..., "accuracy": ...}; changes nothing.

        With `averaged` they are those of the averaged weights, for a trainer made with `averaging`.
        """
        pixels, integers, targets = self._batch(x, y, "evaluate")
        if len(pixels) == 0:
            raise ValueError("evaluate: x holds no pictures, expected at least one")
        loss, accuracy = self._core.evaluate(pixels, integers, targets, [], bool(averaged))
        return {"loss": loss, "accuracy": accuracy}

    def _batch(self, x: ArrayLike, y: ArrayLike, function: str) -> tuple[Pixels, bool, Targets]:
        pixels, integers, single = pictures(x, self.model.input_shape, function)
        shape = self.model.output_shape
        if single and np.ndim(y) == len(shape):
            y = np.asarray(y)[np.newaxis]
        return (
            pixels,
            integers,
            loss_targets(self._recipe.loss, y, len(pixels), shape, self.model.classes, function),
        )

    def _validation(
        self,
        validation: tuple[ArrayLike, ArrayLike] | float | None,
        arrays: tuple[Pixels, bool, Targets] | None,
    ) -> tuple[list[int], Callable[[], tuple[float, float]]]:
        """The rows to train on (none: all) and what measures an epoch; no arrays: only batches."""
        if validation is None:
            if (self._watched or "").startswith("validation"):
                raise ValueError(f"fit: the schedule watches {self._watched}, expected validation=")
            return [], lambda: (float("nan"), float("nan"))
        if isinstance(validation, (tuple, list)) and len(validation) == 2:
            held = self._batch(*validation, "fit: validation")
            if len(held[0]) == 0:
                raise ValueError("fit: validation holds no pictures, expected at least one")
            return [], lambda: self._core.evaluate(*held, [])
        if isinstance(validation, bool) or not isinstance(validation, Real):
            raise TypeError(
                f"fit: validation is {shown(validation)}, "
                "expected (x, y) or a fraction of the pictures"
            )
        if arrays is None:
            raise ValueError(
                f"fit: validation is {validation!r}, expected (x, y) with batches as they come"
            )
        count = len(arrays[0])
        apart, rest = [], []
        if 0 < validation < 1:
            labels = arrays[2] if arrays[2].dtype == np.int64 else None
            apart, rest = split(self._core.split_order(count), float(validation), labels)
        if not apart or not rest:
            raise ValueError(
                f"fit: validation is {validation!r} of {count} pictures, expected a fraction "
                "between 0 and 1 that leaves pictures on both sides"
            )
        return rest, lambda: self._core.evaluate(*arrays, apart)

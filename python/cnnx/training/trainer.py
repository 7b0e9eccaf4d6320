"""Trainer: fits a model to images and labels, one call of the compiled core per step."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from cnnx.arguments import FloatArray, images, is_integer, not_negative, number, shown
from cnnx.data.augmentation import Augmentation
from cnnx.model.model import Model
from cnnx.training.callback_base import Callback, check_callbacks
from cnnx.training.checkpoint import load_checkpoint, refusing_metadata, save_checkpoint
from cnnx.training.config import TrainingRecipe
from cnnx.training.fit_inputs import Arrays, fit_data, own_arrays
from cnnx.training.fit_loop import Fitting
from cnnx.training.history import History, Progress
from cnnx.training.losses import CrossEntropy, Loss
from cnnx.training.optimizers import Adam, Optimizer, ParameterRule
from cnnx.training.profile import LayerTime, Profile
from cnnx.training.run_state import Run, continued, run_settings
from cnnx.training.schedules import Schedule, watched_measure
from cnnx.training.targets import loss_targets
from cnnx.training.weight_average import WeightAverage

__all__ = ["Trainer"]


class Trainer:
    """Trains a model, which it shares: what it learns, the model knows at once.

    Args:
        model: what to train.
        optimizer: `SGD`, `Adam`, `AdamW`, `RMSprop` or `Muon`.
        loss: `CrossEntropy`, `BinaryCrossEntropy`, `MSE`, `L1` or `Huber`.
        seed: everything random but the weights: the order of the images, the validation split.
        rules: what is different for some parameters, such as no weight decay on biases:
            ``[ParameterRule("*.bias", weight_decay_factor=0)]``.
        clip_norm: the gradients of what a step moves, as one vector, are made no longer than this;
            None takes them as they are.
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
        self._run: Run | None = None
        self._checkpoint: bytes | None = None  # where fit, continuing the run, goes on saving it
        self._core = self._recipe.core(model)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Trainer: it can be neither copied nor pickled, expected its model, or a checkpoint: "
            "fit(..., checkpoint=path) and Trainer.resume(path)"
        )

    def _copy(self) -> Trainer:
        """Train a copy of the model the same way, but at a constant learning rate."""
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
        """Start the schedule anew, for a loop of your own around `step`; `fit` does so itself.

        Raises:
            ValueError: if a length is below 1.
        """
        for name, value in (("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
            if not is_integer(value) or value < 1:
                raise ValueError(f"begin_schedule: {name} is {value!r}, expected an integer >= 1")
        self._core.begin_schedule(int(epochs), int(steps_per_epoch))

    def observe(self, measure: float) -> None:
        """Tell a `Plateau` what it watches, after an epoch of your own; `fit` does so itself."""
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

        It is the trainer's own memory: what you write there, `apply_gradients` uses. Those of a
        layer that is not trainable are zeros.
        """
        return self._core.gradients

    def step(self, x: ArrayLike, y: ArrayLike) -> float:
        """Train on one batch of any size; returns its mean loss before the update."""
        pixels, integers, targets = self._batch(x, y, "step")
        return self._core.step(pixels, integers, targets)

    def compute_gradients(
        self, x: ArrayLike, y: ArrayLike, *, divisor: float | None = None
    ) -> float:
        """Overwrite `gradients` with those of this batch and returns its loss, without an update
        of the parameters. Batch norms count the batch into their running statistics.

        Args:
            x: images.
            y: labels or targets.
            divisor: what the sum over the batch's images is divided by; when None what makes it
                their mean, their number, or with class weights the sum of those of their labels.
                Parts of a batch given the whole batch's add up to it: `gradients` of 5 images and
                of 3, both with divisor 8, sum to those of all 8, and so do the losses.
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
        """Update the parameters from `gradients`; with `compute_gradients` the same as `step`."""
        self._core.apply_gradients()

    def start_profile(self) -> None:
        """Measure every step from now on, anew from zero; costs a few microseconds per step."""
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

    @classmethod
    def resume(cls, path: str | os.PathLike[str]) -> Trainer:
        """The trainer that `fit` saved as a checkpoint, at the step it was saved at.

        Its `fit`, given the same data and no `epochs`, goes on with the run as if it had never been
        interrupted: with the same settings, to the same bits, and saving itself to the same file.

        Raises:
            cnnx.FormatError: if the file is damaged, of a newer format, or no checkpoint; it is a
                ValueError.
            OSError: if the file cannot be read.

        Example:
            >>> import cnnx, tempfile
            >>> x, y = cnnx.data.xo(256, seed=1)
            >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     history = trainer.fit(x, y, epochs=1, checkpoint=folder + "/run.ckpt")
            ...     resumed = cnnx.Trainer.resume(folder + "/run.ckpt")
            >>> resumed.fit(x, y).loss == trainer.history.loss
            True
        """
        kept = load_checkpoint(path)
        with refusing_metadata(path):
            trainer = cls(Model._of(kept.core.model), **vars(kept.recipe))
            trainer._core.restore(kept.core)
        trainer.history, trainer._run, trainer._checkpoint = (
            kept.history,
            kept.run,
            os.fsencode(path),
        )
        return trainer

    def fit(
        self,
        x: Any,
        y: ArrayLike | None = None,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        shuffle: bool | None = None,
        augmentation: Augmentation | None = None,
        validation: tuple[ArrayLike, ArrayLike] | float | None = None,
        progress: Callable[[Progress], object] | None = None,
        callbacks: Sequence[Callback] = (),
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
    ) -> History:
        """Train for some epochs; called again, it continues.

        Ctrl-C finishes the step, keeps the model and `history`, writes the checkpoint, and raises
        KeyboardInterrupt. Without `epochs` it goes on with the run that was interrupted, here or,
        after `resume`, in another process: with the same data and the settings it was begun with.

        Args:
            x: images, all of them; uint8 stays uint8 until its batch is trained. Without y a
                `Dataset`; or a path that `data.load` knows, such as a folder with one folder of
                images per class, which become of the model's size by its
                ``preprocessing.resize``; or an iterable that gives batches (x, y) anew for every
                epoch, such as a list or a DataLoader.
            y: labels or targets, one per image.
            epochs: passes over the images; None goes on with an unfinished run.
            batch_size: images per step, 64 when None; the last batch of an epoch may be shorter.
                Batches as they come have sizes of their own.
            shuffle: whether every epoch has a new order, True when None; it depends on the
                trainer's seed and the epoch alone. Batches as they come have their own.
            augmentation: random changes of the images, new in every epoch; they depend on the
                trainer's seed, the epoch and the image's place in x alone.
            validation: (x, y) measured after every epoch, or the fraction of the images to keep
                apart for it, of each class alike; the split depends on the trainer's seed and the
                labels alone. A Dataset's or path's own when None.
            progress: called with a `Progress` after every step, and once more after an epoch's
                validation.
            callbacks: such as `callbacks.EarlyStopping`, told in this order. Those that keep a
                state are part of the run: one that goes on must be given them again.
            checkpoint: a file for `resume`, written at the beginning, after every epoch and at the
                end; for a run that goes on after `resume` that file when None. Each time it is
                replaced as a whole.
            checkpoint_every: write it after every so many steps instead of after every epoch.

        Returns:
            `history`, which holds the epochs of earlier calls too.

        Raises:
            ValueError: if the data or a setting does not fit the model, or is not the unfinished
                run's.
            FloatingPointError: if a loss is NaN or infinite; the model is as before that step; or
                if a weight is, after an epoch or before a checkpoint.
            OSError: if the checkpoint cannot be written; the one before is untouched; or a path not
                be read.
        """
        if progress is not None and not callable(progress):
            raise TypeError(f"fit: progress is {shown(progress)}, expected a function")
        check_callbacks(callbacks)
        going_on = self._run if epochs is None else None
        if y is None:
            x, y, own = own_arrays(x, self.model)
            fraction = going_on and going_on.settings["validation"]
            if validation is None and fraction is None:
                validation = own
        held = validation if isinstance(validation, (tuple, list)) else None
        given: dict[str, Any] = {
            "epochs": epochs,
            "batch_size": batch_size,
            "shuffle": shuffle,
            "augmentation": augmentation,
            "validation": validation if held is None else None,
            "checkpoint_every": checkpoint_every,
        }
        path = None if checkpoint is None else os.fsencode(checkpoint)
        if going_on is not None:
            run, is_new = continued(going_on, given), False
            path = path or self._checkpoint
        else:
            number = 0 if self._run is None else self._run.next_number
            run, is_new = Run(run_settings(**given), [], 1, number), True
        if path is None and checkpoint_every is not None:
            raise ValueError(f"fit: checkpoint_every is {checkpoint_every}, expected a checkpoint=")
        data = fit_data(self._core, self._batch, x, y, held, run.settings)
        if data.steps == 0 and self._scheduled:
            raise ValueError(f"fit: x is {shown(x)} without len(), which the schedule needs")
        watching = [(type(callback).__name__, callback.watch) for callback in callbacks]
        for who, watched in [("the schedule", self._watched), *watching]:
            self._recipe.check_measured(f"fit: {who}", watched, data.validate is not None)
        if is_new:
            run.data = data.fingerprints
            if not run.is_over:
                self._core.begin_schedule(run.settings["epochs"], max(1, data.steps))
        else:
            run.check_data(data.fingerprints)
        self._run, self._checkpoint = run, path

        def save() -> None:
            if path is not None:
                self._core.check_finite()  # what a checkpoint keeps, it must be able to go on with
                save_checkpoint(path, self._core, self._recipe, self.history, run)

        if is_new and run.is_over:  # of no epochs: the checkpoint holds the beginning
            save()
        Fitting(
            self._core,
            self.history,
            run,
            data.begin,
            data.validate,
            self._watched,
            progress,
            callbacks,
            self,
            save,
        ).train()
        return self.history

    def stop(self) -> None:
        """End the `fit` that runs, after its current step or epoch: for callbacks."""
        if self._run is not None:
            self._run.stopped = True

    def evaluate(self, x: ArrayLike, y: ArrayLike, *, averaged: bool = False) -> dict[str, float]:
        """Mean loss and accuracy over images, {"loss": ..., "accuracy": ...}; changes nothing.

        With `averaged` they are those of the averaged weights, for a trainer made with `averaging`.
        """
        pixels, integers, targets = self._batch(x, y, "evaluate")
        if len(pixels) == 0:
            raise ValueError("evaluate: x holds no images, expected at least one")
        loss, accuracy = self._core.evaluate(pixels, integers, targets, [], bool(averaged))
        return {"loss": loss, "accuracy": accuracy}

    def _batch(self, x: ArrayLike, y: ArrayLike, function: str) -> Arrays:
        pixels, integers, single = images(x, self.model.input_shape, function)
        shape = self.model.output_shape
        if single and np.ndim(y) == len(shape):
            y = np.asarray(y)[np.newaxis]
        return (
            pixels,
            integers,
            loss_targets(self._recipe.loss, y, len(pixels), shape, self.model.classes, function),
        )

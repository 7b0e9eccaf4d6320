"""Trainer of a model. Many parameters because the settings of a run are keyword arguments."""

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
from cnnx.training.fit_loop import FitLoop
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
    """Trainer of a model. It updates the model in place.

    Args:
        model: model to train.
        optimizer: `SGD`, `Adam`, `AdamW`, `RMSprop` or `Muon`.
        loss: `CrossEntropy`, `BinaryCrossEntropy`, `MSE`, `L1` or `Huber`.
        seed: seed of the order of the images, the validation split, dropout and augmentation.
        rules: factors for some parameters, such as no weight decay on biases:
            ``[ParameterRule("*.bias", weight_decay_factor=0)]``.
        clip_norm: maximum global L2 norm of the gradients; None disables clipping.
        averaging: `WeightAverage` for `averaged_model`, or None.
        schedule: learning rate schedule of each `fit`, such as `CosineDecay`; None is constant.

    Attributes:
        model: the model.
        history: metrics of every finished epoch, over all calls of `fit`.

    Raises:
        ValueError: if the loss does not fit the model's outputs, if the model ends in the Softmax
            or Sigmoid that the loss applies itself, or if a rule matches no parameter.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(512, seed=1)
        >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
        >>> history = trainer.fit(x, y, epochs=1, validation=0.1)
        >>> len(history.loss), len(history.validation_accuracy)
        (1, 1)

        With the settings of a modern training recipe:

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
        self._checkpoint: bytes | None = None  # file of the run, used when fit resumes it
        self._core = self._recipe.core(model)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Trainer: it can be neither copied nor pickled; copy its model, or use a checkpoint: "
            "fit(..., checkpoint=path) and Trainer.resume(path)"
        )

    def _copy(self) -> Trainer:
        """Trainer of a copy of the model, with the same settings but a constant learning rate."""
        settings = {**vars(self._recipe), "schedule": None, "averaging": None}
        return Trainer(self.model.clone(), **settings)

    @property
    def learning_rate(self) -> float:
        """Learning rate of the optimizer; it can be assigned."""
        return self._core.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._core.learning_rate = not_negative(value, "Trainer", "learning_rate")

    def begin_schedule(self, *, epochs: int, steps_per_epoch: int) -> None:
        """Restart the schedule, for a custom loop around `step`; `fit` does so itself.

        Raises:
            ValueError: if a number is below 1.
        """
        for name, value in (("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
            if not is_integer(value) or value < 1:
                raise ValueError(f"begin_schedule: {name} is {value!r}, expected an integer >= 1")
        self._core.begin_schedule(int(epochs), int(steps_per_epoch))

    def observe(self, measure: float) -> None:
        """Pass the metric of an epoch to a `Plateau`, in a custom loop; `fit` does so itself."""
        self._core.observe(number(measure, "observe", "measure"))

    def averaged_model(self) -> Model:
        """Create a model with the averaged weights.

        Raises:
            ValueError: if the trainer has no `averaging`.

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
        """Gradients of all parameters, one contiguous array in the order of `Model.parameters`.

        The array is the trainer's memory; `apply_gradients` uses values that you write to it. The
        gradients of frozen layers are zeros.
        """
        return self._core.gradients

    def step(self, x: ArrayLike, y: ArrayLike) -> float:
        """Train on one batch of any size and return its mean loss before the update."""
        pixels, integers, targets = self._batch(x, y, "step")
        return self._core.step(pixels, integers, targets)

    def compute_gradients(
        self, x: ArrayLike, y: ArrayLike, *, divisor: float | None = None
    ) -> float:
        """Compute `gradients` of a batch without an update of the parameters.

        Batch norms update their running statistics.

        Args:
            x: images.
            y: labels or targets.
            divisor: divisor of the sum over the images. None is their number, or with class
                weights the sum of the weights of their labels. Parts of a batch with the divisor
                of the whole batch add up to it: the gradients and losses of 5 images and of 3
                images, both with divisor 8, sum to those of all 8.

        Returns:
            The loss of the batch.
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
        """Update the parameters from `gradients`; `step` is `compute_gradients` and this."""
        self._core.apply_gradients()

    def start_profile(self) -> None:
        """Start or restart the profile of every step; costs a few microseconds per step."""
        self._core.start_profile()

    def profile(self) -> Profile:
        """Profile of the steps since `start_profile`, by layer.

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
        """Load a trainer from a checkpoint that `fit` wrote.

        Its `fit`, called with the same data and without `epochs`, resumes the run: with the same
        settings, the same bits, and checkpoints to the same file.

        Raises:
            cnnx.FormatError: a ValueError, if the file is damaged, of a newer format or not a
                checkpoint.
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
        checkpoint = load_checkpoint(path)
        with refusing_metadata(path):
            trainer = cls(Model._of(checkpoint.core.model), **vars(checkpoint.recipe))
            trainer._core.restore(checkpoint.core)
        trainer.history, trainer._run = checkpoint.history, checkpoint.run
        trainer._checkpoint = os.fsencode(path)
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
        """Train for a number of epochs, or resume an interrupted run.

        Further calls continue the training. Ctrl-C finishes the step, writes the checkpoint and
        raises KeyboardInterrupt; the model and `history` stay valid. Without `epochs` the call
        resumes the interrupted run, in this process or, after `resume`, in another one. A resumed
        run needs the same data and keeps the settings it was started with.

        Args:
            x: all images; uint8 images are converted batch by batch. Without y: a `Dataset`; or a
                path that `data.load` accepts, such as a folder with one subfolder of images per
                class, resized by the model's ``preprocessing.resize``; or an iterable of batches
                (x, y) that can be iterated once per epoch, such as a list or a DataLoader.
            y: labels or targets, one per image.
            epochs: number of passes over the images; None resumes an unfinished run.
            batch_size: images per step, 64 when None; the last batch of an epoch may be shorter.
                Not for an iterable of batches.
            shuffle: whether to shuffle every epoch, True when None; the order depends only on the
                trainer's seed and the epoch. Not for an iterable of batches.
            augmentation: random augmentation, which depends only on the trainer's seed, the epoch
                and the image's index in x.
            validation: (x, y) of a validation set, or the fraction of the images to hold out,
                stratified by class; the split depends only on the trainer's seed and the labels.
                None uses the validation set of a Dataset or path.
            progress: called with a `Progress` after every step, and again after the validation of
                an epoch.
            callbacks: callbacks such as `callbacks.EarlyStopping`, called in this order. Callbacks
                with a state are part of the run; pass them again when resuming.
            checkpoint: file for `resume`, written at the beginning, after every epoch and at the
                end, and replaced as a whole. After `resume`, None is the resumed file.
            checkpoint_every: number of steps between checkpoints; None writes one after every
                epoch.

        Returns:
            `history`, including the epochs of earlier calls.

        Raises:
            ValueError: if the data or a setting does not fit the model or the unfinished run.
            FloatingPointError: if a loss is NaN or infinite, in which case the model is as before
                that step; or if a weight is, after an epoch or before a checkpoint.
            OSError: if the checkpoint cannot be written, in which case the previous one is
                untouched; or if a path cannot be read.
        """
        if progress is not None and not callable(progress):
            raise TypeError(f"fit: progress is {shown(progress)}, expected a function")
        check_callbacks(callbacks)
        unfinished = self._run if epochs is None else None
        if y is None:
            x, y, own = own_arrays(x, self.model)
            fraction = unfinished and unfinished.settings["validation"]
            if validation is None and fraction is None:
                validation = own
        held_out = validation if isinstance(validation, (tuple, list)) else None
        given: dict[str, Any] = {
            "epochs": epochs,
            "batch_size": batch_size,
            "shuffle": shuffle,
            "augmentation": augmentation,
            "validation": validation if held_out is None else None,
            "checkpoint_every": checkpoint_every,
        }
        path = None if checkpoint is None else os.fsencode(checkpoint)
        if unfinished is not None:
            run, is_new = continued(unfinished, given), False
            path = path or self._checkpoint
        else:
            number = 0 if self._run is None else self._run.next_number
            run, is_new = Run(run_settings(**given), [], 1, number), True
        if path is None and checkpoint_every is not None:
            raise ValueError(f"fit: checkpoint_every is {checkpoint_every}, expected a checkpoint=")
        data = fit_data(self._core, self._batch, x, y, held_out, run.settings)
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
                self._core.check_finite()  # a checkpoint must be able to resume
                save_checkpoint(path, self._core, self._recipe, self.history, run)

        if is_new and run.is_over:  # epochs=0: the checkpoint has the initial state
            save()
        FitLoop(
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
        """Stop the running `fit` after its current step or epoch; for use in callbacks."""
        if self._run is not None:
            self._run.stopped = True

    def evaluate(self, x: ArrayLike, y: ArrayLike, *, averaged: bool = False) -> dict[str, float]:
        """Evaluate the model on images without training.

        Args:
            x: images.
            y: labels or targets.
            averaged: whether to use the averaged weights of a trainer with `averaging`.

        Returns:
            The mean loss and the accuracy, {"loss": ..., "accuracy": ...}.
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

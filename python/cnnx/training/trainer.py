"""Trainer of a model. Many parameters because the settings of a run are keyword arguments."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from numpy.typing import ArrayLike

from cnnx.advice import warn
from cnnx.arguments import boolean, path_of, shown
from cnnx.data.augmentation import Augmentation, check_moves
from cnnx.data.dataset import ImageLike, LabelledImages
from cnnx.distributed.communicator import Communicator
from cnnx.model.model import Model
from cnnx.spelling import checked_call
from cnnx.training.callback_base import Callback, check_callbacks
from cnnx.training.checkpoint import (
    CheckpointPath,
    check_checkpoint,
    refusing_metadata,
    save_checkpoint,
)
from cnnx.training.config import TrainingRecipe, is_frozen
from cnnx.training.fit_inputs import FitData, fit_data, images_of_fit, warn_of_one_class
from cnnx.training.fit_loop import FitLoop
from cnnx.training.fit_progress import with_progress
from cnnx.training.head_losses import HeadLosses
from cnnx.training.history import History, Progress
from cnnx.training.labelled_images import fraction_of
from cnnx.training.loss import Loss
from cnnx.training.losses import CrossEntropy
from cnnx.training.measurement import validation_metrics
from cnnx.training.one_fit import one_at_a_time
from cnnx.training.optimizers import Adam, Optimizer, ParameterRule
from cnnx.training.processes import load_in_processes
from cnnx.training.resumed_settings import ResumedSettings
from cnnx.training.run_length import (
    abandoned_sentence,
    change_length,
    finished_sentence,
)
from cnnx.training.run_state import Run, continued, run_settings
from cnnx.training.schedules import Schedule, watched_measure
from cnnx.training.single_steps import SingleSteps
from cnnx.training.weight_average import WeightAverage

__all__ = ["Trainer"]


@checked_call
class Trainer(SingleSteps):
    """Trainer of a model. It updates the model in place.

    Threads may share a trainer. Its calls run one after the other; a second `fit` during a `fit`
    is refused. Predictions and files of other threads are of the model between two steps.

    Args:
        model: model to train.
        optimizer: `SGD`, `Adam`, `AdamW`, `RMSprop` or `Muon`.
        loss: `CrossEntropy`, `BinaryCrossEntropy`, `MSE`, `L1`, `Huber` or another of `losses`. Of
            a model with several outputs a dict of these by name, or of (loss, weight).
        seed: seed of the order of the images, the validation split, dropout and augmentation.
        rules: factors for some parameters, such as no weight decay on biases:
            ``[ParameterRule("*.bias", weight_decay_factor=0)]``.
        clip_norm: maximum global L2 norm of the gradients, without those of parameters whose rule
            has the learning rate factor 0; None disables clipping.
        averaging: `WeightAverage` for `averaged_model`, or None.
        schedule: learning rate schedule of each `fit`, such as `CosineDecay`; None is constant.
        shards: number of contiguous parts that every batch is cut into. Their gradients are
            computed one after the other and added in a fixed order, so that activations take the
            memory of one shard: a batch that memory does not hold is trained as 8 shards of an
            eighth. Each shard has its own batch norm statistics; the running statistics become
            their mean, weighted by their images. Another number of shards is another computation;
            1 divides nothing. More than eight need a second array of gradients.
        communicator: `cnnx.distributed.world()`, so that each process that ``mpiexec`` started
            computes its part of the shards. All processes make the same calls with the same data
            and have the same weights after each, those that one process would have. None trains in
            this process alone.
        recompute: whether a step saves few activations of its forward pass and computes the others
            again in its backward pass (gradient checkpointing): less memory, more time, the same
            bits. A checkpoint does not store it.

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

        Where memory is short, the same training with fewer activations in memory:

        >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
        >>> trainer = cnnx.Trainer(model, recompute=True)
        >>> loss = trainer.step(x, y)
    """

    history: History

    def __init__(
        self,
        model: Model,
        *,
        optimizer: Optimizer = Adam(),
        loss: Loss | Mapping[str, Loss | tuple[Loss, float]] = CrossEntropy(),
        seed: int = 0,
        rules: Sequence[ParameterRule] = (),
        clip_norm: float | None = None,
        averaging: WeightAverage | None = None,
        schedule: Schedule | None = None,
        shards: int = 1,
        communicator: Communicator | None = None,
        recompute: bool = False,
    ) -> None:
        if isinstance(loss, Mapping):
            loss = HeadLosses(loss)
        recipe = TrainingRecipe(
            optimizer, loss, seed, rules, clip_norm, averaging, schedule, shards
        )
        super().__init__(model, recipe, recompute=recompute, communicator=communicator)
        self.history = History()
        self._watched = watched_measure(schedule)
        self._run: Run | None = None
        self._checkpoint: CheckpointPath | None = None  # of the run, used when fit resumes it
        self._resumed: ResumedSettings | None = None  # until fit begins
        self._held_out: Sequence[int] = ()  # rows of the last fit's images that validated it
        self._has_exploded = False  # the loss of a fit, of which it has warned
        self._replaces_files = False  # as `cnnx train --overwrite` asks for

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Trainer: it can be neither copied nor pickled; copy its model, or use a checkpoint: "
            "fit(..., checkpoint=path) and Trainer.resume(path)"
        )

    def _copy(self) -> Trainer:
        """Trainer of a copy of the model, with the same settings but a constant learning rate."""
        settings = {**vars(self._recipe), "schedule": None, "averaging": None}
        return Trainer(self.model.clone(), **settings, recompute=self._recompute)

    @classmethod
    @checked_call
    def resume(
        cls,
        path: str | os.PathLike[str],
        *,
        epochs: int | None = None,
        communicator: Communicator | None = None,
        recompute: bool = False,
    ) -> Trainer:
        """Load a trainer from a checkpoint that `fit` wrote.

        Its `fit`, called with the same data and without `epochs`, resumes the run: with the same
        settings, the same bits, and checkpoints to the same file. Before that, another learning
        rate, frozen layers, `compute_dtype` or a reset optimizer draw a `cnnx.Warning`.

        Args:
            path: checkpoint.
            epochs: new total number of epochs of the run, including the finished ones; None keeps
                it. The bits are those of a run that had this number from its beginning, unless a
                callback changes the weights at the end of a run, as `EarlyStopping` does.
            communicator: as for `Trainer`: the bits are the same for any number of processes that
                divides the run's shards.
            recompute: as for `Trainer`. The bits are the same whether or not the run had it.

        Raises:
            cnnx.FormatError: a ValueError, if the file is damaged, of a newer format or not a
                checkpoint.
            ValueError: if the run has begun more than `epochs`, or if its schedule stretches over
                its epochs, as `CosineDecay` does, and a step of it is done.
            OSError: if the file cannot be read.

        Example:
            >>> import cnnx, tempfile
            >>> x, y = cnnx.data.xo(256, seed=1)
            >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     history = trainer.fit(x, y, epochs=1, checkpoint=folder + "/run.ckpt")
            ...     longer = cnnx.Trainer.resume(folder + "/run.ckpt", epochs=2)
            ...     len(longer.fit(x, y))
            2
        """
        path = path_of(path, "resume")
        recompute = boolean(recompute, "resume", "recompute")
        checkpoint = load_in_processes(path, communicator)
        with refusing_metadata(path):
            model = Model._of(checkpoint.core.model)
            trainer = cls(
                model, **vars(checkpoint.recipe), communicator=communicator, recompute=recompute
            )
            trainer._core.restore(checkpoint.core)
        if epochs is not None:
            change_length(checkpoint.run, epochs, trainer._recipe.schedule, path)
            if checkpoint.run.has_begun:
                trainer._core.extend_schedule(epochs)
        trainer._resumed = ResumedSettings.of(trainer)
        trainer.history, trainer._run = checkpoint.history, checkpoint.run
        trainer._checkpoint = CheckpointPath.of(path)
        return trainer

    @checked_call
    @one_at_a_time
    def fit(
        self,
        x: ImageLike | LabelledImages,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        shuffle: bool | None = None,
        augmentation: Augmentation | None = None,
        validation: LabelledImages | float | None = None,
        progress: Callable[[Progress], object] | None = None,
        verbose: bool | None = None,
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
            x: all images, as for `Model`; uint8 images are converted batch by batch, and before the
                first epoch image files are read and arrays of several inputs copied into one.
                Without y: (x, y) or (x, y, sample_weight); or a `data.Dataset`; or a path that
                `data.load` accepts, such as a folder with one subfolder of images per class,
                resized by the model's ``preprocessing.resize``; or an iterable of batches (x, y) or
                (x, y, sample_weight) that can be iterated once per epoch, such as a list or a
                DataLoader.
            y: labels or targets, one per image.
            sample_weight: weight of each image, (N,), finite and >= 0: its loss, gradient and part
                of the accuracy are multiplied by it, and the means divide by the sum of the
                weights. Class weights multiply it; the statistics of batch norms ignore it. None
                for equal weights.
            epochs: number of passes over the images, of a new run; None resumes the unfinished run.
                `resume` gives a run another number of epochs.
            batch_size: images per step, 64 when None; the last batch of an epoch may be shorter.
                Not for an iterable of batches.
            shuffle: whether to shuffle every epoch, True when None; the order depends only on the
                trainer's seed and the epoch. Not for an iterable of batches.
            augmentation: random augmentation, which depends only on the trainer's seed, the epoch
                and the image's index in x.
            validation: validation set in any form of x, or the fraction of the images to hold out,
                stratified by class; the split depends only on the trainer's seed and the labels.
                Of a Dataset or path its validation set is measured, without one its images. None
                uses the validation set of a Dataset or path in x.
            progress: called with a `Progress` after every step and after an epoch's validation.
            verbose: whether to show the progress: a bar and a line per epoch on stderr, or a table
                in a notebook. None shows it in a terminal or notebook only, and not beside a
                `progress` or a callback that shows it.
            callbacks: callbacks such as `callbacks.EarlyStopping`, called in this order. Callbacks
                with a state are part of the run; pass them again when resuming.
            checkpoint: file for `resume`, written at the beginning, after every epoch and at the
                end, and replaced as a whole. After `resume`, None is the resumed file. A relative
                path starts at the working folder in which `fit` or `resume` was called.
            checkpoint_every: number of steps between checkpoints; None is one after every epoch.

        Returns:
            Metrics of all epochs of `history` so far, those of earlier calls included; later calls
            leave it as it is.

        Raises:
            ValueError: if the data or a setting does not fit the model or the unfinished run, or
                during another fit of its model.
            FloatingPointError: if a loss is NaN or infinite, in which case the model is as before
                that step; or if a weight is, after an epoch or before a checkpoint.
            OSError: if a path cannot be read, or the checkpoint, left as it was, cannot be written
                or is a file of another kind or of an unfinished run.
        """
        unfinished = self._run if epochs is None else None
        path = None if unfinished is None else self._checkpoint
        if checkpoint is not None:
            path = CheckpointPath.of(path_of(checkpoint, "fit", "checkpoint"))
        check_callbacks(callbacks, path and path.absolute)
        watching = [(type(callback).__name__, callback.watch) for callback in callbacks]
        callbacks = with_progress(callbacks, verbose, progress)
        callbacks, progress = self._processes.called(callbacks, progress)
        given: dict[str, Any] = {
            "epochs": epochs,
            "batch_size": batch_size,
            "shuffle": None if shuffle is None else boolean(shuffle, "fit", "shuffle"),
            "augmentation": augmentation,
            "validation": fraction_of(validation),
            "checkpoint_every": checkpoint_every,
        }
        run = self._new_run(given) if unfinished is None else self._continued_run(unfinished, given)
        is_new = run is not self._run
        check_checkpoint(path and path.name, checkpoint_every, self.model._core, self._recipe.loss)
        communicator, shards = self._processes.communicator, self._recipe.shards
        images, held_out = images_of_fit(
            x, y, sample_weight, validation, run, self.model, shards, communicator
        )
        core, names, ignored = self._core, self.model.classes, self._recipe.loss.ignore_index
        data = fit_data(
            core, self._batch, self._measurement, images, held_out, run.settings, names, ignored
        )
        if data.steps == 0 and self._recipe.schedule:
            raise ValueError(f"fit: x is {shown(x)} without len(), which the schedule needs")
        further = validation_metrics(self._outputs)
        for who, watched in [("the schedule", self._watched), *watching]:
            self._recipe.check_measured(f"fit: {who}", watched, data.validate is not None, further)
        self._check_run(run, data, path)

        def save() -> None:
            if path is not None:
                self._core.check_finite()  # a checkpoint must be able to resume
                content = (self._core, self._recipe, self.history, run)
                write = functools.partial(save_checkpoint, os.fsencode(path.absolute), *content)
                with path.in_errors():
                    self._processes.save(self.model, path.name, write)

        if is_new and run.is_over:  # epochs=0: the checkpoint has the initial state
            save()
        if data.validate is not None and not run.is_over:
            self.history.add_metrics(further)
        FitLoop(
            self._core,
            self.history,
            run,
            data,
            self._watched,
            progress,
            callbacks,
            self,
            save,
            path,
            self._processes,
        ).train()
        return History.of(vars(self.history))

    def _check_run(self, run: Run, data: FitData, path: CheckpointPath | None) -> None:
        self._processes.check_same_fit(run, self.model, self._core, data, saves=path is not None)
        if path is not None and not self._replaces_files:
            own = self._checkpoint and self._checkpoint.absolute
            self._processes.refuse_foreign(path.name, own)
        if run is self._run:
            run.check_data(data.fingerprints)
        else:
            run.data = data.fingerprints
            if len(self.history) == 0:  # parts of a data set may well have one class each
                warn_of_one_class(data, self.model.classes, self._recipe.loss.ignore_index)

    def _new_run(self, settings: dict[str, Any]) -> Run:
        last = self._run
        run = Run(run_settings(**settings), [], 1, 0 if last is None else last.next_number)
        if run.settings["augmentation"] is not None:
            check_moves(run.settings["augmentation"], self.model.input_shape[:2], "fit")
        if last is not None and last.has_begun and not last.is_over and self._checkpoint:
            warn(abandoned_sentence(last, run, self._checkpoint.name))
        if is_frozen(self.model):
            warn("fit: no layer is trainable, expected one: model.layers[-1].trainable = True")
        return run

    def _continued_run(self, run: Run, settings: dict[str, Any]) -> Run:
        if run.is_over:
            path = self._checkpoint and self._checkpoint.name
            warn(finished_sentence(run, self._recipe.schedule, path))
        elif self._resumed is not None:
            self._resumed.warn_of_changed(self, run)
        return continued(run, settings)

    def stop(self) -> None:
        """Stop the running `fit` after its current step or epoch; for use in callbacks.

        In a training of several processes, a call in one of them stops all.
        """
        if self._run is not None:
            self._run.stopped = True

"""Single steps and measurements of a trainer, one batch at a time."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from cnnx.arguments import (
    FloatArray,
    above_zero,
    at_least,
    boolean,
    not_negative,
    number,
    rectangular_array,
)
from cnnx.data.dataset import ImageLike, LabelledImages
from cnnx.distributed.communicator import Communicator
from cnnx.distributed.transport import CommunicationTimes
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.spelling import NamedAttributes, checked_call
from cnnx.training.config import TrainingRecipe
from cnnx.training.head_losses import HeadLosses
from cnnx.training.labelled_images import batches_of, measured_images
from cnnx.training.measurement import Measurement, measured_outputs
from cnnx.training.processes import Processes
from cnnx.training.profile import LayerTime, Profile
from cnnx.training.targets import (
    Arrays,
    Targets,
    loss_targets,
    row_weights,
    targets_of_heads,
)


class SingleSteps(NamedAttributes):
    """Steps of a `Trainer` for training loops of one's own; `Trainer.fit` is the usual loop.

    Attributes:
        model: the model.
    """

    model: Final[Model]

    def __init__(
        self,
        model: Model,
        recipe: TrainingRecipe,
        *,
        recompute: bool,
        communicator: Communicator | None = None,
    ) -> None:
        check_model(model, "Trainer")
        self.model = model
        self._recipe = recipe.for_model(model)
        self._resets = 0  # of the optimizer
        self._recompute = boolean(recompute, "Trainer", "recompute")
        self._processes = Processes(communicator, self._recipe)
        self._core = self._recipe.core(model, recompute=self._recompute)
        self._processes.share_out(model, self._core)
        self._outputs = measured_outputs(model, self._recipe.loss)

    @property
    def learning_rate(self) -> float:
        """Learning rate of the optimizer; it can be assigned."""
        return self._core.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._core.learning_rate = not_negative(value, "Trainer", "learning_rate")

    def reset_optimizer(self) -> None:
        """Restart the optimizer as in a new trainer: without moments and with a step count of 0.

        For another phase of training, in which layers are trained that were frozen before. An
        average of the weights starts again, too. The learning rate and the schedule stay.

        Example:
            >>> import cnnx
            >>> x, y = cnnx.data.xo(64, seed=1)
            >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
            >>> loss = trainer.step(x, y)
            >>> trainer.reset_optimizer()
        """
        self._core.reset_optimizer()
        self._resets += 1

    @checked_call
    def begin_schedule(self, *, epochs: int, steps_per_epoch: int) -> None:
        """Restart the schedule, for a custom loop around `step`; `fit` does so itself.

        Args:
            epochs: number of epochs over which it extends.
            steps_per_epoch: number of steps of each.

        Raises:
            TypeError: if a number is not an integer.
            ValueError: if a number is below 1.
        """
        for name, value in (("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
            at_least(1, value, "begin_schedule", name)
        self._core.begin_schedule(int(epochs), int(steps_per_epoch))

    @checked_call
    def observe(self, measure: float) -> None:
        """Pass the metric of an epoch to a `Plateau`, in a custom loop; `fit` does so itself.

        Args:
            measure: the metric that the schedule watches; NaN does not improve on the best one.

        Raises:
            TypeError: if it is not a number.
        """
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

        To save memory, `step` and `fit` keep no gradients of a model with four million parameters
        or more until this attribute has been read once. They do with `clip_norm` and `Muon`.

        Raises:
            ValueError: if the last step kept none.
        """
        return self._core.gradients

    @checked_call
    def step(self, x: ImageLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
        """Train on one batch of any size and return its mean loss before the update.

        Args:
            x: images, (batch, height, width, channels), or another form that `Model.predict` takes.
            y: labels, (batch,), or (batch, height, width) for a class at each position; or targets
                in the shape of the outputs.
            sample_weight: weight of each image in the mean, as for `Trainer.fit`. The loss of a
                batch of weights 0 is 0, and so are its gradients.

        Raises:
            FloatingPointError: if the loss is NaN or infinite; the model is as before the step.
        """
        return self._core.step(*self._some(x, y, sample_weight, "step"))

    @checked_call
    def compute_gradients(
        self,
        x: ImageLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        divisor: float | None = None,
    ) -> float:
        """Compute `gradients` of a batch without an update of the parameters.

        Batch norms update their running statistics, so until `apply_gradients` predictions use
        new statistics with old weights. A loss that is not finite is returned, and leaves the
        running statistics unchanged.

        Args:
            x: images.
            y: labels or targets.
            sample_weight: weight of each image, as for `step`.
            divisor: divisor of the sum of the losses. None is that of their mean: the number of
                images, or the sum of their weights, each the product of its sample weight and the
                class weight of its label. `CrossEntropy` and `Focal` of a model with a class for
                each position count positions with a label instead. Parts of a batch with the
                divisor of the whole batch add up to it: the gradients and losses of 5 images and
                of 3 images, both with divisor 8 (of maps of 6x6: 8 * 36), sum to those of all 8.
                Of a `Sum` and of several outputs the divisor counts images, and each part weighs
                classes and ignored labels as on its own.

        Returns:
            The loss of the batch.
        """
        if divisor is not None:
            above_zero(divisor, "compute_gradients", "divisor")
        arrays = self._some(x, y, sample_weight, "compute_gradients")
        return self._core.compute_gradients(*arrays, divisor or 0.0)

    @checked_call
    def evaluate(
        self,
        x: ImageLike | LabelledImages,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        averaged: bool = False,
    ) -> dict[str, float]:
        """Evaluate the model on images without training.

        Args:
            x: images, or images with labels in any form that `fit` accepts. Of a `Dataset` or path
                the test set is measured, without one the validation set, without both the images.
            y: labels or targets.
            sample_weight: weight of each image, as for `fit`.
            averaged: whether to use the averaged weights of a trainer with `averaging`.

        Returns:
            The mean loss and the accuracy over all images, {"loss": ..., "accuracy": ...}; of a
            model that predicts a class for each position also its "mean_iou", and of one that
            predicts values "r2" and "mean_absolute_error". All are weighted by `sample_weight`. Of
            a model with several outputs also those of each, such as "box_loss", and the accuracy is
            that of the first output with labels. It is NaN if the loss compares values.

        Raises:
            TypeError: if the images are in none of the forms.
            ValueError: if the images or labels do not fit the model.
            OSError: if a path cannot be read.

        Example:
            >>> import cnnx
            >>> x, y = cnnx.data.xo(64, seed=1)
            >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
            >>> batches = [(x[:40], y[:40]), (x[40:], y[40:])]
            >>> sorted(trainer.evaluate(batches))
            ['accuracy', 'loss']
        """
        processes = self._processes.communicator
        images = measured_images(x, y, sample_weight, self.model, "evaluate", processes)
        is_averaged = boolean(averaged, "evaluate", "averaged")
        measurement = self._measurement(averaged=is_averaged)
        return measurement.of_batches(batches_of(images, "evaluate"), "evaluate")

    def apply_gradients(self) -> None:
        """Update the parameters from `gradients`.

        `step` is `compute_gradients` and this, as one change of the model, but checks the loss
        alone, not every gradient.

        Raises:
            FloatingPointError: if a gradient is NaN or infinite; the model is as before.
        """
        self._core.apply_gradients()

    @checked_call
    def memory_bytes(self, batch_size: int) -> int:
        """Bytes of memory that steps of so many images take at their peak, the model included.

        Gradients, the optimizer's moments, averaged weights and activations are included; the data
        set, and what Python and NumPy take themselves, are not. Nothing is run or allocated.

        Args:
            batch_size: images of a step.

        Raises:
            ValueError: if `batch_size` is below 1.

        Example:
            >>> import cnnx
            >>> trainer = cnnx.Trainer(cnnx.models.lenet5())
            >>> trainer.memory_bytes(64) > trainer.memory_bytes(32)
            True
        """
        return self._core.memory_bytes(at_least(1, batch_size, "memory_bytes", "batch_size"))

    def release(self) -> None:
        """Free the memory of the last batches, the model's included.

        The next step allocates it again. Results do not change.

        Example:
            >>> import cnnx
            >>> x, y = cnnx.data.xo(64, seed=1)
            >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
            >>> loss = trainer.step(x, y)
            >>> trainer.release()
        """
        self._core.release()

    @property
    def communication(self) -> CommunicationTimes:
        """Seconds that a trainer with a `communicator` has exchanged gradients, so far.

        Example:
            >>> import cnnx
            >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
            >>> trainer.communication.steps
            0
        """
        return self._processes.times

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

    def _batch(
        self, x: ImageLike, y: ArrayLike, sample_weight: ArrayLike | None, function: str
    ) -> Arrays:
        pixels, integers, single = self.model._images(x, function)
        if not isinstance(self._recipe.loss, HeadLosses):
            y = rectangular_array(y, function, "y")
            if single and y.ndim == len(self.model.output_shape):
                y = y[np.newaxis]
        return (
            pixels,
            integers,
            self._targets(y, len(pixels), function),
            row_weights(sample_weight, len(pixels), function),
        )

    def _targets(self, y: ArrayLike, count: int, function: str) -> Targets:
        """Labels or targets of images for the loss."""
        model, loss = self.model, self._recipe.loss
        if isinstance(loss, HeadLosses):
            return targets_of_heads(loss, y, model.heads, count, function)
        return loss_targets(loss, y, count, model.output_shape, model.classes, function)

    def _some(
        self, x: ImageLike, y: ArrayLike, sample_weight: ArrayLike | None, function: str
    ) -> Arrays:
        """Arrays of a batch that is not empty."""
        arrays = self._batch(x, y, sample_weight, function)
        if len(arrays[0]) == 0:
            raise ValueError(f"{function}: x holds no images, expected at least one")
        return arrays

    def _measurement(self, *, averaged: bool = False) -> Measurement:
        """A new measurement of the model, or of the one with averaged weights."""
        communicator = self._processes.communicator
        return Measurement(self._core, self._outputs, self._some, communicator, averaged=averaged)

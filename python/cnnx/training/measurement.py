"""Measurement of labelled images: loss, accuracy, and the metrics of what the model predicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from cnnx import _core
from cnnx.arguments import FloatArray
from cnnx.batch_arguments import refuse_not_finite
from cnnx.distributed.communicator import Communicator
from cnnx.metric_kinds import VALIDATION
from cnnx.model.heads import core_heads
from cnnx.model.model import Model
from cnnx.model.predictions import Task
from cnnx.training.custom_loss import Custom
from cnnx.training.head_losses import HeadLosses
from cnnx.training.loss import Loss
from cnnx.training.metric_sums import Batch, BatchMetrics, Means, batch_of, measured_sums
from cnnx.training.position_counts import PositionCounts
from cnnx.training.regression_sums import RegressionSums
from cnnx.training.targets import Arrays, Check


@dataclass(frozen=True)
class MeasuredOutput:
    """An output of a model, whose predictions are measured by its task.

    Attributes:
        name: name of the head; empty for the only output.
        shape: shape of one image's output.
        task: what it predicts.
        probabilities: how its outputs become probabilities.
        loss: its loss.
        first: of its numbers among the outputs of an image.
        first_target: of its numbers among the targets of all heads; None for the only output.
    """

    name: str
    shape: tuple[int, ...]
    task: Task
    probabilities: str
    loss: Loss
    first: int = 0
    first_target: int | None = None

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Shape of the targets of an image, as one of several heads takes them."""
        loss = self.loss
        if isinstance(loss, Custom):
            shape = self.shape[:-1] if loss.logits else self.shape
            return shape if loss.target_shape is None else loss.target_shape
        return self.shape[:-1] if loss.takes_classes(self.shape[-1]) else self.shape

    @property
    def size(self) -> int:
        """Number of its outputs of an image."""
        return math.prod(self.shape)

    @property
    def counts_correct(self) -> bool:
        """Whether it has an accuracy."""
        return self.loss.takes_logits and not isinstance(self.loss, Custom)

    def sums(self) -> PositionCounts | RegressionSums | None:
        """Sums of no images, for the metrics of its task; None without such."""
        if isinstance(self.loss, Custom) and self.loss.target_shape is not None:
            return None
        if self.task == "segmentation":
            return PositionCounts(self.shape[-1], self.probabilities, self.loss.ignore_index)
        return RegressionSums(self.size) if self.task == "regression" else None

    def of(self, outputs: FloatArray, targets: NDArray[Any]) -> tuple[FloatArray, NDArray[Any]]:
        """Its part of the outputs and targets of some images."""
        own = outputs[:, self.first : self.first + self.size].reshape(-1, *self.shape)
        if self.first_target is None:
            return own, targets
        last = self.first_target + math.prod(self.target_shape)
        return own, targets[:, self.first_target : last].reshape(-1, *self.target_shape)

    def named(self, metric: str) -> str:
        """Name of one of its metrics among those of all outputs."""
        return f"{self.name}_{metric}" if self.name else metric


def measured_outputs(model: Model, loss: Loss) -> list[MeasuredOutput]:
    """The outputs of a model that a trainer with this loss trains."""
    if not isinstance(loss, HeadLosses):
        kind = model._core.probability_kind
        return [MeasuredOutput("", model.output_shape, model.task, kind, loss)]
    found: list[MeasuredOutput] = []
    first_target = 0
    for head in core_heads(model._core):
        own, _ = loss.terms[head.name]
        place = head.offset, first_target
        found.append(
            MeasuredOutput(head.name, head.shape, head.task, head.probabilities, own, *place)
        )
        first_target += math.prod(found[-1].target_shape)
    return found


def validation_metrics(outputs: Sequence[MeasuredOutput]) -> tuple[str, ...]:
    """Names of the validation metrics that `Measurement` adds to loss and accuracy."""
    of_heads = [
        output.named(metric)
        for output in outputs
        if output.name
        for metric in ("loss", *["accuracy"] * output.counts_correct)
    ]
    sums = [(output, output.sums()) for output in outputs]
    of_tasks = [output.named(name) for output, own in sums if own for name in own.names]
    return tuple(f"{VALIDATION}{name}" for name in (*of_heads, *of_tasks))


class Measurement:
    """One measurement of labelled images, in one pass and in bounded memory.

    Several processes share the pass, and have the same results. They send each other the predicted
    values of regression.

    Args:
        core: core of the trainer.
        outputs: the outputs of the model.
        check: check of the trainer, which refuses a batch without images.
        communicator: of several processes, or None.
        averaged: whether to measure the averaged weights.
    """

    def __init__(
        self,
        core: _core.Trainer,
        outputs: Sequence[MeasuredOutput],
        check: Check,
        communicator: Communicator | None,
        *,
        averaged: bool = False,
    ) -> None:
        self._core, self._check, self._communicator = core, check, communicator
        self._averaged = averaged
        self._outputs = outputs
        sums = [(output, output.sums()) for output in outputs]
        self._sums = [(output, own) for output, own in sums if own is not None]

    def of_arrays(self, arrays: Arrays, rows: Sequence[int] = ()) -> dict[str, float]:
        """Metrics of images, or of some rows of them, by name."""
        return self._named(self._measured(arrays, rows))

    def of_batches(self, batches: Iterable[Any], function: str) -> dict[str, float]:
        """Metrics of all images of batches, by name; raises as `measured_sums`."""

        def measure(batch: Batch) -> BatchMetrics:
            arrays = self._check(*batch, function)
            refuse_not_finite(arrays[0], f"{function}: x")
            return self._measured(arrays, ())

        parts = (batch_of(batch, function) for batch in batches)
        return self._named(measured_sums(parts, measure, function))

    def _measured(self, arrays: Arrays, rows: Sequence[int]) -> BatchMetrics:
        """Loss and accuracy; the metrics of the tasks are added to their sums."""
        pixels, _, targets, weights = arrays
        parts: list[list[Any]] = []  # of the outputs that this process computes

        def observe(first: int, outputs: FloatArray) -> None:
            last = first + len(outputs)
            chosen: Any = rows[first:last] if rows else slice(first, last)
            of_rows = None if weights is None else weights[chosen]
            own = [
                sums.of_images(*output.of(outputs, targets[chosen]), of_rows)
                for output, sums in self._sums
            ]
            parts.append(own)
            if self._communicator is None:
                self._add(parts)

        size = sum(output.size for output in self._outputs)
        observer = (size, observe) if self._sums else None
        whole, heads, terms = self._core.evaluate(*arrays, list(rows), self._averaged, observer)
        if self._communicator is not None and self._sums:
            for of_process in self._communicator.in_each(lambda: parts):
                self._add(of_process)
        count = len(rows) or len(pixels)
        of_heads = tuple(BatchMetrics(*each, count) for each in heads)
        return BatchMetrics(*whole, count, of_heads, tuple(terms))

    def _add(self, parts: list[list[Any]]) -> None:
        """Add parts in the order of their images, and forget them."""
        for part in parts:
            for (_, sums), own in zip(self._sums, part, strict=True):
                sums.add(own)
        parts.clear()

    def _named(self, measured: Means) -> dict[str, float]:
        """Means of all images and the metrics of the tasks, by name."""
        loss, accuracy = measured.means
        found = {"loss": loss, "accuracy": accuracy}
        heads: Sequence[Means] = measured.heads
        for output, head in zip(self._outputs, heads, strict=False):  # one output has none
            loss, accuracy = head.means
            found[output.named("loss")] = loss
            if output.counts_correct:
                found[output.named("accuracy")] = accuracy
        for output, sums in self._sums:
            found.update({output.named(name): value for name, value in sums.metrics.items()})
        return found

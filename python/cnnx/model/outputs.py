"""What the outputs of a model are, as properties of `Model`."""

from __future__ import annotations

import functools
from typing import Any

from cnnx import _core
from cnnx.arguments import FloatArray
from cnnx.model.heads import Head, core_heads, one_or_all
from cnnx.model.predictions import Task, task_of


class ModelOutputs:
    """The outputs of a `Model`."""

    _core: _core.Model

    @property
    def task(self) -> Task:
        """What `predict` predicts; the loss of a training decides it, and it is saved.

        "classification" is one class per image, "multi_label" several classes at once,
        "segmentation" a class for each position of an output (height, width, classes), and
        "regression" values. "multi_output" is a model with several `heads`, of which each has a
        task. A model that was not trained is a classifier, of images or positions.

        Example:
            >>> import cnnx
            >>> cnnx.Model([cnnx.Conv2d(3, 1)], input_shape=(8, 8, 1)).task
            'segmentation'
        """
        return task_of(self._core)

    @property
    def heads(self) -> tuple[Head, ...]:
        """The outputs of a model with several; empty for one.

        Its `output_shape` is that of all of them flattened side by side.
        """
        return tuple(Head(each.name, each.shape, each.task) for each in core_heads(self._core))

    @functools.cached_property
    def _has_heads(self) -> bool:
        """Whether there are several outputs, which never changes."""
        return bool(self._core.heads)

    def _shaped(self, outputs: FloatArray, single: bool) -> Any:
        """A batch of outputs by the names of the heads, of one image without the batch axis."""
        if not self._has_heads:
            return one_or_all(outputs, single)
        heads = core_heads(self._core)
        return {head.name: one_or_all(head.of(outputs), single) for head in heads}

"""What the outputs of a model are, as properties of `Model`."""

from __future__ import annotations

import functools
from typing import Any

from cnnx import _core
from cnnx.arguments import FloatArray
from cnnx.model.file_form import shapes_in_file
from cnnx.model.heads import Head, core_heads, one_or_all
from cnnx.model.predictions import Task, set_task, task_of


class ModelOutputs:
    """The outputs of a `Model`."""

    _core: _core.Model

    @property
    def task(self) -> Task:
        """What `predict` predicts, which is saved; a `Trainer` sets it by its loss.

        "classification" is one class per image, "multi_label" several classes at once,
        "segmentation" a class for each position of an output (height, width, classes), and
        "regression" values. "multi_output" is a model with several `heads`, of which each has a
        task. A model that was not trained is a classifier, of images or positions. The task of a
        model with one output can be assigned, such as that of an imported network of values.

        Raises:
            ValueError: for a task that outputs of this shape and last layer cannot have, or for
                "regression" if the model has class names.

        Example:
            >>> import cnnx
            >>> cnnx.Model([cnnx.Conv2d(3, 1)], input_shape=(8, 8, 1)).task
            'segmentation'

            A network from another framework that computes two values:

            >>> import numpy as np
            >>> model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(8, 8, 1))
            >>> model.task = "regression"
            >>> model.predict(np.zeros((5, 8, 8, 1))).shape
            (5, 2)
        """
        return task_of(self._core)

    @task.setter
    def task(self, value: Task) -> None:
        set_task(self._core, value, "model")

    @property
    def heads(self) -> tuple[Head, ...]:
        """The outputs of a model with several; empty for one.

        Its `output_shape` is that of all of them flattened side by side.
        """
        shapes = self._shapes_in_file
        return tuple(
            Head(each.name, shapes.get(each.name, each.shape), each.task)
            for each in core_heads(self._core)
        )

    @functools.cached_property
    def _has_heads(self) -> bool:
        """Whether there are several outputs, which never changes."""
        return bool(self._core.heads)

    @functools.cached_property
    def _shapes_in_file(self) -> dict[str, tuple[int, ...]]:
        """Shapes of outputs that are images in the core alone, by the name of the head or ""."""
        return shapes_in_file(self._core)

    def _shaped(self, outputs: FloatArray, single: bool) -> Any:
        """A batch of outputs by the names of the heads, of one image without the batch axis."""
        shapes = self._shapes_in_file
        if not self._has_heads:
            if shapes:
                outputs = outputs.reshape(len(outputs), *shapes[""])
            return one_or_all(outputs, single)
        return {
            head.name: one_or_all(
                head.of(outputs).reshape(len(outputs), *shapes.get(head.name, head.shape)), single
            )
            for head in core_heads(self._core)
        }

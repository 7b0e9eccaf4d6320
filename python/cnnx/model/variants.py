"""Copies of a model with one part changed, as methods of `Model`."""

from __future__ import annotations

from typing import TypeVar

from cnnx._core import Model as CoreModel
from cnnx.layers.graph import LayerTuple
from cnnx.model.build import built
from cnnx.preprocessing import Preprocessing
from cnnx.spelling import NamedAttributes

_Model = TypeVar("_Model", bound="ModelVariants")


class ModelVariants(NamedAttributes):
    """Base class of `Model` with the methods that copy a model."""

    _core: CoreModel

    @classmethod
    def _of(cls: type[_Model], core: CoreModel) -> _Model:
        model = cls.__new__(cls)
        model._core = core
        return model

    def clone(self: _Model) -> _Model:
        """Copy the model with its weights."""
        return self._of(self._core.clone())

    def with_preprocessing(self: _Model, preprocessing: Preprocessing) -> _Model:
        """Copy the model with its weights and another preprocessing, to be trained with it.

        Raises:
            TypeError: if preprocessing is not a `Preprocessing`.
            ValueError: as `Preprocessing`, or if the model was trained with a loss other than
                CrossEntropy.

        Example:
            >>> import cnnx
            >>> model = cnnx.models.small((32, 32, 1), ["X", "O"])
            >>> model.with_preprocessing(cnnx.Preprocessing(mean=0.5, std=0.25)).preprocessing
            Preprocessing(resize='stretch', mean=0.5, std=0.25)
        """
        own = self._core
        height, width, channels = own.input_shape
        layers: list[LayerTuple] = [(*layer, []) for layer in own.layers]
        copy = built(layers, (height, width, channels), own.classes, preprocessing, 0)
        if copy.probability_kind != own.probability_kind:
            raise ValueError(
                "with_preprocessing: the model was trained with a loss other than CrossEntropy, "
                "expected a new model: cnnx.Model(..., preprocessing=...)"
            )
        copy_same_arrays(own, copy)
        return self._of(copy)


def copy_same_arrays(source: CoreModel, target: CoreModel) -> None:
    """Copy the parameters and buffers to a model that has the same ones."""
    for name, _, _ in source.parameter_infos:
        target.set_parameter(name, source.get_parameter(name))
    for name, _, _ in source.buffer_infos:
        target.set_buffer(name, source.get_buffer(name))

"""Read access to the layers of a built model, and their `trainable` flag."""

from __future__ import annotations

from typing import Final

from cnnx import _core
from cnnx.arguments import boolean
from cnnx.spelling import NamedAttributes


class ModelLayer(NamedAttributes):
    """Layer of a built model. `Model` accepts it, with its weights, among the layers of a new one.

    Attributes:
        name: name in files and in `Model.layer_outputs`.
        kind: kind of layer, such as "conv2d".
        output_shape: shape of the output for one image.
        parameter_count: number of trainable values.

    Example:
        >>> from cnnx import Conv2d, Dense, Flatten, Model
        >>> model = Model([Conv2d(4, 3), Flatten(), Dense(2)], input_shape=(8, 8, 1))
        >>> for layer in model.layers[:-1]:
        ...     layer.trainable = False
        >>> [layer.name for layer in model.layers if layer.trainable]
        ['dense_1']
    """

    name: Final[str]
    kind: Final[str]
    output_shape: Final[tuple[int, ...]]
    parameter_count: Final[int]

    def __init__(
        self,
        core: _core.Model,
        name: str,
        kind: str,
        output_shape: tuple[int, ...],
        parameter_count: int,
    ) -> None:
        self._core = core
        self.name = name
        self.kind = kind
        self.output_shape = output_shape
        self.parameter_count = parameter_count

    @property
    def trainable(self) -> bool:
        """Whether training updates the layer.

        False freezes its parameters. A frozen batch norm also keeps its running statistics and
        normalises with them.
        """
        return next(layer[4] for layer in self._core.layers if layer[2] == self.name)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._core.set_trainable(self.name, boolean(value, "ModelLayer", "trainable"))

    def __repr__(self) -> str:
        frozen = "" if self.trainable else ", trainable=False"
        return f"ModelLayer({self.name!r}, {self.kind}, {self.output_shape}{frozen})"

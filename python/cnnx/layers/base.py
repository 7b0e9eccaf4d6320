"""Base class of the layers, with its checks, and the symbols that connect layers in a graph."""

from __future__ import annotations

from typing import Any, ClassVar

from cnnx import _core
from cnnx.arguments import boolean, shown, text
from cnnx.spelling import NamedAttributes, checked_call


class Symbol:
    """Symbolic output of a layer in a graph."""

    def __init__(self, layer: Layer | None, inputs: tuple[Symbol, ...]) -> None:
        self.layer = layer
        self.inputs = inputs

    def __repr__(self) -> str:
        count = len(self.inputs)
        return f"<output of {self.layer!r} with {count} input{'' if count == 1 else 's'}>"


class Layer(NamedAttributes):
    """Base class of the layers: kind, settings and name.

    The compiled core computes the layers, so that a class of your own cannot add one; `Custom`
    takes functions of your own. A block of your own is a function that returns a list of layers.

    A call with an `Input` or the outputs of other layers adds the layer to a graph for
    `Model.from_graph`. Every call adds a layer with its own weights; a second call of a layer with
    parameters draws a `cnnx.Warning`, because other libraries would share them.

    Attributes:
        kind: kind of layer in files and default names, such as "conv2d".
        settings: values of the settings by name.
        name: name of the layer, or None for kind and ordinal.
        trainable: False freezes its parameters in training, and the running statistics of a batch
            norm. Set it before the model is built, or later on `Model.layers`.
    """

    kind: ClassVar[str]
    settings: dict[str, Any]
    name: str | None
    _trainable = True
    _depth = 0  # of the blocks within it

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not hasattr(cls, "kind") and cls.__module__ != __name__:
            raise TypeError(
                f"{cls.__name__}: derives from Layer, whose kinds the compiled core has, expected "
                "cnnx.layers.Custom(forward, backward, output_shape), or a function that returns "
                "layers: def block(): return [Conv2d(16, 3), ReLU()]"
            )
        if "__init__" in vars(cls):
            checked_call(cls)

    @checked_call
    def __init__(self, settings: dict[str, Any], name: str | None) -> None:
        """Check the settings.

        Raises:
            ValueError: if a setting is out of range; the message names the setting.
        """
        if not hasattr(type(self), "kind"):
            raise TypeError(
                "Layer: is the base class of the layers, expected one of them: Conv2d(32, 3)"
            )
        self._describe(settings, name)
        _core.check_layer(self.kind, settings)

    def _describe(self, settings: dict[str, Any], name: str | None) -> None:
        if name is not None:
            text(name, type(self).__name__, "name")
        if name == "":
            raise ValueError(f"{type(self).__name__}: name is empty, expected letters")
        self.settings = settings
        self.name = name

    @property
    def trainable(self) -> bool:
        """Whether training updates the layer and every layer inside it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = boolean(value, type(self).__name__, "trainable")

    def __call__(self, *inputs: Symbol) -> Symbol:
        """Connect the layer to `inputs` in a graph.

        Returns:
            The symbolic output of the layer.

        Raises:
            TypeError: if an input is neither an `Input` nor the output of another layer.
        """
        for each in inputs:
            if not isinstance(each, Symbol):
                raise TypeError(
                    f"{type(self).__name__}: its input is {shown(each)}, expected a cnnx.Input or "
                    "the output of another layer"
                )
        if not inputs:
            raise TypeError(f"{type(self).__name__}: has no input, expected at least one")
        return Symbol(self, inputs)

    def branches_within(self) -> list[list[Layer]]:
        """Layers of a block by branch; empty for every other layer."""
        return []

    def _shown_name(self) -> str:
        return "" if self.name is None else f", name={self.name!r}"

    def __repr__(self) -> str:
        settings = dict(self.settings)
        for sides in ("padding", "cropping"):
            if isinstance(settings.get(sides), list):
                top, bottom, left, right = settings[sides]
                settings[sides] = ((top, bottom), (left, right))  # as the constructor takes it
        if self.name is not None:
            settings["name"] = self.name
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in settings.items())})"


class LayerWithoutSettings(Layer):
    """Base class of the layers without settings."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__({}, name)

"""What every layer is: a recipe of a kind, settings and a name; and how settings are checked."""

from __future__ import annotations

from typing import Any, ClassVar

from cnnx import _core
from cnnx.arguments import shown, text


class Symbol:
    """What a layer makes of its inputs: a place in a graph, without numbers in it."""

    def __init__(self, layer: Layer | None, inputs: tuple[Symbol, ...]) -> None:
        self.layer = layer
        self.inputs = inputs

    def __repr__(self) -> str:
        count = len(self.inputs)
        return f"<what {self.layer!r} makes of {count} input{'' if count == 1 else 's'}>"


class Layer:
    """A layer's kind, settings and name; the base of every layer.

    Called with what other layers made, or with an `Input`, it says what it reads in a graph that
    `Model.from_graph` builds; every call makes a layer with weights of its own.

    Attributes:
        kind: the word for it in files and default names, "conv2d".
        settings: the values of its settings by name.
        name: the user's name for it, or None for kind and ordinal.
        trainable: False keeps its parameters as they are in training, and a batch norm's statistics
            too; set it before the model is built, or on `Model.layers` after.
    """

    kind: ClassVar[str]
    _trainable = True

    def __init__(self, settings: dict[str, Any], name: str | None) -> None:
        """Checks the settings.

        Raises:
            ValueError: with one sentence that names the setting, what came and what was expected.
        """
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
        """Whether training changes the layer, and every layer within it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = boolean(value, type(self).__name__, "trainable")

    def __call__(self, *inputs: Symbol) -> Symbol:
        """What this layer makes of `inputs`, in a graph.

        Raises:
            TypeError: if they are not an `Input` or what other layers made.
        """
        for each in inputs:
            if not isinstance(each, Symbol):
                raise TypeError(
                    f"{type(self).__name__}: its input is {shown(each)}, expected a cnnx.Input or "
                    "what another layer made of one"
                )
        if not inputs:
            raise TypeError(f"{type(self).__name__}: has no input, expected at least one")
        return Symbol(self, inputs)

    def branches_within(self) -> list[list[Layer]]:
        """The layers of a block, branch by branch; none of any other layer."""
        return []

    def _shown_name(self) -> str:
        return "" if self.name is None else f", name={self.name!r}"

    def __repr__(self) -> str:
        settings = dict(self.settings)
        if isinstance(settings.get("padding"), list):
            top, bottom, left, right = settings["padding"]
            settings["padding"] = ((top, bottom), (left, right))  # as the constructor takes it
        if self.name is not None:
            settings["name"] = self.name
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in settings.items())})"


class LayerWithoutSettings(Layer):
    """A layer that is its kind and nothing else."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__({}, name)


def refuse_positional(unexpected: tuple[object, ...], layer: str, expected: str, why: str) -> None:
    """Answers what PyTorch's habit writes, Conv2d(3, 32, 3) or MaxPool2d(2, 2)."""
    if unexpected:
        more = ", ".join(shown(value) for value in unexpected)
        raise TypeError(f"{layer}: got {more} after {expected}, expected nothing there; {why}")


def boolean(value: object, layer: str, argument: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{layer}: {argument} is {value!r}, expected True or False")
    return value

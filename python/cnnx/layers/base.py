"""What every layer is: a recipe of a kind, settings and a name; and how settings are checked."""

from __future__ import annotations

from typing import Any, ClassVar

from cnnx import _core
from cnnx.arguments import is_integer, shown


class Layer:
    """A layer's kind, settings and name; the base of every layer.

    Attributes:
        kind: the word for it in files and default names, "conv2d".
        attributes: its settings as plain values.
        name: the user's name for it, or None for kind and ordinal.
    """

    kind: ClassVar[str]

    def __init__(self, attributes: dict[str, Any], name: str | None) -> None:
        """Checks the settings.

        Raises:
            ValueError: with one sentence that names the setting, what came and what was expected.
        """
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: name is {name!r}, expected a string")
        if name == "":
            raise ValueError(f"{type(self).__name__}: name is empty, expected letters")
        self.attributes = attributes
        self.name = name
        _core.check_layer(self.kind, attributes)

    def __repr__(self) -> str:
        attributes = dict(self.attributes)
        if isinstance(attributes.get("padding"), list):
            top, bottom, left, right = attributes["padding"]
            attributes["padding"] = ((top, bottom), (left, right))  # as the constructor takes it
        settings = [f"{key}={value!r}" for key, value in attributes.items()]
        if self.name is not None:
            settings.append(f"name={self.name!r}")
        return f"{type(self).__name__}({', '.join(settings)})"


class LayerWithoutSettings(Layer):
    """A layer that is its kind and nothing else."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__({}, name)


def integer(value: object, layer: str, argument: str) -> int:
    if not is_integer(value):
        raise TypeError(f"{layer}: {argument} is {value!r}, expected an integer")
    return int(value)  # type: ignore[call-overload, no-any-return]


def refuse_positional(unexpected: tuple[object, ...], layer: str, expected: str, why: str) -> None:
    """Answers what PyTorch's habit writes, Conv2d(3, 32, 3) or MaxPool2d(2, 2)."""
    if unexpected:
        more = ", ".join(shown(value) for value in unexpected)
        raise TypeError(f"{layer}: got {more} after {expected}, expected nothing there; {why}")


def boolean(value: object, layer: str, argument: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{layer}: {argument} is {value!r}, expected True or False")
    return value

"""Checks of arguments that name layers of a model."""

from __future__ import annotations

from collections.abc import Sequence

from cnnx._core import Model as CoreModel
from cnnx.arguments import shown
from cnnx.spelling import nearest


def layer_name(name: object, known: Sequence[str], function: str, argument: str = "layer") -> str:
    """`name` if it is one of the known names.

    Raises:
        TypeError: if it is not text.
        ValueError: if it is unknown.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"{function}: {argument} is {shown(name)}, expected the name of a layer, such as "
            f"{known[0]!r}"
        )
    if name not in known:
        expected = (nearest(name, known) or [f"one of {', '.join(known)}"])[0]
        raise ValueError(f"{function}: has no layer {name!r}, expected {expected}")
    return name


def layer_names(core: CoreModel, names: Sequence[str] | None, function: str) -> list[str]:
    """Different names of layers of the model, or all for None.

    Raises:
        TypeError: if `names` is no list of text.
        ValueError: if a name is unknown or stands twice.
    """
    known = [info[2] for info in core.layers]
    if names is None:
        return known
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise TypeError(
            f"{function}: names is {shown(names)}, expected a list of names of layers, such as "
            f"[{known[-1]!r}]"
        )
    found = [layer_name(name, known, function, "names") for name in names]
    if len(set(found)) < len(found):
        raise ValueError(f"{function}: names is {shown(names)}, expected each name once")
    return found

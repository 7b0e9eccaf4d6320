"""The check of an argument that must be a model."""

from __future__ import annotations

from cnnx.arguments import shown
from cnnx.model.model import Model


def check_model(value: object, function: str, given: str = "model is") -> None:
    """Refuse anything that is no model.

    Args:
        value: the argument.
        function: the function that takes it, for the message.
        given: how the message names the argument, before its value.

    Raises:
        TypeError: if it is no model.
    """
    if not isinstance(value, Model):
        raise TypeError(f"{function}: {given} {shown(value)}, expected a cnnx.Model")

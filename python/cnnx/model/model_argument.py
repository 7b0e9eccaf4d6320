"""The check of an argument that must be a model."""

from __future__ import annotations

from cnnx.arguments import shown
from cnnx.model.heads import refuse_heads
from cnnx.model.input_parts import refuse_inputs
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


def check_single_model(value: object, function: str) -> None:
    """Refuse anything but a model with one input and one output.

    Args:
        value: the argument.
        function: the function that takes it, for the message.

    Raises:
        TypeError: if it is no model.
        ValueError: if it has several inputs or outputs.
    """
    check_model(value, function)
    assert isinstance(value, Model)
    refuse_heads(value._core, function)
    refuse_inputs(value._core, function)

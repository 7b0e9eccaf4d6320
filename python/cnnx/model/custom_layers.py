"""Refusal of `Custom` layers, whose functions exist in this process alone."""

from __future__ import annotations

from cnnx import _core


def custom_layer(core: _core.Model) -> str | None:
    """Name of the first layer that Python functions compute, or None."""
    return next((name for kind, _, name, _, _ in core.layers if kind == "custom"), None)


def refuse_custom_layers(
    core: _core.Model, beginning: str, expected: str = "layers of the library"
) -> None:
    """Refuse a model that a file would have to hold, if it has a `Custom` layer.

    Args:
        core: model.
        beginning: beginning of the sentence, such as "save:".
        expected: what is expected instead.

    Raises:
        ValueError: if it has one.
    """
    name = custom_layer(core)
    if name is not None:
        raise ValueError(
            f"{beginning} a file cannot hold the Python functions of layer {name}, expected "
            f"{expected}; numpy.savez(path, **model.parameters) writes the weights"
        )

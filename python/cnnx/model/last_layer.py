"""Search and replacement of the last layer with parameters, the classifier of a network."""

from __future__ import annotations

from typing import Any

from cnnx._core import Model as CoreModel
from cnnx.layers.graph import LayerTuple
from cnnx.model.layer_reuse import every_layer

# Layers of a classifier's end that the losses and predictions apply themselves.
PROBABILITY_LAYERS = ("softmax", "log_softmax", "sigmoid")


def layers_with_arrays(core: CoreModel) -> list[str]:
    """Names of the layers that have parameters or running statistics, in order."""
    infos = (*core.parameter_infos, *core.buffer_infos)
    owners = {name.rpartition(".")[0] for name, _, _ in infos}
    return [name for _, _, name, _, _ in core.layers if name in owners]


def with_outputs(core: CoreModel, count: int, function: str) -> tuple[list[LayerTuple], str]:
    """Layers of a model with another number of outputs, without probabilities at their end.

    Args:
        core: model.
        count: number of outputs.
        function: named in errors.

    Returns:
        The layers, and the name of the one whose number of outputs changed.

    Raises:
        ValueError: if the last layer with parameters is neither dense nor a 1x1 convolution, or if
            the layers after it are no chain.
    """
    layers = every_layer(core)
    while len(layers) > 1 and layers[-1][0] in PROBABILITY_LAYERS:
        layers.pop()
    position = _last_position(core, layers, function)
    kind, settings, name, inputs, _, _ = layers[position]
    setting = _outputs_setting(kind, settings)
    if setting is None:
        raise ValueError(
            f"{function}: the last layer with parameters, {name}, is {_described(kind, settings)}, "
            "expected Dense or a 1x1 Conv2d; "
            "build the network from its layers: cnnx.Model([*model.layers[:-1], ...])"
        )
    for before, layer in zip(layers[position:], layers[position + 1 :], strict=False):
        if layer[3] != [before[2]]:
            raise ValueError(
                f"{function}: {layer[2]} after the last layer with parameters reads "
                f"{' and '.join(layer[3])}, expected {before[2]} alone"
            )
    layers[position] = (kind, {**settings, setting: count}, name, inputs, True, [])
    return layers, name


def _last_position(core: CoreModel, layers: list[LayerTuple], function: str) -> int:
    owners = layers_with_arrays(core)
    if not owners:
        raise ValueError(f"{function}: the model has no parameters, expected a Dense layer")
    return [layer[2] for layer in layers].index(owners[-1])


def _outputs_setting(kind: str, settings: dict[str, Any]) -> str | None:
    """Setting with the number of outputs of a layer that can end a classifier, or None."""
    if kind == "dense":
        return "out_features"
    is_pointwise = kind == "conv2d" and settings["kernel_size"] == [1, 1]
    return "out_channels" if is_pointwise and settings["groups"] == 1 else None


def _described(kind: str, settings: dict[str, Any]) -> str:
    if kind != "conv2d":
        return kind
    height, width = settings["kernel_size"]
    groups = f" in {settings['groups']} groups" if settings["groups"] > 1 else ""
    return f"a {height}x{width} convolution{groups}"

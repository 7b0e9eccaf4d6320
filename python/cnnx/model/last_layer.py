"""Search and replacement of the last layer with parameters, the classifier of a network."""

from __future__ import annotations

from itertools import pairwise
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


def output_layers(core: CoreModel) -> list[str]:
    """Names of the layers with parameters whose outputs become those of the model.

    There are several where the outputs of dense layers or 1x1 convolutions are added up, as the
    scores of a fully convolutional network; else it is the last one. None has no parameters.
    """
    layers, owners = every_layer(core), layers_with_arrays(core)
    found = _added_up(layers, set(owners))
    kinds = {name: (kind, settings) for kind, settings, name, *_ in layers}
    have_scores = all(_outputs_setting(*kinds[name]) is not None for name in found)
    return found if found and have_scores else owners[-1:]


def with_outputs(core: CoreModel, count: int, function: str) -> tuple[list[LayerTuple], list[str]]:
    """Layers of a model with another number of outputs, without probabilities at their end.

    Args:
        core: model.
        count: number of outputs.
        function: named in errors.

    Returns:
        The layers, and the names of those whose number of outputs changed.

    Raises:
        ValueError: if the last layer with parameters is neither dense nor a 1x1 convolution, or if
            the layers after it neither form a chain nor add up its outputs and those of other ones.
    """
    layers = every_layer(core)
    while len(layers) > 1 and layers[-1][0] in PROBABILITY_LAYERS:
        layers.pop()
    position = _last_position(core, layers, function)
    kind, settings, name, *_ = layers[position]
    if _outputs_setting(kind, settings) is None:
        raise ValueError(
            f"{function}: the last layer with parameters, {name}, is {_described(kind, settings)}, "
            "expected Dense or a 1x1 Conv2d; "
            "build the network from its layers: cnnx.Model([*model.layers[:-1], ...])"
        )
    changed = set(_added_up(layers, set(layers_with_arrays(core))))
    own = [layer for layer in layers if layer[2] in changed]
    if not own or any(_outputs_setting(kind, settings) is None for kind, settings, *_ in own):
        _refuse_branches(layers[position:], function)
    for place, (kind, settings, name, inputs, _, _) in enumerate(layers):
        setting = _outputs_setting(kind, settings) if name in changed else None
        if setting is not None:
            layers[place] = (kind, {**settings, setting: count}, name, inputs, True, [])
    return layers, sorted(changed)


def _added_up(layers: list[LayerTuple], owners: set[str]) -> list[str]:
    """Names of the layers with arrays whose outputs reach the end through sums alone, or none."""
    by_name = {layer[2]: layer for layer in layers}
    found: list[str] = []
    waiting = [layers[-1][2]]
    while waiting:
        name = waiting.pop()
        if name in owners:
            found.append(name)
            continue
        kind, _, _, inputs, _, _ = by_name.get(name, ("input", {}, name, [], False, []))
        if kind == "input" or (len(inputs) > 1 and kind != "add"):
            return []
        waiting += inputs
    return list(dict.fromkeys(found))


def _refuse_branches(layers: list[LayerTuple], function: str) -> None:
    """Refuse layers after the first one of these that read others, too."""
    for before, layer in pairwise(layers):
        if layer[3] != [before[2]]:
            raise ValueError(
                f"{function}: {layer[2]} after the last layer with parameters reads "
                f"{' and '.join(layer[3])}, expected {before[2]} alone"
            )


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

"""Layers of built models in a new model, with their settings, weights and frozen flags."""

from __future__ import annotations

from collections.abc import Sequence

from cnnx import _core
from cnnx.layers.base import Layer
from cnnx.layers.graph import LayerTuple, in_order
from cnnx.model.layer_view import ModelLayer
from cnnx.preprocessing import Preprocessing, preprocessing_of


def every_layer(core: _core.Model) -> list[LayerTuple]:
    """Layer tuples of a built model."""
    return [(*layer, []) for layer in core.layers]


def layer_tuples(layers: Sequence[Layer | ModelLayer]) -> list[LayerTuple]:
    """Layer tuples of a sequence; a layer of a built model keeps its name.

    Like a new layer, it reads the layer before it, if it did so in its model. Layers that read
    others, such as the sum of a residual block, read those of the same names.

    Raises:
        ValueError: if such a layer is not in the sequence before it.
    """
    tuples: list[LayerTuple] = []
    before: dict[str, _core.Model] = {}
    for layer in layers:
        if isinstance(layer, ModelLayer):
            tuples.append(_reused(layer, before))
            before[layer.name] = layer._core
        else:
            tuples += in_order([layer])
    return tuples


def _reused(layer: ModelLayer, before: dict[str, _core.Model]) -> LayerTuple:
    own = layer._core.layers
    position = [each[2] for each in own].index(layer.name)
    kind, settings, name, inputs, trainable = own[position]
    if inputs == [own[position - 1][2] if position > 0 else "input"]:
        return kind, settings, name, [], trainable, []
    for each in inputs:
        if each != "input" and before.get(each) is not layer._core:
            raise ValueError(
                f"Model: layers holds {name}, which reads {' and '.join(inputs)}, expected {each} "
                "of the same model before it"
            )
    return kind, settings, name, inputs, trainable, []


def preprocessing_for(layers: Sequence[Layer | ModelLayer]) -> Preprocessing:
    """Preprocessing of the built model whose first layer is the first one, or the default."""
    first = layers[0] if layers else None
    if isinstance(first, ModelLayer) and first._core.layers[0][2] == first.name:
        return preprocessing_of(first._core)
    return Preprocessing()


def reused_parameters(layers: Sequence[Layer | ModelLayer]) -> list[str]:
    """Names of the parameters that `copy_arrays` sets."""
    return [
        name
        for layer in layers
        if isinstance(layer, ModelLayer)
        for name, _, _ in layer._core.parameter_infos
        if name.rpartition(".")[0] == layer.name
    ]


def copy_arrays(layers: Sequence[Layer | ModelLayer], target: _core.Model) -> None:
    """Copy the parameters and buffers of the layers of built models to those of the same names.

    Raises:
        ValueError: if an array has another shape, because the layer reads other inputs.
    """
    shapes = {name: shape for name, shape, _ in (*target.parameter_infos, *target.buffer_infos)}
    for layer in layers:
        if not isinstance(layer, ModelLayer):
            continue
        core = layer._core
        for infos, read, write in (
            (core.buffer_infos, core.get_buffer, target.set_buffer),
            (core.parameter_infos, core.get_parameter, target.set_parameter),
        ):
            for name, shape, _ in infos:
                if name.rpartition(".")[0] != layer.name:
                    continue
                if shape != shapes[name]:
                    raise ValueError(
                        f"Model: {name} has shape {tuple(shape)} in its model, but "
                        f"{tuple(shapes[name])} here, expected {layer.name} to read an input of "
                        "the same shape"
                    )
                write(name, read(name))

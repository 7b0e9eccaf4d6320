"""What every layer of a network computed for one image, in stages that belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnx.arguments import FloatArray
from cnnx.model.model import Model
from cnnx.model.parameters import Parameters

# The name of the image among the inputs of layers.
INPUT = "input"

# Layers that compute every cell from the cell below it, in a way that depends on its map only.
ELEMENTWISE = frozenset(
    {
        *("relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "clip", "sigmoid", "tanh"),
        *("softsign", "silu", "mish", "hard_swish", "hard_sigmoid", "softplus", "gelu"),
        *("hard_shrink", "soft_shrink", "reciprocal", "batch_norm2d", "scale2d", "dropout"),
    }
)
# Layers that belong to the stage of the layer whose output they alone read.
_FOLLOWERS = ELEMENTWISE | {
    *("group_norm", "layer_norm", "global_response_norm", "l2_norm", "rms_norm", "lrn"),
    *("max_pool2d", "avg_pool2d"),
}
_POOLS = frozenset({"max_pool2d", "avg_pool2d"})


@dataclass(frozen=True, eq=False)
class TracedLayer:
    """A layer, its weights and its output for one image.

    Attributes:
        kind: kind of layer, such as "conv2d".
        name: name in the model.
        settings: values of its settings by name.
        inputs: names of the layers that it reads, or "input".
        output: what it computed, without the batch axis.
        arrays: the parameters and the buffers of the model.
    """

    kind: str
    name: str
    settings: dict[str, Any]
    inputs: tuple[str, ...]
    output: FloatArray
    arrays: tuple[Parameters, Parameters]

    def array(self, name: str) -> FloatArray | None:
        """A parameter or buffer, such as "weight", or None if the layer has none."""
        full_name = f"{self.name}.{name}"
        for arrays in self.arrays:
            if full_name in arrays:
                return arrays[full_name]
        return None


@dataclass(frozen=True, eq=False)
class Cell:
    """One number of a layer's output, (row, column, map) or (entry)."""

    layer: TracedLayer
    index: tuple[int, ...]

    @property
    def value(self) -> float:
        """The number."""
        return float(self.layer.output[self.index])


@dataclass(frozen=True, eq=False)
class Stage:
    """Layers in a row, each of which reads only the one before: a filter, its norm, ReLU, pooling.

    Attributes:
        number: number on the page, from 1.
        layers: the layers in order.
        place: the cell of the first layer to spell out, or None for the strongest.
    """

    number: int
    layers: tuple[TracedLayer, ...]
    place: tuple[int, ...] | None = None

    @property
    def first(self) -> TracedLayer:
        """The layer that the stage is named after."""
        return self.layers[0]

    @property
    def output(self) -> FloatArray:
        """What the stage passes on."""
        return self.layers[-1].output

    def strongest_maps(self, most: int) -> list[int]:
        """The maps with the largest numbers in the output of the stage, the largest first."""
        largest = self._rectified.output.reshape(-1, self.output.shape[-1]).max(axis=0)
        order = np.argsort(-largest, kind="stable")
        return [int(each) for each in order[:most]]

    def chosen_cells(self) -> list[Cell]:
        """The strongest cell of the strongest map, followed through the layers of the stage.

        The place is that of the strongest output before pooling. Behind a pool it is the strongest
        cell of the same map, which after a max pooling holds the same number.
        """
        reference = self._rectified.output
        place = self.place or _place_of_largest(reference)
        cells = []
        for layer in self.layers:
            if layer.kind in _POOLS and layer is not self.first:
                place = (*_place_of_largest(layer.output[..., place[-1]]), place[-1])
            cells.append(Cell(layer, place))
        return cells

    @property
    def _rectified(self) -> TracedLayer:
        """The last layer before the pooling."""
        kinds = [layer.kind for layer in self.layers[1:]]
        behind = next((k for k, kind in enumerate(kinds, 1) if kind in _POOLS), len(self.layers))
        return self.layers[behind - 1]


class Trace:
    """A run of a network on one image.

    Attributes:
        image: the pixels as floats from 0 to 1, (height, width, channels).
        layers: the layers in order.
        values: by name of a layer its output; "input" is what the first layer reads.
        labels: names of the classes, or of other outputs.
        explained: index of the class that is explained.
        scores: the layer whose outputs are the scores (logits) of the classes. A softmax or sigmoid
            that ends the network comes after it.
    """

    def __init__(self, model: Model, image: FloatArray, explained: int) -> None:
        core = model._core
        outputs = core.layer_outputs(
            image[np.newaxis], False, [layer.name for layer in model.layers]
        )
        _, mean, std = core.preprocessing
        normalised = (image - np.array(mean, np.float32)) / np.array(std, np.float32)
        self.image = image
        self.values: dict[str, FloatArray] = {INPUT: normalised.astype(np.float32)}
        self.values.update({name: array[0] for name, array in outputs.items()})
        arrays = (model.parameters, model.buffers)
        self.layers = tuple(
            TracedLayer(kind, name, settings, tuple(inputs), self.values[name], arrays)
            for kind, settings, name, inputs, _ in core.layers
        )

        ends_in_probabilities = self.layers[-1].kind in ("softmax", "sigmoid")
        self.scores = self.layers[-2 if ends_in_probabilities and len(self.layers) > 1 else -1]
        count = max(self.scores.output.size, 2 if core.probability_kind != "none" else 1)
        self.labels = model.classes or [str(k) for k in range(count)]
        self.explained = explained

    @property
    def channels(self) -> list[str]:
        """Names of the channels of the image."""
        known = {1: ["image"], 3: ["red", "green", "blue"]}
        count = self.image.shape[2]
        return known.get(count, [f"channel {k}" for k in range(count)])

    def inputs_of(self, layer: TracedLayer) -> list[FloatArray]:
        """The arrays that a layer reads."""
        return [self.values[name] for name in layer.inputs]

    def stages(self) -> list[Stage]:
        """The layers up to the scores, in stages."""
        readers: dict[str, int] = {}
        for layer in self.layers:
            for name in layer.inputs:
                readers[name] = readers.get(name, 0) + 1
        groups: list[list[TracedLayer]] = []
        for layer in self.layers[: self.layers.index(self.scores) + 1]:
            before = groups[-1][-1].name if groups else None
            follows = layer.kind in _FOLLOWERS and layer.inputs == (before,)
            if follows and readers[layer.inputs[0]] == 1:
                groups[-1].append(layer)
            else:
                groups.append([layer])
        # One score stands for two classes.
        place = (min(self.explained, self.scores.output.size - 1),)
        return [
            Stage(number, tuple(group), place if self.scores in group else None)
            for number, group in enumerate(groups, 1)
        ]


def _place_of_largest(values: FloatArray) -> tuple[int, ...]:
    return tuple(int(each) for each in np.unravel_index(values.argmax(), values.shape))

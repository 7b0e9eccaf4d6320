"""The work of a model's layers: multiply-adds and bytes of their arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cnnx

FLOAT_BYTES = 4


class Work(NamedTuple):
    """The least work of layers that run together, for one image.

    Attributes:
        kind: of the first layer, with the kernel of a convolution.
        size: input and output shapes.
        operations: two per multiply-add of the direct method.
        weight_bytes: of the parameters, independent of the number of images.
        input_bytes: of the arrays from other layers.
        output_bytes: of the last layer's result.
    """

    kind: str
    size: str
    operations: int
    weight_bytes: int
    input_bytes: int
    output_bytes: int


class LayerWork:
    """The layers of a model with their shapes."""

    def __init__(self, model: cnnx.Model) -> None:
        """Read the description of the model."""
        core = model._core
        self._layers = {name: (kind, how, read) for kind, how, name, read, _ in core.layers}
        self._shapes = {"input": core.input_shape}
        self._counts = {"input": 0}
        for name, _, shape, count in core.layer_infos:
            self._shapes[name], self._counts[name] = shape, count

    def of(self, names: Sequence[str]) -> Work:
        """The work of layers that are fused."""
        kind, settings, inputs = self._layers[names[0]]
        inside = self._shapes[inputs[0]]
        outside = self._shapes[names[-1]]
        read = [each for name in names for each in self._layers[name][2] if each not in names]
        if kind == "conv2d":
            side = settings["kernel_size"][0]
            depthwise = settings["groups"] == inside[-1] > 1
            kind = f"{'depthwise ' if depthwise else ''}{side}x{side}"
            kind += " stride 2" if settings["stride"][0] == 2 else ""
        before, after = ("x".join(map(str, shape)) for shape in (inside, self._shapes[names[0]]))
        return Work(
            kind,
            f"{before} -> {after}",
            2 * sum(self._multiply_adds(name) for name in names),
            FLOAT_BYTES * sum(self._counts[name] for name in names),
            FLOAT_BYTES * sum(math.prod(self._shapes[each]) for each in dict.fromkeys(read)),
            FLOAT_BYTES * math.prod(outside),
        )

    def _multiply_adds(self, name: str) -> int:
        kind, settings, inputs = self._layers[name]
        shape, reached = self._shapes[name], self._shapes[inputs[0]]
        if kind == "conv2d":
            pairs = math.prod(settings["kernel_size"]) * reached[-1] // settings["groups"]
            return math.prod(shape) * pairs
        if kind == "conv_transpose2d":
            pairs = math.prod(settings["kernel_size"]) * shape[-1] // settings["groups"]
            return math.prod(reached) * pairs
        return math.prod(reached) * shape[-1] if kind == "dense" else 0

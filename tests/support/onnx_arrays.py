"""Models of ONNX graphs that take and return arrays as the graph does, for comparisons with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from cnnx import layers
from cnnx.model.model import Model
from cnnx.onnx.axes import Activation, is_batch, positions
from cnnx.onnx.graph import Array, Graph
from cnnx.onnx.importer import converted
from cnnx.onnx.input_layout import InputLayout
from cnnx.onnx.refusal import Refusal, UnsupportedError
from cnnx.preprocessing import Preprocessing
from numpy.typing import NDArray


@dataclass
class ArrayModel:
    """Model that takes and returns arrays in the order of axes of its ONNX graph.

    Attributes:
        model: the model.
        layout: order of the axes of its input.
        output: its output, with the note on its axes.
    """

    model: Model
    layout: InputLayout
    output: Activation

    def run(self, x: Array) -> NDArray[np.float32]:
        """Output of the graph for the input `x`."""
        result = self.model._core.run(self.layout.images(x), False)
        order = positions(self.output)
        batch = next(k for k, axis in enumerate(self.output.axes) if is_batch(axis))
        return np.moveaxis(result.reshape(len(result), -1)[:, order], 0, batch)


def array_model(
    graph: Graph, constants: Mapping[str, Array], batch: int, output: str | None = None
) -> ArrayModel:
    """Model of a graph of which all inputs except one are constants, as the tests of ONNX have it.

    Args:
        graph: the graph.
        constants: arrays of the other inputs by name.
        batch: number of images in a batch.
        output: name of the output; the first when None.

    Raises:
        UnsupportedError: if cnnx has no layers for it.
        FormatError: if the graph is malformed.
    """
    bound = replace(
        graph,
        inputs=[value for value in graph.inputs if value.name not in constants],
        initializers={**graph.initializers, **constants},
    )
    name = graph.outputs[0].name if output is None else output
    layouts = InputLayout.all_of(bound.inputs[0], None, batch)
    conversion = converted(bound, [[each] for each in layouts], [name])
    network, (done,) = conversion.network, conversion.outputs
    if not any(is_batch(axis) for axis in done.axes):
        raise UnsupportedError("load", [Refusal("output", name, "joins the batch with an axis")])
    if done.symbol.layer is None:  # the graph only moves axes
        done = done.computed(network.add(layers.Dropout(0.0), done.symbol))
    model = network.built(done.symbol, None, Preprocessing())
    return ArrayModel(model, conversion.layouts[0], done)

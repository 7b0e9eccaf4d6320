"""Several outputs of a model: ranges of one output, which holds them flattened side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx import _core
from cnnx.arguments import FloatArray, float32_array, shown
from cnnx.layers.base import Symbol
from cnnx.layers.graph import LayerTuple
from cnnx.layers.merge import Concat
from cnnx.layers.shape import Flatten
from cnnx.model.predictions import Task, predicted, task_of_outputs


class Head(NamedTuple):
    """One of several outputs of a model.

    Attributes:
        name: its name.
        shape: shape of one image's output.
        task: what it predicts, as `Model.task`.
    """

    name: str
    shape: tuple[int, ...]
    task: Task


class CoreHead(NamedTuple):
    """A head as the compiled core describes it.

    Attributes:
        name: its name.
        shape: shape of one image's output.
        offset: of its first number in an image's output.
        probabilities: how its numbers become probabilities.
    """

    name: str
    shape: tuple[int, ...]
    offset: int
    probabilities: str

    @property
    def task(self) -> Task:
        """What it predicts."""
        return task_of_outputs(self.shape, self.probabilities)

    @property
    def end(self) -> int:
        """The place behind its last number in an image's output."""
        return self.offset + math.prod(self.shape)

    def of(self, outputs: FloatArray) -> FloatArray:
        """Its part of a batch of outputs, (batch, *shape)."""
        part = outputs[:, self.offset : self.end]
        return part.reshape(len(outputs), *self.shape)


def core_heads(core: _core.Model) -> list[CoreHead]:
    """The heads of a model; none if it has one output."""
    return [CoreHead(name, tuple(shape), offset, kind) for name, shape, offset, kind in core.heads]


def refuse_heads(core: _core.Model, function: str) -> None:
    """Refuse a model with several outputs.

    Raises:
        ValueError: if it has them.
    """
    if core.heads:
        names = ", ".join(head.name for head in core_heads(core))
        raise ValueError(
            f"{function}: the model has several outputs ({names}), expected one with a single "
            "output"
        )


def joined_heads(outputs: Mapping[str, Symbol]) -> Symbol:
    """Outputs of layers, flattened and concatenated.

    Raises:
        TypeError: if a name is no text, or an output is not that of a layer.
        ValueError: if there are fewer than two outputs.
    """
    for name, output in outputs.items():
        if not isinstance(name, str) or not name:
            raise TypeError(f"Model.from_graph: outputs has the name {shown(name)}, expected text")
        if not isinstance(output, Symbol):
            raise TypeError(
                f"Model.from_graph: output {name!r} is {shown(output)}, expected that of a layer"
            )
    if len(outputs) < 2:
        raise ValueError(
            f"Model.from_graph: outputs has the names {', '.join(outputs) or 'of none'}, expected "
            "at least two; a single output goes without a name"
        )
    flat = [Flatten()(output) for output in outputs.values()]
    return Concat(name="outputs")(*flat)


def probabilities_after(kind: str | None) -> str:
    """How a new head whose layer is of this kind becomes probabilities."""
    return "outputs" if kind in ("softmax", "sigmoid") else "softmax"


def name_heads(core: _core.Model, layers: list[LayerTuple], names: list[str]) -> None:
    """Make the inputs of the last layer, before they are flattened, heads with these names."""
    inputs = {name: sources for _, _, name, sources, _, _ in layers}
    shapes = {name: tuple(shape) for name, _, shape, _ in core.layer_infos}
    shapes["input"] = tuple(core.input_shape)
    kinds = {name: kind for kind, _, name, _, _, _ in layers}
    heads = []
    for name, flat in zip(names, inputs[layers[-1][2]], strict=True):
        (source,) = inputs[flat]
        heads.append((name, list(shapes[source]), probabilities_after(kinds.get(source))))
    core.set_heads(heads)


def sources_of_heads(core: _core.Model) -> list[str]:
    """Names of the layers whose outputs the heads are.

    None if there is one output, or if the heads are ranges of the output of another layer than a
    Concat of theirs, which C and C++ can make.
    """
    heads = core_heads(core)
    layers = {name: (kind, sources) for kind, _, name, sources, _ in core.layers}
    kind, flat = layers[core.layers[-1][2]]
    if kind != "concat" or len(flat) != len(heads):
        return []
    shapes = {name: tuple(shape) for name, _, shape, _ in core.layer_infos}
    shapes["input"] = tuple(core.input_shape)
    sources = [
        layers[name][1][0] for name in flat if name in layers and layers[name][0] == "flatten"
    ]
    if [shapes.get(source) for source in sources] != [head.shape for head in heads]:
        return []
    return sources


def layers_that_join_heads(core: _core.Model) -> set[str]:
    """Names of the layers that only lay the outputs of `sources_of_heads` side by side."""
    if not sources_of_heads(core):
        return set()
    _, _, last, flat, _ = core.layers[-1]
    return {last, *flat}


def joined_factors(
    core: _core.Model, factors: Mapping[str, ArrayLike], count: int | None
) -> FloatArray:
    """Factors of the raw outputs of heads as those of the one output that holds them.

    Args:
        core: the model.
        factors: an array for each head, in its shape; a head without one has zeros.
        count: the number of images, None for one without the axis.

    Raises:
        TypeError: if the model has one output.
        ValueError: if a name is not that of a head, or a shape not its own.
    """
    heads = {head.name: head for head in core_heads(core)}
    if not heads:
        raise TypeError(
            "gradients: grad_outputs is a dict, expected an array, because the model has one output"
        )
    batch = () if count is None else (count,)
    joined = np.zeros((*batch, *core.output_shape), np.float32)
    for name, given in factors.items():
        if name not in heads:
            raise ValueError(
                f"gradients: grad_outputs has the name {shown(name)}, expected the model's outputs "
                f"{', '.join(heads)}"
            )
        head = heads[name]
        array = float32_array(given, "gradients", f"grad_outputs[{name!r}]")
        if array.shape != (*batch, *head.shape):
            raise ValueError(
                f"gradients: grad_outputs[{name!r}] has shape {array.shape}, expected that of the "
                f"output, {(*batch, *head.shape)}"
            )
        joined[..., head.offset : head.end] = array.reshape(*batch, -1)
    return joined


def predictions_of_heads(
    core: _core.Model, outputs: Mapping[str, FloatArray], single: bool
) -> dict[str, Any]:
    """Predictions of each head from the probabilities of a batch, or of one image."""
    found = {}
    for head in core_heads(core):
        own = outputs[head.name]
        of_head = predicted(own, own.shape[1:], head.probabilities, classes=None)
        found[head.name] = one_or_all(of_head, single)
    return found


def one_or_all(batch: NDArray[Any], single: bool) -> Any:
    """A batch, or the only element of one that had no axis for the batch."""
    return batch[0] if single else batch

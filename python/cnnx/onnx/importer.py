"""Converts an ONNX graph to a network of cnnx layers, node by node."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cnnx._core import FormatError
from cnnx.arguments import shown
from cnnx.onnx.arrangement import atoms_in, image_of, in_memory_order, listed
from cnnx.onnx.axes import Activation, ByteScale, is_batch, whole
from cnnx.onnx.batch_counts import BatchCounts
from cnnx.onnx.call import Call, Operand
from cnnx.onnx.folding import FOLDINGS, VIEWS, Budget, folded
from cnnx.onnx.graph import Array, Graph, Node
from cnnx.onnx.input_layout import InputLayout, named_images
from cnnx.onnx.layer_names import own_layer_name
from cnnx.onnx.layout import channels_first, flat, repeated
from cnnx.onnx.network import Network
from cnnx.onnx.operators import OPERATORS
from cnnx.onnx.operators.quantization import TAKE_BYTES
from cnnx.onnx.patterns import with_patterns
from cnnx.onnx.refusal import Refusal, RefusedError, UnsupportedError, refusal_of
from cnnx.onnx.sequences import with_pieces
from cnnx.onnx.trained_constants import adds_axes, parameter_of
from cnnx.onnx.weight_scales import READ_BY_SCALES, WeightScale, weight_scales


@dataclass(frozen=True)
class _Missing:
    """Value that could not be computed, because a node before it is refused.

    Attributes:
        is_constant: whether it depends on sizes alone, not on the numbers of an image.
    """

    is_constant: bool


@dataclass
class Conversion:
    """Converted graph.

    Attributes:
        network: its layers.
        layouts: order of the axes of each input.
        outputs: its outputs.
    """

    network: Network
    layouts: Sequence[InputLayout]
    outputs: list[Activation]


def converted(
    graph: Graph, layouts: Sequence[Sequence[InputLayout]], outputs: Sequence[str]
) -> Conversion:
    """The graph as a network, with the orders of the inputs' axes that fit its operators best.

    Those fit best with which the fewest axes have to be transposed, of equal ones the first. An
    unlikely order is better than others if it needs no transposition.

    Args:
        graph: the graph.
        layouts: orders to try, one for each input.
        outputs: names of the values that the network computes.

    Raises:
        UnsupportedError: if none fits; it has the refusals of the order that most nodes fit.
        FormatError: if the graph is malformed.
    """
    budget = Budget(sum(array.nbytes for array in graph.initializers.values()))
    needed = _needed(graph, outputs)
    constants, nodes = _constants(needed, outputs, budget)
    scales = weight_scales(needed.nodes, constants)
    nodes = with_pieces(nodes, outputs, constants)
    simplified = _needed(with_patterns(replace(needed, nodes=nodes), constants), outputs)
    farthest: _Walk | None = None
    best: Conversion | None = None
    for each in layouts:
        # Every walk computes the same constants, and those of the one before are freed.
        walk = _Walk(simplified, each, constants, scales, copy.copy(budget))
        results = walk.run(outputs)
        if results is not None and not walk.refusals:
            count = walk.network.transpositions
            is_likely = count == 0 or all(layout.is_likely for layout in each)
            if best is None or (is_likely and count < best.network.transpositions):
                best = Conversion(walk.network, each, results)
            if count == 0:
                break
        elif farthest is None or walk.converted > farthest.converted:
            farthest = walk
    if best is not None:
        return best
    raise UnsupportedError("load", farthest.refusals if farthest else [])


def _needed(graph: Graph, outputs: Sequence[str]) -> Graph:
    """The graph with only the nodes that the outputs depend on."""
    wanted = set(outputs)
    kept = []
    for node in reversed(graph.nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
    return replace(graph, nodes=kept[::-1])


def _constants(
    graph: Graph, outputs: Sequence[str], budget: Budget
) -> tuple[dict[str, Array], list[Node]]:
    """Values that need no image and that something reads, and the nodes that are left."""
    constants: dict[str, Array] = dict(graph.initializers)
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    readers.update(outputs)
    for node in graph.nodes:
        if node.op_type in READ_BY_SCALES:
            readers.update([*node.inputs, *node.outputs])
    own: dict[str, int] = {}  # bytes of the values that were made here and may be freed
    left = []
    for node in graph.nodes:
        known = all(name in constants for name in node.inputs if name)
        if not known or node.domain or node.op_type not in FOLDINGS:
            left.append(node)
            continue
        inputs = [constants[name] if name else None for name in node.inputs]
        call = Call(node, graph.opset, inputs, _NO_NETWORK, ())
        results = dict(zip(node.outputs, _folded(call, budget), strict=False))
        constants.update(results)
        if node.op_type in VIEWS:
            for name in node.inputs:  # whose memory lives as long as the view
                own.pop(name, None)
        else:
            own.update((name, array.nbytes) for name, array in results.items())
        readers.subtract(node.inputs)
        for name in set(node.inputs):
            if readers[name] == 0 and name in own:
                del constants[name]
                budget.free(own.pop(name))
    return constants, left


_NO_NETWORK = Network({}, folds=True)


def _folded(call: Call, budget: Budget) -> list[Array]:
    try:
        return folded(call, budget)
    except FormatError as error:
        raise _malformed(call.node, error) from None


def _malformed(node: Node, error: Exception) -> FormatError:
    refusal = refusal_of(node, "")
    return FormatError(f"node {shown(refusal.node)} ({refusal.operator}): {error}")


class _Walk:
    """One conversion of a graph, with one order of the axes of each input."""

    def __init__(
        self,
        graph: Graph,
        layouts: Sequence[InputLayout],
        constants: Mapping[str, Array],
        scales: Mapping[str, WeightScale],
        budget: Budget,
    ) -> None:
        self.network = Network(named_images(layouts), folds=not graph.is_from_cnnx)
        self.refusals: list[Refusal] = []
        self.converted = 0  # nodes
        self._graph = graph
        self._budget = budget
        self._scales = scales
        self._values: dict[str, Activation | Array | _Missing] = {**constants}
        self._values.update((each.name, each.activation) for each in layouts)
        self._input = layouts[0].activation
        self._counts = BatchCounts() if any(each.is_open for each in layouts) else None
        self._producers = {name: node for node in graph.nodes for name in node.outputs}
        self._readers = Counter(name for node in graph.nodes for name in node.inputs)
        # Values that anything but a product reads.
        self._whole = {n for each in graph.nodes if each.op_type != "Mul" for n in each.inputs}

    def run(self, outputs: Sequence[str]) -> list[Activation] | None:
        """Convert every node; the outputs, or None if something before them is refused."""
        self._readers.update(outputs)
        self._whole.update(outputs)
        for node in self._graph.nodes:
            self._convert(node)
        results = [self._result(output) for output in outputs]
        found = [result for result in results if isinstance(result, Activation)]
        return found if len(found) == len(results) else None

    def _result(self, output: str) -> Activation | _Missing:
        result = self._values.get(output)
        if result is None:
            raise FormatError(f"has no value {shown(output)}, which is to be its output")
        if isinstance(result, np.ndarray):
            raise FormatError(f"its output {shown(output)} does not depend on its input")
        return result

    def _convert(self, node: Node) -> None:
        inputs = [self._value(node, name) for name in node.inputs]
        known = not any(isinstance(value, _Missing) for value in inputs)
        try:
            results = self._results(node, inputs) if known else self._unknown(node, inputs)
        except (RefusedError, ValueError) as error:
            if isinstance(error, FormatError):
                raise _malformed(node, error) from None
            self.refusals.append(refusal_of(node, str(error)))
            results = []
        except (TypeError, IndexError, KeyError, OverflowError, ZeroDivisionError) as error:
            raise _malformed(node, error) from None
        self.converted += len(results) > 0
        missing = _Missing(_is_constant(node, inputs))
        for index, name in enumerate(node.outputs):
            if name:
                self._values[name] = results[index] if index < len(results) else missing

    def _counted(self, node: Node) -> Activation | None:
        """The images whose number a `Parameter` of a file of cnnx repeats its array by."""
        if self.network.folds or node.op_type != "Expand":
            return None
        sizes = self._producers[node.inputs[1]]
        value = self._values[self._producers[sizes.inputs[0]].inputs[0]]
        return value if isinstance(value, Activation) else None

    def _value(self, node: Node, name: str) -> Operand | _Missing:
        if not name:
            return None
        if name not in self._values:
            raise _malformed(
                node, ValueError(f"reads {shown(name)}, which no node before computes")
            )
        value = self._values[name]
        if isinstance(value, Activation) and self._readers[name] > 1:
            return replace(value, shared=True)
        return value

    def _unknown(
        self, node: Node, inputs: Sequence[Operand | _Missing]
    ) -> list[Activation | Array]:
        """Refuse an operator without a layer, whose inputs are unknown because of another node."""
        if (node.domain or node.op_type not in OPERATORS) and not _is_constant(node, inputs):
            raise _without_layer(node)
        return []

    def _results(
        self, node: Node, inputs: Sequence[Operand | _Missing]
    ) -> Sequence[Activation | Array]:
        used = [self._readers[name] > 0 for name in node.outputs]
        operands = [value for value in inputs if not isinstance(value, _Missing)]
        graph = self._graph
        call = Call(node, graph.opset, operands, self.network, used, self._scales, graph.producer)
        depends = any(isinstance(value, Activation) for value in operands)
        if not depends and not node.domain and node.op_type in FOLDINGS:
            counted = self._counted(node)
            if counted is None:
                constants = _folded(call, self._budget)
                if self._counts is not None:
                    self._counts.folded(node, call, constants, self._budget)
                return constants
            self.network.node_name = own_layer_name(node)
            return [parameter_of(self.network, call.constant(0), counted, None)]
        if node.domain or node.op_type not in OPERATORS:
            raise _without_layer(node)
        if not self.network.folds:
            self.network.node_name = own_layer_name(node)
        if not depends and isinstance(operands[0], np.ndarray):
            operands[0] = parameter_of(self.network, operands[0], self._input, call.name(0))
        byte_scale = _byte_scale(node, operands)
        value = operands[0]
        if isinstance(value, Activation) and node.constant_axes > len(value.axes):
            raise RefusedError(adds_axes(node.constant_axes))
        if self._counts is not None:
            if node.op_type in ("Shape", "Size"):
                self._counts.counted(call)
            self._counts.check(node, self._values)
        result = OPERATORS[node.op_type](call)
        results = result if isinstance(result, list) else [result]
        if isinstance(result, Activation) and node.outputs[0] in self._whole:
            results = [repeated(self.network, result)]
        if byte_scale is None or node.op_type == "DequantizeLinear":
            return results
        return [
            replace(each, byte_scale=byte_scale) if isinstance(each, Activation) else each
            for each in results
        ]


def _is_constant(node: Node, inputs: Sequence[Operand | _Missing]) -> bool:
    """Whether the outputs of a node depend on sizes alone."""
    if node.domain:
        return False
    if node.op_type in ("Shape", "Size"):
        return True
    return node.op_type in FOLDINGS and not any(
        isinstance(each, Activation) or (isinstance(each, _Missing) and not each.is_constant)
        for each in inputs
    )


def _without_layer(node: Node) -> RefusedError:
    if node.op_type == "DynamicQuantizeLinear":
        return RefusedError(
            "rounds each image by its own range, expected the ranges of calibration images: "
            "onnxruntime.quantization.quantize_static"
        )
    return RefusedError("cnnx has no layer for this operator")


def _byte_scale(node: Node, operands: Sequence[Operand]) -> ByteScale | None:
    """Scale of the bytes that a node reads; None if it reads real numbers.

    Raises:
        RefusedError: if the node computes with the bytes.
    """
    scales = {each.byte_scale for each in operands if isinstance(each, Activation)}
    if not any(scales):
        return None
    if node.op_type not in TAKE_BYTES or len(scales) > 1:
        raise RefusedError("computes with the bytes of a QuantizeLinear, expected real numbers")
    return next(iter(scales))


def are_rows(value: Activation) -> bool:
    """Whether an output of three axes has the channels last, of several pixels in their order."""
    return (
        len(value.axes) == 3
        and value.axes[2] == value.whole("C") != ()
        and atoms_in(value) == in_memory_order(value)
        and value.onnx_shape[1] > 1
    )


def finished(network: Network, value: Activation) -> Activation:
    """An output as the model returns it: images as (height, width, channels), else features.

    Three axes that are no image are rows of features, (rows, 1, features).

    Raises:
        RefusedError: if the graph computes nothing, or its output does not begin with the batch.
    """
    if value.symbol.layer is None:
        raise RefusedError("is the input itself, expected a network")
    if not is_batch(value.axes[0]):
        raise RefusedError("does not have the batch as its first axis")
    if value.byte_scale is not None:
        raise RefusedError("is the bytes of a QuantizeLinear, expected real numbers")
    rank = len(value.axes)
    has_pixels = any(atom.label in "HW" for axis in value.axes for atom in axis)
    # In a file of cnnx an image of one pixel is one, elsewhere it is features.
    if rank != 2 and (has_pixels or not network.folds):
        atoms = [atom for axis in value.axes for atom in axis if atom.label != "N"]
        pixels = "".join(atom.label for atom in atoms).strip("C")
        are_whole = all((atom,) == value.whole(atom.label) for atom in atoms)
        if are_whole and pixels in ("HW", "H", "W", ""):  # with the channels first or last
            return value
        if rank == 4 and len(value.shape) == 3:
            return channels_first(network, value)
    if in_memory_order(value) != atoms_in(value):
        value = listed(network, value, value.onnx_shape)
    done = flat(network, value)
    if rank == 3 and network.folds and min(value.onnx_shape[1:]) > 1:
        rows, channels = value.onnx_shape[1:]
        symbol = image_of(network, done.symbol, (rows, 1, channels))
        axes = (value.axes[0], whole("H", rows), whole("C", channels))
        return done.computed(symbol, (rows, 1, channels), axes)
    return replace(done, axes=(value.axes[0], whole("C", done.channels)))

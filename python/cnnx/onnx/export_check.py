"""Check of an exported graph: imported again, it computes the outputs of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from cnnx import _core
from cnnx.arguments import FloatArray, shown
from cnnx.layers.base import Layer, Symbol
from cnnx.layers.graph import LayerTuple
from cnnx.model.build import built
from cnnx.model.compute_dtype import in_float32
from cnnx.model.windows import windows_of
from cnnx.onnx.export_weights import bias_units, whole_bias, whole_weight
from cnnx.onnx.graph import Array, Graph
from cnnx.onnx.load import network_of
from cnnx.onnx.network import KEEP_VALUES, Network
from cnnx.onnx.refusal import UnsupportedError
from cnnx.preprocessing import Preprocessing, per_channel, preprocessing_of

Layers: TypeAlias = "dict[str, tuple[str, dict[str, Any], list[str]]]"  # kind, settings, inputs

_IMAGES = 2
_TOLERANCE = 1e-5  # of the largest output
_SCALE = "weight_scale"
# Kinds that have their input as output if it is of the same shape.
_IDENTITY_IF_OF_ONE_SHAPE = frozenset(
    {"crop2d", "pad2d", "reshape", "slice_channels", "upsample2d", "zero_pad2d"}
)
_OF_TRAINING = ("momentum", "rate")  # settings that inference does not use


def check_graph(core: _core.Model, graph: Graph) -> None:
    """Check that a graph computes what a model does.

    The same layers with the same arrays give the same bits, without running either: weights and
    their copies would take more memory. Where ONNX has other operators than cnnx has layers, both
    run on random images. Both then run without their quantize layers, which must be the same,
    because these make a step of a difference by rounding.

    Raises:
        UnsupportedError: if the importer refuses the graph.
        ValueError: if the outputs differ by more than rounding.
    """
    compare = _Comparison(core)
    if all(compare.is_identity(kind, name, inputs[0]) for kind, _, name, inputs, _ in core.layers):
        return  # such a graph has no layer, and the importer refuses it
    try:
        read = network_of(graph)
    except UnsupportedError as error:
        source = "save: the graph cannot be checked, and no file was written"
        raise UnsupportedError(source, error.refusals) from None
    if _same_preprocessing(core, read.preprocessing) and compare.network(read.network, read.symbol):
        return
    imported = read.network.built(read.symbol, None, read.preprocessing)._core
    core, imported = _without_steps(in_float32(core), imported)
    shape = (_IMAGES, *core.input_shape)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    _check_outputs(core.run(images, True), imported.run(images, True))


def _check_outputs(expected: FloatArray, outputs: FloatArray) -> None:
    if np.array_equal(expected, outputs, equal_nan=True):
        return
    scale = float(np.abs(expected).max())
    same_shape = expected.shape == outputs.shape
    difference = float(np.abs(expected - outputs).max()) if same_shape else np.inf
    if not difference <= _TOLERANCE * scale:
        raise ValueError(
            f"save: the outputs of the ONNX graph differ from the model's by {difference:.3g}, "
            f"expected at most {_TOLERANCE:.0e} of the largest, {scale:.3g}; no file was written"
        )


def _without_steps(core: _core.Model, imported: _core.Model) -> tuple[_core.Model, _core.Model]:
    """Both models without their quantize layers, which must be the same.

    Raises:
        ValueError: if they are not.
    """
    own, others = (
        [layer[1] for layer in each.layers if layer[0] == "quantize"] for each in (core, imported)
    )
    if own != others:
        raise ValueError(
            f"save: the ONNX graph has other quantize layers than the model: {shown(others)}, "
            f"expected {shown(own)}; no file was written"
        )
    return (_continuous(core), _continuous(imported)) if own else (core, imported)


def _continuous(core: _core.Model) -> _core.Model:
    """The model with float32 weights and without its quantize layers.

    Biases of int8 weights are rounded to the whole numbers with which sums of integers begin.
    """
    sources = {"input": "input"}
    layers: list[LayerTuple] = []
    for kind, settings, name, inputs, trainable in core.layers:
        read = [sources[each] for each in inputs]
        sources[name] = read[0] if kind == "quantize" else name
        if kind != "quantize":
            other = {key: value for key, value in settings.items() if key != "int8_weight"}
            layers.append((kind, other, name, read, trainable, []))
    height, width, channels = core.input_shape
    given = [name for name, *_ in core.parameter_infos]
    model = built(layers, (height, width, channels), None, preprocessing_of(core), 0, given)
    before = {layer[2]: (layer[0], layer[1], layer[3]) for layer in core.layers}
    for full_name, *_ in model.parameter_infos:
        layer, _, name = full_name.rpartition(".")
        array, scale = core.get_parameter(full_name), _scale_of(before, before[layer][2][0])
        if name == "bias" and scale is not None and before[layer][1].get("int8_weight", False):
            units = bias_units(scale, core.get_buffer(f"{layer}.{_SCALE}"))
            array = (whole_bias(array, units) * units).astype(np.float32)
        model.set_parameter(full_name, array)
    for name, *_ in model.buffer_infos:
        model.set_buffer(name, core.get_buffer(name))
    return model


def _scale_of(layers: Layers, name: str) -> float | None:
    """Scale of the quantize layer whose values the output of a layer has."""
    while name in layers:
        kind, settings, inputs = layers[name]
        if kind == "quantize":
            return float(settings["scale"])
        if kind not in KEEP_VALUES:
            return None
        name = inputs[0]
    return None


def _same_preprocessing(core: _core.Model, preprocessing: Preprocessing) -> bool:
    _, mean, std = core.preprocessing
    own = np.array([*mean, *std], np.float32)
    others = [*per_channel(preprocessing.mean, "mean"), *per_channel(preprocessing.std, "std")]
    return np.array_equal(own, np.array(others, np.float32))


class _Comparison:
    """Layers of a model against those of the same kinds in a network."""

    def __init__(self, core: _core.Model) -> None:
        self._core = core
        self._layers = {layer[2]: (layer[0], layer[1], layer[3]) for layer in core.layers}
        self._kinds = {kind["name"]: kind["settings"] for kind in _core.layer_kinds()}
        self._shapes = {name: tuple(shape) for name, _, shape, _ in core.layer_infos}
        self._shapes["input"] = tuple(core.input_shape)
        self._inputs = {name for name, _, _ in core.inputs} or {"input"}
        # Names of arrays in a layer, with the function that reads them, by layer.
        self._readers: dict[str, dict[str, Callable[[str], FloatArray]]] = {
            name: {} for name in self._layers
        }
        for infos, read in (
            (core.parameter_infos, core.get_parameter),
            (core.buffer_infos, core.get_buffer),
        ):
            for full_name, *_ in infos:
                layer, _, name = full_name.rpartition(".")
                self._readers[layer][name] = read

    def network(self, network: Network, output: Symbol) -> bool:
        """Whether a network has the model's layers and arrays, without those that do nothing."""
        pairs = [(output, self._core.layers[-1][2])]
        seen: set[tuple[int, str]] = set()
        while pairs:
            symbol, name = pairs.pop()
            name = self._reached(name)
            if (id(symbol), name) in seen:
                continue
            seen.add((id(symbol), name))
            if symbol.layer is None or name in self._inputs:
                if network.inputs.get(name) is not symbol:
                    return False
                continue
            kind, own, inputs = self._layers[name]
            if symbol.layer.kind != kind or len(symbol.inputs) != len(inputs):
                return False
            if not self._same_settings(name, inputs[0], own, symbol.layer):
                return False
            if not self._same_arrays(name, inputs[0], network.arrays(symbol)):
                return False
            pairs += zip(symbol.inputs, inputs, strict=True)
        return True

    def _reached(self, name: str) -> str:
        """The layer whose output a layer has: itself, or one before it if it does nothing."""
        while name in self._layers:
            kind, _, inputs = self._layers[name]
            if not self.is_identity(kind, name, inputs[0]):
                break
            name = inputs[0]
        return name

    def is_identity(self, kind: str, name: str, source: str) -> bool:
        """Whether a layer has its input, `source`, as output in inference; the graph omits it."""
        if kind in _IDENTITY_IF_OF_ONE_SHAPE:
            return self._shapes[name] == self._shapes[source]
        if kind == "channel_shuffle":
            return self._layers[name][1]["groups"] in (1, self._shapes[name][-1])
        return kind == "dropout" or (kind == "flatten" and len(self._shapes[source]) == 1)

    def _same_settings(self, name: str, source: str, own: dict[str, Any], other: Layer) -> bool:
        """Whether two layers have the same settings, padding compared as numbers."""
        for setting in self._kinds[other.kind]:
            key = setting["name"]
            if not setting["saved"] or key in _OF_TRAINING:
                continue
            one, another = own.get(key, setting["default"]), other.settings[key]
            if setting["form"] == "real":
                one, another = np.float32(one), np.float32(another)
            elif "kernel_size" in own and key == "padding" and other.kind != "conv_transpose2d":
                shapes = self._shapes[source], self._shapes[name]
                one, another = windows_of(own, *shapes), windows_of(other.settings, *shapes)
            if one != another:
                return False
        return True

    def _same_arrays(self, name: str, source: str, others: dict[str, Array]) -> bool:
        """Whether two layers have arrays of the same bits, or of the same whole numbers."""
        readers = self._readers[name]
        if set(readers) != set(others):
            return False
        scales = self._core.get_buffer(f"{name}.{_SCALE}") if _SCALE in readers else None
        scale = _scale_of(self._layers, source)
        units = None if scale is None or scales is None else bias_units(scale, scales)
        for key, read in readers.items():
            own, other = read(f"{name}.{key}"), np.asarray(others[key], np.float32)
            pair: tuple[Array, Array] = own, other
            if own.shape != other.shape:
                return False
            if key == "weight" and scales is not None:
                pair = whole_weight(own, scales), whole_weight(other, scales)
            elif key == "bias" and units is not None:
                pair = whole_bias(own, units), whole_bias(other, units)
            if pair[0].tobytes() != pair[1].tobytes():
                return False
        return True

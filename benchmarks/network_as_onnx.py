"""The benchmarks' networks as ONNX graphs, from which several libraries build their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.network_description import (
    AveragePool,
    BatchNorm,
    Convolution,
    Dense,
    Flatten,
    FloatArray,
    GlobalAveragePool,
    Layer,
    MaxPool,
    Network,
    Parameters,
    Relu,
    Relu6,
    Residual,
    Skip,
    UpConvolution,
    channels_first,
    draw_batch,
    draw_parameters,
)

# Supported by ONNX Runtime's releases of two years; the operators used have not changed since.
OPSET = 17
IR_VERSION = 8


WITHOUT_SETTINGS = {
    Relu: "Relu",
    Relu6: "Clip",
    GlobalAveragePool: "GlobalAveragePool",
    Flatten: "Flatten",
}


def _operator(layer: Layer) -> tuple[str, dict[str, Any]]:
    if isinstance(layer, Convolution):
        settings = {
            "kernel_shape": [layer.kernel_size] * 2,
            "strides": [layer.stride] * 2,
            "pads": [layer.padding] * 4,
            "group": layer.groups,
        }
        return "Conv", settings
    if isinstance(layer, UpConvolution):
        return "ConvTranspose", {"kernel_shape": [2, 2], "strides": [2, 2]}
    if isinstance(layer, MaxPool):
        strides, pads = [layer.stride or layer.size] * 2, [layer.padding] * 4
        return "MaxPool", {"kernel_shape": [layer.size] * 2, "strides": strides, "pads": pads}
    if isinstance(layer, AveragePool):
        window = [layer.size] * 2
        return "AveragePool", {"kernel_shape": window, "strides": window}
    if isinstance(layer, Dense):
        return "Gemm", {"transB": 1}
    if isinstance(layer, BatchNorm):
        return "BatchNormalization", {"epsilon": 1e-5}
    assert type(layer) in WITHOUT_SETTINGS, f"{layer} has no operator here"
    return WITHOUT_SETTINGS[type(layer)], {}


class Nodes:
    """The operators of a graph, connected one by one."""

    def __init__(self, parameters: Iterator[Parameters]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._parameters = parameters

    def in_order(self, layers: tuple[Layer, ...], value: str) -> str:
        """Add layers that begin with `value`; returns the name of their result."""
        for layer in layers:
            value = self._add(layer, value)
        return value

    def _add(self, layer: Layer, value: str) -> str:
        if isinstance(layer, Residual):
            around = self.in_order(layer.shortcut, value)
            return self._connect("Add", [self.in_order(layer.body, value), around], {})
        if isinstance(layer, Skip):
            return self._connect("Concat", [value, self.in_order(layer.body, value)], {"axis": 1})
        inputs = [value]
        if isinstance(layer, Convolution | UpConvolution | Dense | BatchNorm):
            arrays = next(self._parameters).arrays()
            if isinstance(layer, BatchNorm):
                arrays += [np.zeros_like(arrays[0]), np.ones_like(arrays[0])]  # mean, variance
            inputs += [self._array(array) for array in arrays]
        if isinstance(layer, Relu6):
            inputs += [self._array(np.float32(0)), self._array(np.float32(6))]
        operator, settings = _operator(layer)
        result = self._connect(operator, inputs, settings)
        if isinstance(layer, GlobalAveragePool):
            return self._connect("Flatten", [result], {})
        return result

    def _array(self, values: Any) -> str:
        name = f"array_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def _connect(self, operator: str, inputs: list[str], settings: dict[str, Any]) -> str:
        result = f"value_{len(self.nodes) + 1}"
        self.nodes.append(helper.make_node(operator, inputs, [result], **settings))
        return result


def build(network: Network, batch: int) -> onnx.ModelProto:
    """The network with its weights, for this batch size only, which libraries optimise best."""
    made = Nodes(iter(channels_first(network, draw_parameters(network))))
    last = made.in_order(network.layers, "value_0")
    height, width, channels = network.input_shape
    image = helper.make_tensor_value_info(
        "value_0", TensorProto.FLOAT, [batch, channels, height, width]
    )
    rank = len(network.output_shape)
    logits = helper.make_tensor_value_info(last, TensorProto.FLOAT, [batch, *[None] * rank])
    graph = helper.make_graph(made.nodes, "network", [image], [logits], made.initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model)
    return model


def draw_images(network: Network, batch: int) -> FloatArray:
    """The images of every library as (batch, channels, height, width)."""
    images, _ = draw_batch(network, batch)
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def logits_check(logits: FloatArray) -> dict[str, list[float]]:
    """The figure by which the logits of libraries are compared, channels last as those of cnnx."""
    return {"logits": np.moveaxis(logits, 1, -1).ravel().tolist()}

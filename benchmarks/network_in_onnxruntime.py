"""The benchmarks' networks in ONNX Runtime; a library of the ladder's inference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.networks import (
    AveragePool,
    BatchNorm,
    Convolution,
    Dense,
    Flatten,
    Layer,
    MaxPool,
    Network,
    NetworkTask,
    Parameters,
    Relu,
    Residual,
    channels_first,
    draw_batch,
    draw_parameters,
    network_named,
)

# Supported by ONNX Runtime's releases of two years; the operators used have not changed since.
OPSET = 17
IR_VERSION = 8


def versions() -> dict[str, str]:
    """The libraries' versions."""
    return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}


def _operator(layer: Layer) -> tuple[str, dict[str, Any]]:
    if isinstance(layer, Convolution):
        settings = {
            "kernel_shape": [layer.kernel_size] * 2,
            "strides": [layer.stride] * 2,
            "pads": [layer.padding] * 4,
            "group": layer.groups,
        }
        return "Conv", settings
    if isinstance(layer, MaxPool | AveragePool):
        window = [layer.size] * 2
        kind = "MaxPool" if isinstance(layer, MaxPool) else "AveragePool"
        return kind, {"kernel_shape": window, "strides": window}
    if isinstance(layer, Dense):
        return "Gemm", {"transB": 1}
    if isinstance(layer, BatchNorm):
        return "BatchNormalization", {"epsilon": 1e-5}
    assert isinstance(layer, Flatten | Relu), f"{layer} has no operator here"
    return ("Flatten" if isinstance(layer, Flatten) else "Relu"), {}


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
        inputs = [value]
        if isinstance(layer, Convolution | Dense | BatchNorm):
            arrays = next(self._parameters).arrays()
            if isinstance(layer, BatchNorm):
                arrays += [np.zeros_like(arrays[0]), np.ones_like(arrays[0])]  # mean, variance
            for array in arrays:
                name = f"array_{len(self.initializers)}"
                self.initializers.append(numpy_helper.from_array(array, name))
                inputs.append(name)
        operator, settings = _operator(layer)
        return self._connect(operator, inputs, settings)

    def _connect(self, operator: str, inputs: list[str], settings: dict[str, Any]) -> str:
        result = f"value_{len(self.nodes) + 1}"
        self.nodes.append(helper.make_node(operator, inputs, [result], **settings))
        return result


def build(network: Network, batch: int) -> onnx.ModelProto:
    """The network with its weights, for batches of this size only, which ONNX Runtime optimises
    best.
    """
    made = Nodes(iter(channels_first(network, draw_parameters(network))))
    last = made.in_order(network.layers, "value_0")
    height, width, channels = network.input_shape
    image = helper.make_tensor_value_info(
        "value_0", TensorProto.FLOAT, [batch, channels, height, width]
    )
    logits = helper.make_tensor_value_info(last, TensorProto.FLOAT, [batch, None])
    graph = helper.make_graph(made.nodes, "network", [image], [logits], made.initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model)
    return model


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the network, and its logits."""
    network_name, batch, training, threads, _ = NetworkTask(*task)
    assert not training, "ONNX Runtime only infers"
    network = network_named(network_name)
    images, _ = draw_batch(network, batch)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(
        build(network, batch).SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
    )
    feed = {"value_0": np.ascontiguousarray(images.transpose(0, 3, 1, 2))}

    def run() -> Any:
        return session.run(None, feed)

    return run, {"logits": run()[0].ravel().tolist()}

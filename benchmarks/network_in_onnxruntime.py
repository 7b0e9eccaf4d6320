"""The benchmarks' networks in ONNX Runtime; a contestant of the ladder's inference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.networks import (
    NETWORKS,
    AveragePool,
    Convolution,
    Dense,
    Flatten,
    Layer,
    MaxPool,
    Network,
    NetworkTask,
    channels_first,
    draw_batch,
    draw_parameters,
)

# What ONNX Runtime's releases of two years read; the operators used have not changed since.
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
    return ("Flatten" if isinstance(layer, Flatten) else "Relu"), {}


def build(network: Network, batch: int) -> onnx.ModelProto:
    """The network with its drawn weights, for batches of this size only: what suits ONNX Runtime
    best.
    """
    remaining = iter(channels_first(network, draw_parameters(network)))
    nodes, initializers = [], []
    for index, layer in enumerate(network.layers):
        inputs = [f"value_{index}"]
        if isinstance(layer, Convolution | Dense):
            for name, array in next(remaining)._asdict().items():
                initializers.append(numpy_helper.from_array(array, f"{name}_{index}"))
                inputs.append(f"{name}_{index}")
        operator, settings = _operator(layer)
        nodes.append(helper.make_node(operator, inputs, [f"value_{index + 1}"], **settings))
    height, width, channels = network.input_shape
    picture = helper.make_tensor_value_info(
        "value_0", TensorProto.FLOAT, [batch, channels, height, width]
    )
    last = f"value_{len(network.layers)}"
    logits = helper.make_tensor_value_info(last, TensorProto.FLOAT, [batch, None])
    graph = helper.make_graph(nodes, "network", [picture], [logits], initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model)
    return model


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the network, and its logits."""
    network_name, batch, training, threads, _ = NetworkTask(*task)
    assert not training, "ONNX Runtime only infers"
    network = NETWORKS[network_name]
    pictures, _ = draw_batch(network, batch)
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
    feed = {"value_0": np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))}

    def run() -> Any:
        return session.run(None, feed)

    return run, {"logits": run()[0].ravel().tolist()}

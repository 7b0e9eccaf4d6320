"""The benchmarks' networks in ONNX Runtime; a library of the ladder's inference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx
import onnxruntime

from benchmarks.network_as_onnx import build, draw_images, logits_check
from benchmarks.network_description import FloatArray, NetworkTask
from benchmarks.networks import network_named


def versions() -> dict[str, str]:
    """The libraries' versions."""
    return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the network, and its logits."""
    network_name, batch, training, threads, _ = NetworkTask(*task)
    assert not training, "ONNX Runtime only infers"
    network = network_named(network_name)
    return inference(build(network, batch), draw_images(network, batch), threads)


def inference(
    model: onnx.ModelProto, x: FloatArray, threads: int
) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of a model, and its logits."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
    )
    feed = {session.get_inputs()[0].name: x}

    def run() -> Any:
        return session.run(None, feed)

    return run, logits_check(run()[0])

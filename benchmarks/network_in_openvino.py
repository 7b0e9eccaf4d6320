"""The benchmarks' networks in OpenVINO, read from their ONNX graphs; a library of inference.

A task's `mode` is the precision of the computation in OpenVINO's words, "f32" if it is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import openvino

from benchmarks.network_as_onnx import build, draw_images, logits_check
from benchmarks.network_description import FloatArray, Network, NetworkTask
from benchmarks.networks import network_named

SETTINGS = {
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": "1",
}


def versions() -> dict[str, str]:
    """The library's version."""
    return {"openvino": openvino.__version__.partition("-")[0]}


def read(network: Network, batch: int) -> Any:
    """The network with its weights, not yet compiled."""
    return openvino.Core().read_model(build(network, batch).SerializeToString())


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the network, and its logits."""
    network_name, batch, training, threads, mode = NetworkTask(*task)
    assert not training, "OpenVINO only infers"
    network = network_named(network_name)
    return inference(read(network, batch), draw_images(network, batch), threads, mode or "f32")


def inference(
    model: Any, x: FloatArray, threads: int, precision: str = "f32"
) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of a model, and its logits."""
    # Without the hint of the precision, a CPU with instructions for bfloat16 would use them.
    settings = {
        **SETTINGS,
        "INFERENCE_NUM_THREADS": str(threads),
        "INFERENCE_PRECISION_HINT": precision,
    }
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    images = openvino.Tensor(x, shared_memory=True)

    def run() -> Any:
        request.set_input_tensor(images)
        request.infer()
        return request.get_output_tensor().data

    return run, logits_check(run())

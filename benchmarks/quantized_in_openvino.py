"""The benchmarks' networks in OpenVINO in int8; a library of inference.

A task's `mode` is the quantization: by NNCF, or "qdq", by ONNX Runtime, whose file OpenVINO reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import nncf
import openvino

from benchmarks.calibration import channels_first_images
from benchmarks.network_as_onnx import draw_images
from benchmarks.network_description import NetworkTask
from benchmarks.network_in_openvino import inference, read
from benchmarks.networks import network_named
from benchmarks.quantized_in_onnxruntime import quantized


def versions() -> dict[str, str]:
    """The libraries' versions."""
    return {"openvino": openvino.__version__.partition("-")[0], "nncf": nncf.__version__}


@cache
def _quantized(network_name: str, mode: str) -> Any:
    """The network for one image."""
    if mode == "qdq":
        model = quantized(network_name, mode)
        return openvino.Core().read_model(model.SerializeToString())
    network = network_named(network_name)
    images = channels_first_images(network)
    return nncf.quantize(read(network, 1), nncf.Dataset(images), subset_size=len(images))


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the quantized network, and its logits."""
    network_name, batch, training, threads, mode = NetworkTask(*task)
    assert not training, "quantized networks only infer"
    network = network_named(network_name)
    height, width, channels = network.input_shape
    model = _quantized(network_name, mode).clone()
    model.reshape([batch, channels, height, width])
    return inference(model, draw_images(network, batch), threads)

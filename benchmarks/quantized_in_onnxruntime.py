"""The benchmarks' networks in ONNX Runtime in int8; a library of inference.

A task's `mode` is the form of the graph, "qdq" or "qoperator". Activations are unsigned: signed
ones take ONNX Runtime two to nine times as long.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.calibration import channels_first_images
from benchmarks.network_as_onnx import build, draw_images
from benchmarks.network_description import Network, NetworkTask
from benchmarks.network_in_onnxruntime import inference, versions
from benchmarks.networks import network_named

__all__ = ["prepare", "versions"]

FORMATS = {"qdq": QuantFormat.QDQ, "qoperator": QuantFormat.QOperator}


class Reader(CalibrationDataReader):  # type: ignore[misc]
    """The images of calibration one by one."""

    def __init__(self, network: Network) -> None:
        self._images: Iterator[Any] = iter(channels_first_images(network))

    def get_next(self) -> dict[str, Any] | None:
        """The next image, None after the last."""
        image = next(self._images, None)
        return None if image is None else {"value_0": image}


@cache
def quantized(network_name: str, mode: str) -> onnx.ModelProto:
    """The network for one image, its weights quantized per output channel."""
    network = network_named(network_name)
    with tempfile.TemporaryDirectory() as folder:
        read, prepared, written = (
            Path(folder) / f"{name}.onnx" for name in ("float32", "prepared", "int8")
        )
        onnx.save(build(network, 1), read)
        # Fuses the batch norms.
        quant_pre_process(read, prepared)
        quantize_static(
            prepared,
            written,
            Reader(network),
            quant_format=FORMATS[mode],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(written)


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the quantized network, and its logits."""
    network_name, batch, training, threads, mode = NetworkTask(*task)
    assert not training, "quantized networks only infer"
    model = onnx.ModelProto()
    model.CopyFrom(quantized(network_name, mode))
    # The shapes of one image.
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    return inference(model, draw_images(network_named(network_name), batch), threads)

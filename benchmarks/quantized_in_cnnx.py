"""The benchmarks' networks in cnnx in int8; a library of inference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import cnnx

from benchmarks.calibration import calibration_images
from benchmarks.network_description import NetworkTask, draw_batch
from benchmarks.network_in_cnnx import build
from benchmarks.networks import network_named


def versions() -> dict[str, str]:
    """The library's version and instruction set."""
    return {"cnnx": cnnx.__version__, "isa": cnnx.integer_isa()}


@cache
def quantized(network_name: str) -> cnnx.Model:
    """The network quantized with all layers in integers; its classes mean nothing."""
    network = network_named(network_name)
    return cnnx.quantize(build(network), calibration_images(network), min_agreement=0)


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the quantized network, and its logits."""
    network_name, batch, training, threads, _ = NetworkTask(*task)
    assert not training, "quantized networks only infer"
    cnnx.set_num_threads(threads)
    x, _ = draw_batch(network_named(network_name), batch)
    model = quantized(network_name)
    return lambda: model(x), {"logits": model(x).ravel().tolist()}

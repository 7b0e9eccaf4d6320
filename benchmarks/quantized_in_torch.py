"""The benchmarks' networks in PyTorch in int8, quantized by its FX graphs; a library of inference.

A task's `mode` is the engine, "x86" or "onednn".
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch.ao.quantization import get_default_qconfig_mapping
from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

from benchmarks.calibration import channels_first_images
from benchmarks.network_description import NetworkTask, draw_batch
from benchmarks.network_in_torch import build, in_layout, inference, versions
from benchmarks.networks import network_named

__all__ = ["prepare", "versions"]


@cache
def _quantized(network_name: str, engine: str) -> Any:
    """The network with the settings that PyTorch recommends for its engine."""
    network = network_named(network_name)
    images = [torch.from_numpy(image) for image in channels_first_images(network)]
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        prepared = prepare_fx(
            build(network).eval(), get_default_qconfig_mapping(engine), (images[0],)
        )
        for image in images:
            prepared(image)
        return convert_fx(prepared)


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of the quantized network, and its logits."""
    network_name, batch, training, threads, engine = NetworkTask(*task)
    assert not training, "quantized networks only infer"
    torch.set_num_threads(threads)
    torch.backends.quantized.engine = engine
    images, _ = draw_batch(network_named(network_name), batch)
    return inference(*in_layout(_quantized(network_name, engine), images, "channels_last"))

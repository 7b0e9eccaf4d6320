"""The benchmarks' networks in PyTorch in bfloat16; libraries of the ladder.

A task's `mode` is the layout, "nchw" or "channels_last". PyTorch then converts arrays where its
autocast does. If "converted" follows, the weights are converted once, and the images in each run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks import network_in_torch
from benchmarks.network_description import NetworkTask, draw_batch
from benchmarks.network_in_torch import build, in_layout, inference, versions
from benchmarks.networks import network_named

__all__ = ["own_stepper", "prepare", "versions"]


class Converted(nn.Module):
    """A network of bfloat16 weights that reads and returns float32 arrays."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.to(torch.bfloat16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The logits."""
        logits: torch.Tensor = self.model(x.to(torch.bfloat16)).float()
        return logits


def autocast() -> torch.autocast:
    """The context of mixed precision, for forward and loss."""
    return torch.autocast("cpu", torch.bfloat16)


own_stepper = partial(network_in_torch.own_stepper, context=autocast)


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A train step or a run of the network, and its logits and first losses."""
    network_name, batch, training, threads, mode = NetworkTask(*task)
    layout, _, conversion = mode.partition(" ")
    if not conversion:
        return network_in_torch.prepare(task, autocast)
    assert not training, "converted networks only infer"
    torch.set_num_threads(threads)
    network = network_named(network_name)
    images, _ = draw_batch(network, batch)
    return inference(*in_layout(Converted(build(network)), images, layout))

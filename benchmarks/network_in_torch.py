"""The benchmarks' networks in PyTorch, as a user writes them; libraries of the ladder.

A task's `mode` is "nchw", "channels_last" or "compile" (torch.compile on channels_last).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.networks import (
    CHECKED_RATE,
    CHECKED_STEPS,
    MOMENTUM,
    TIMED_RATE,
    AveragePool,
    BatchNorm,
    Convolution,
    Dense,
    Flatten,
    Gelu,
    Layer,
    MaxPool,
    Network,
    NetworkTask,
    Residual,
    Shape,
    channels_first,
    draw_batch,
    draw_parameters,
    network_named,
    with_input_shapes,
)


def versions() -> dict[str, str]:
    """The library's version and the CPU capability it detected."""
    return {"torch": torch.__version__, "torch_isa": torch.backends.cpu.get_cpu_capability()}


def _layer(layer: Layer, shape: Shape) -> nn.Module:
    if isinstance(layer, Convolution):
        return nn.Conv2d(
            shape[2],
            layer.out_channels,
            layer.kernel_size,
            stride=layer.stride,
            padding=layer.padding,
            groups=layer.groups,
            bias=layer.bias,
        )
    if isinstance(layer, Residual):
        return Sum(_in_order(layer.shortcut, shape), _in_order(layer.body, shape))
    if isinstance(layer, BatchNorm):
        return nn.BatchNorm2d(shape[2])
    if isinstance(layer, Gelu):
        return nn.GELU()
    if isinstance(layer, MaxPool):
        return nn.MaxPool2d(layer.size)
    if isinstance(layer, AveragePool):
        return nn.AvgPool2d(layer.size)
    if isinstance(layer, Dense):
        return nn.Linear(shape[0], layer.out_features)
    return nn.Flatten() if isinstance(layer, Flatten) else nn.ReLU()


class Sum(nn.Module):
    """The sum of two modules of one input; an empty module is the identity."""

    def __init__(self, shortcut: nn.Module, body: nn.Module) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sum."""
        made: torch.Tensor = self.body(x) + self.shortcut(x)
        return made


def _in_order(layers: tuple[Layer, ...], shape: Shape) -> nn.Sequential:
    return nn.Sequential(*(_layer(layer, each) for layer, each in with_input_shapes(layers, shape)))


def build(network: Network) -> nn.Sequential:
    """The network with its weights."""
    model = _in_order(network.layers, network.input_shape)
    drawn = channels_first(network, draw_parameters(network))
    arrays = [array for parameters in drawn for array in parameters.arrays()]
    with torch.no_grad():
        for parameter, array in zip(model.parameters(), arrays, strict=True):
            parameter.copy_(torch.from_numpy(array))
    return model


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A train step or a run of the network, and its logits or first losses."""
    network_name, batch, training, threads, mode = NetworkTask(*task)
    torch.set_num_threads(threads)
    network = network_named(network_name)
    images, labels = draw_batch(network, batch)
    x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    model: Any = build(network)
    if mode != "nchw":
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    if mode == "compile":
        model = torch.compile(model)
    if training:
        return _training(model, x, torch.from_numpy(labels))
    return _inference(model, x)


def _inference(model: Any, x: torch.Tensor) -> tuple[Callable[[], object], dict[str, list[float]]]:
    model.eval()

    def run() -> Any:
        with torch.inference_mode():
            return model(x)

    return run, {"logits": run().ravel().tolist()}


def _training(
    model: Any, x: torch.Tensor, y: torch.Tensor
) -> tuple[Callable[[], object], dict[str, list[float]]]:
    loss_function = nn.CrossEntropyLoss()

    def stepper(rate: float) -> Callable[[], Any]:
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM)

        def step() -> Any:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_function(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    checked = stepper(CHECKED_RATE)
    losses = [checked() for _ in range(CHECKED_STEPS)]
    return stepper(TIMED_RATE), {"losses": losses}

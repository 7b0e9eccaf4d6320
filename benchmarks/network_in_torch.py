"""The benchmarks' networks in PyTorch, as a user writes them; libraries of the ladder.

A task's `mode` is "nchw", "channels_last" or "compile" (torch.compile on channels_last).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.network_description import (
    CHECKED_RATE,
    MOMENTUM,
    TIMED_RATE,
    AveragePool,
    BatchNorm,
    Convolution,
    Dense,
    Flatten,
    FloatArray,
    Gelu,
    GlobalAveragePool,
    Layer,
    MaxPool,
    Network,
    NetworkTask,
    Relu,
    Relu6,
    Residual,
    Shape,
    Skip,
    UpConvolution,
    channels_first,
    draw_batch,
    draw_parameters,
    with_input_shapes,
)
from benchmarks.networks import network_named

Context: TypeAlias = "Callable[[], AbstractContextManager[object]]"

WITHOUT_SETTINGS: dict[type, Callable[[], nn.Module]] = {
    Relu: nn.ReLU,
    Relu6: nn.ReLU6,
    Gelu: nn.GELU,
    Flatten: nn.Flatten,
}


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
    if isinstance(layer, Skip):
        return Concatenation(_in_order(layer.body, shape))
    if isinstance(layer, UpConvolution):
        return nn.ConvTranspose2d(shape[2], layer.out_channels, 2, stride=2)
    if isinstance(layer, BatchNorm):
        return nn.BatchNorm2d(shape[2])
    if isinstance(layer, MaxPool):
        return nn.MaxPool2d(layer.size, stride=layer.stride, padding=layer.padding)
    if isinstance(layer, AveragePool):
        return nn.AvgPool2d(layer.size)
    if isinstance(layer, Dense):
        return nn.Linear(shape[0], layer.out_features)
    if isinstance(layer, GlobalAveragePool):
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return WITHOUT_SETTINGS[type(layer)]()


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


class Concatenation(nn.Module):
    """The channels of the input, followed by those of a module's output."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The concatenation."""
        return torch.cat([x, self.body(x)], dim=1)


def _in_order(layers: tuple[Layer, ...], shape: Shape) -> nn.Sequential:
    return nn.Sequential(*(_layer(layer, each) for layer, each in with_input_shapes(layers, shape)))


def new_model(network: Network) -> nn.Sequential:
    """The network with the library's own initial weights."""
    return _in_order(network.layers, network.input_shape)


def build(network: Network) -> nn.Sequential:
    """The network with its weights."""
    model = new_model(network)
    drawn = channels_first(network, draw_parameters(network))
    arrays = [array for parameters in drawn for array in parameters.arrays()]
    with torch.no_grad():
        for parameter, array in zip(model.parameters(), arrays, strict=True):
            parameter.copy_(torch.from_numpy(array))
    return model


def in_layout(model: Any, images: FloatArray, mode: str) -> tuple[Any, torch.Tensor]:
    """The model and the images in the layout of the mode."""
    x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    if mode != "nchw":
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    return torch.compile(model) if mode == "compile" else model, x


def stepper(
    model: Any, x: torch.Tensor, y: torch.Tensor, rate: float, context: Context = nullcontext
) -> Callable[[], float]:
    """A train step, which returns the loss; forward and loss run in the context."""
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        with context():
            loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def own_stepper(
    network: Network,
    images: FloatArray,
    labels: NDArray[np.int64],
    threads: int,
    mode: str,
    context: Context = nullcontext,
) -> Callable[[], float]:
    """A train step of a model that has no other arrays than the library's."""
    torch.set_num_threads(threads)
    model, x = in_layout(new_model(network), images, mode)
    return stepper(model, x, torch.from_numpy(labels), TIMED_RATE, context)


def prepare(
    task: Sequence[Any], context: Context = nullcontext
) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A train step or a run of the network, and its logits and first losses."""
    network_name, batch, training, threads, mode = NetworkTask(*task)
    torch.set_num_threads(threads)
    network = network_named(network_name)
    images, labels = draw_batch(network, batch)
    model, x = in_layout(build(network), images, mode)
    run, figures = inference(model, x, context)
    if not training:
        return run, figures
    model.train()
    y = torch.from_numpy(labels)
    checked = stepper(model, x, y, CHECKED_RATE, context)
    losses = [checked() for _ in range(network.checked_steps)]
    return stepper(model, x, y, TIMED_RATE, context), {**figures, "losses": losses}


def inference(
    model: Any, x: torch.Tensor, context: Context = nullcontext
) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A run of a model in the context, and its logits."""
    model.eval()

    def run() -> Any:
        with torch.inference_mode(), context():
            return model(x)

    # A network of images returns them; those of cnnx have their channels last.
    logits = run()
    return run, {"logits": logits.movedim(1, -1).ravel().tolist()}

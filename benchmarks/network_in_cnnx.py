"""The benchmarks' networks in cnnx, as a user calls it; a library of the ladder.

A task's `mode` is the `compute_dtype` of the model, "float32" if it is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cnnx
import numpy as np
from numpy.typing import NDArray

from benchmarks.network_description import (
    BFLOAT16,
    CHECKED_RATE,
    FLOAT32,
    MOMENTUM,
    SHARDS,
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
    Skip,
    UpConvolution,
    draw_batch,
    draw_parameters,
)
from benchmarks.networks import network_named

WITHOUT_SETTINGS: dict[type, Callable[[], cnnx.Layer]] = {
    BatchNorm: cnnx.BatchNorm2d,
    Relu: cnnx.ReLU,
    Relu6: cnnx.ReLU6,
    Gelu: cnnx.GELU,
    GlobalAveragePool: cnnx.GlobalAvgPool2d,
    Flatten: cnnx.Flatten,
}


def versions() -> dict[str, str]:
    """The library's version and instruction set."""
    return {"cnnx": cnnx.__version__, "isa": cnnx.isa()}


def _layer(layer: Layer) -> cnnx.Layer:
    if isinstance(layer, Convolution):
        return cnnx.Conv2d(
            layer.out_channels,
            layer.kernel_size,
            stride=layer.stride,
            padding=layer.padding,
            groups=layer.groups,
            bias=layer.bias,
        )
    if isinstance(layer, Residual):
        return cnnx.Residual(_layers(layer.body), shortcut=_layers(layer.shortcut) or None)
    if isinstance(layer, Skip):
        return cnnx.Parallel([[], _layers(layer.body)])
    if isinstance(layer, UpConvolution):
        return cnnx.ConvTranspose2d(layer.out_channels, 2, stride=2)
    if isinstance(layer, MaxPool):
        return cnnx.MaxPool2d(layer.size, stride=layer.stride, padding=layer.padding)
    if isinstance(layer, AveragePool):
        return cnnx.AvgPool2d(layer.size)
    if isinstance(layer, Dense):
        return cnnx.Dense(layer.out_features)
    return WITHOUT_SETTINGS[type(layer)]()


def _layers(layers: tuple[Layer, ...]) -> list[cnnx.Layer]:
    return [_layer(layer) for layer in layers]


def new_model(network: Network, compute_dtype: str = FLOAT32) -> cnnx.Model:
    """The network with the library's own initial weights."""
    model = cnnx.Model(_layers(network.layers), input_shape=network.input_shape)
    model.compute_dtype = compute_dtype
    return model


def build(network: Network, compute_dtype: str = FLOAT32) -> cnnx.Model:
    """The network with its weights."""
    model = new_model(network, compute_dtype)
    drawn = [array for parameters in draw_parameters(network) for array in parameters.arrays()]
    for name, array in zip(model.parameters, drawn, strict=True):
        model.parameters[name] = array
    return model


def stepper(
    model: cnnx.Model,
    x: FloatArray,
    y: NDArray[np.int64],
    rate: float,
    *,
    recompute: bool = False,
    shards: int = 1,
) -> Callable[[], float]:
    """A train step, which returns the loss."""
    optimizer = cnnx.SGD(rate, momentum=MOMENTUM)
    trainer = cnnx.Trainer(model, optimizer=optimizer, recompute=recompute, shards=shards)
    return lambda: trainer.step(x, y)


def own_stepper(
    network: Network, x: FloatArray, y: NDArray[np.int64], threads: int, mode: str
) -> Callable[[], float]:
    """A train step of a model that has no other arrays than the library's; the mode "recompute"
    or "shards" is that setting of the trainer, and "bfloat16" that `compute_dtype`.
    """
    cnnx.set_num_threads(threads)
    shards = SHARDS if mode == "shards" else 1
    model = new_model(network, BFLOAT16 if mode == BFLOAT16 else FLOAT32)
    return stepper(model, x, y, TIMED_RATE, recompute=mode == "recompute", shards=shards)


def prepare(task: Sequence[Any]) -> tuple[Callable[[], object], dict[str, list[float]]]:
    """A train step or a run of the network, and its logits and first losses."""
    network_name, batch, training, threads, mode = NetworkTask(*task)
    cnnx.set_num_threads(threads)
    network = network_named(network_name)
    x, y = draw_batch(network, batch)
    model = build(network, mode or FLOAT32)
    figures = {"logits": model(x).ravel().tolist()}
    if not training:
        return lambda: model(x), figures
    checked = stepper(model, x, y, CHECKED_RATE)
    losses = [checked() for _ in range(network.checked_steps)]
    return stepper(model, x, y, TIMED_RATE), {**figures, "losses": losses}

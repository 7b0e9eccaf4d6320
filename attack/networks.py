"""Source of drawn networks: in cnnx, and their forward in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cnnx
import layer_kinds
import numpy as np
from random_graphs import RandomGraph
from reference_network import FIRST_STEP, Node, ReferenceNetwork, uses_its_own_statistics

from attack import in_torch
from attack.case import Draw

OF_SETTINGS = (
    "adaptive_avg_pool2d",
    "channel_shuffle",
    "crop2d",
    "depth_to_space",
    "l2_norm",
    "pad2d",
    "reshape",
    "slice_channels",
    "space_to_depth",
    "zero_pad2d",
)
FROM_OUTPUT = ("sigmoid", "tanh", "softmax", "log_softmax")  # whose backward reads the output


def drawn_model(draw: Draw) -> cnnx.Model:
    """A random graph."""
    return RandomGraph(draw.integer(0, 2**31)).model()


def as_argument(name: str, value: Any) -> Any:
    """A setting of the core in the form of a constructor's argument."""
    if name in ("padding", "cropping") and isinstance(value, list):
        return ((value[0], value[1]), (value[2], value[3]))
    return tuple(value) if isinstance(value, list) else value


def in_cnnx(model: cnnx.Model, seed: int) -> Iterator[str]:
    """Lines that build the model, with other weights."""
    yield f"layers = {{'input': cnnx.Input({model.input_shape})}}"
    frozen = []
    for kind, settings, name, inputs, trainable in model._core.layers:
        given = [f"{key}={as_argument(key, value)!r}" for key, value in settings.items()]
        layer = (
            f"cnnx.{layer_kinds.CLASSES[kind].__name__}({', '.join([*given, f'name={name!r}'])})"
        )
        read = ", ".join(f"layers[{each!r}]" for each in inputs)
        yield f"layers[{name!r}] = {layer}({read})"
        if not trainable:
            frozen.append(name)
    last = model._core.layers[-1][2]
    yield f"model = cnnx.Model.from_graph(layers['input'], layers[{last!r}], seed={seed})"
    yield f"for layer in model.layers:\n    layer.trainable = layer.name not in {frozen}"


def torch_lines(model: cnnx.Model, images: int, *, training: bool) -> Iterator[str]:
    """Lines that compute every layer's output as `v[name]` from `v['input']` and `p`.

    `p` holds parameters and buffers, and for a dropout the factors of its outputs. `rounded` wraps
    each layer, and `FromOutput` computes the layers whose backward reads the output. The running
    statistics in `p` change.
    """
    shapes = {"input": model.input_shape, **{each.name: each.output_shape for each in model.layers}}
    for node in ReferenceNetwork(model).nodes:
        x, shape = f"v[{node.inputs[0]!r}]", shapes[node.inputs[0]]
        inputs = [f"v[{name!r}]" for name in node.inputs]
        if node.kind == "multiply" and shapes[node.inputs[1]] not in (shape, (*shape[:-1], 1)):
            made = f"{x} * {inputs[1]}.reshape({images}, 1, 1, -1)"
        elif node.kind == "batch_norm2d":
            step = FIRST_STEP if training else None
            made = batch_norm(
                node, x, uses_its_own_statistics(node, np.empty((images, *shape)), step)
            )
        elif node.kind == "dropout":
            made = f"{x} * p['{node.name}.factors']" if training else x
        elif node.kind in FROM_OUTPUT:
            made = f"FromOutput.apply({x}, {node.kind!r})"
        else:
            made = layer(node, x, inputs, shape)
        yield f"v[{node.name!r}] = rounded({made})"


def parameter(node: Node, name: str) -> str:
    """A parameter or buffer, or None."""
    return f"p.get('{node.name}.{name}')"


def batch_norm(node: Node, x: str, own: bool) -> str:
    """A batch norm, which updates its running statistics if it uses those of the batch."""
    names = ("running_mean", "running_variance", "weight", "bias")
    arrays = ", ".join(parameter(node, name) for name in names)
    momentum, epsilon = node.settings["momentum"], node.settings["epsilon"]
    return in_torch.nhwc(
        f"F.batch_norm({in_torch.nchw(x)}, {arrays}, {own}, {momentum}, {epsilon})"
    )


def layer(node: Node, x: str, inputs: list[str], shape: tuple[int, ...]) -> str:
    """Any layer that is the same in training and in inference."""
    kind, settings = node.kind, node.settings
    weight, bias = parameter(node, "weight"), parameter(node, "bias")
    if kind == "scale2d":
        return f"{x} * {weight}" + (f" + {bias}" if settings["bias"] else "")
    if kind == "dense":
        return f"F.linear({x}, {weight}.T, {bias})"
    if kind == "conv2d":
        return in_torch.conv2d(x, weight, bias, settings, (shape[0], shape[1]))
    if kind == "conv_transpose2d":
        return in_torch.conv_transpose2d(x, weight, bias, settings)
    if kind in ("max_pool2d", "avg_pool2d"):
        pool = getattr(in_torch, kind)
        return str(pool(x, settings, (shape[0], shape[1])))
    if kind == "upsample2d":
        return in_torch.upsample2d(x, settings, (shape[0], shape[1]))
    if kind in OF_SETTINGS:
        return str(getattr(in_torch, kind)(x, settings))
    if kind == "group_norm":
        return in_torch.group_norm(x, weight, bias, settings, axes=1 + len(shape))
    if kind == "global_response_norm":
        return in_torch.global_response_norm(x, weight, bias, settings)
    if kind == "layer_norm":
        return in_torch.layer_norm(x, weight, bias, settings)
    if kind == "rms_norm":
        return in_torch.rms_norm(x, weight, settings)
    if kind == "parameter":
        return in_torch.parameter(x, weight)
    if kind == "prelu":
        return in_torch.prelu(x, weight, 1 + len(shape))
    if kind in ("add", "maximum", "concat"):
        return in_torch.PLAIN[kind].format(all=", ".join(inputs))
    if kind == "multiply":
        return f"{x} * {inputs[1]}"
    if kind == "matmul":
        return in_torch.matmul(x, inputs[1], settings)
    return in_torch.expression(kind, x, settings)

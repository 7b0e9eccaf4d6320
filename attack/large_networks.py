"""Drawn networks of large maps, parts of which are frozen.

A train step does not store such maps: whoever reads them normalises them or computes them again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cnnx
from graph_networks import with_random_values

from attack.case import Draw

LEAST_FLOATS = 128 * 1024  # of a map that the layer before may leave to its reader


def large_model(draw: Draw, images: int) -> cnnx.Model:
    """Layers in order, the first maps of which have the least floats or a few more."""
    channels = draw.one_of(6, 8, 12, 16, 24, 40)
    side = math.sqrt(LEAST_FLOATS / (images * channels))
    height = round(side * draw.rng.uniform(0.8, 1.25))
    width = math.ceil(side * side / height * draw.rng.uniform(0.95, 1.4))
    kernel_size = draw.one_of(1, 3)
    layers: list[cnnx.Layer] = [cnnx.Conv2d(channels, kernel_size, padding="same", bias=False)]
    for _ in range(draw.integer(1, 4)):
        layers += part(draw, channels)
    layers += [cnnx.GlobalAvgPool2d(), cnnx.Dense(3)]
    model = cnnx.Model(layers, input_shape=(height, width, draw.integer(1, 3)))
    for layer in frozen_part(draw, model.layers):
        layer.trainable = False
    return with_random_values(model)


def part(draw: Draw, channels: int) -> list[cnnx.Layer]:
    """A few layers that keep the number of channels.

    A batch norm follows neither a bias nor another norm, whose gradients would be 0 but for the
    rounding of long sums.
    """
    before = norm(draw) + (activation(draw) if draw.chance(0.5) else [])
    after = norm(draw) + activation(draw)
    depthwise = cnnx.Conv2d(channels, 3, padding="same", groups=channels, bias=False)
    body = [cnnx.Conv2d(channels, draw.one_of(1, 3), padding="same", bias=False), *after]
    pool = cnnx.MaxPool2d(draw.one_of(2, 3), stride=2, padding=draw.integer(0, 1))
    return draw.one_of(  # type: ignore[no-any-return]
        after,
        body,
        [*before, depthwise, *after],
        [*before, pool, *activation(draw)],
        [cnnx.Residual([*body, depthwise, cnnx.BatchNorm2d()]), *activation(draw)],
        [cnnx.Parallel([[], body], merge="add"), *norm(draw), *activation(draw)],
    )


def norm(draw: Draw) -> list[cnnx.Layer]:
    """A batch norm, or none."""
    return [cnnx.BatchNorm2d()] if draw.chance(0.8) else []


def activation(draw: Draw) -> list[cnnx.Layer]:
    """One layer."""
    return [draw.one_of(cnnx.ReLU, cnnx.ReLU6, cnnx.SiLU, cnnx.HardSwish)()]


def frozen_part(draw: Draw, layers: Sequence[cnnx.Layer]) -> Sequence[cnnx.Layer]:
    """Of the layers none, half of them, or the first ones; never the last."""
    *others, _ = layers
    return draw.one_of(  # type: ignore[no-any-return]
        [],
        [layer for layer in others if draw.chance(0.5)],
        others[: draw.integer(1, len(others))],
    )

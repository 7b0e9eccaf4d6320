"""Networks with int8 weights and quantize layers, of random numbers.

Not part of the package.
"""

from __future__ import annotations

import cnnx
from cnnx.layers.base import Symbol
from graph_networks import with_random_values

INPUT = (16, 14, 3)
BYTE = 1 / 255


def convolution(
    x: Symbol, channels: int, kernel: int, *, groups: int = 1, stride: int = 1
) -> Symbol:
    layer = cnnx.Conv2d(
        channels, kernel, padding=kernel // 2, groups=groups, stride=stride, int8_weight=True
    )
    return layer(x)


def rounded(x: Symbol, scale: float, zero_point: int = 0) -> Symbol:
    return cnnx.Quantize(scale, zero_point)(x)


def plain() -> cnnx.Model:
    """A row of layers, each of which reads bytes."""
    image = cnnx.Input(INPUT)
    x = rounded(image, BYTE)
    x = rounded(cnnx.ReLU()(convolution(x, 16, 3)), 0.03)
    x = rounded(cnnx.ReLU6()(convolution(x, 16, 3, groups=16)), 6 * BYTE)
    x = cnnx.MaxPool2d(2)(rounded(convolution(x, 8, 1), 0.04, 120))
    x = cnnx.Dense(5, int8_weight=True)(cnnx.Flatten()(x))
    return with_random_values(cnnx.Model.from_graph(image, x, classes=["a", "b", "c", "d", "e"]))


def residual() -> cnnx.Model:
    """Sums of two branches, before and after an activation, and an average of all pixels."""
    image = cnnx.Input(INPUT)
    first = rounded(cnnx.ReLU()(convolution(rounded(image, BYTE), 8, 3)), 0.03)
    inner = rounded(cnnx.ReLU()(convolution(first, 8, 3)), 0.05)
    x = rounded(cnnx.ReLU()(cnnx.Add()(convolution(inner, 8, 3), first)), 0.06)
    shortcut = rounded(convolution(x, 12, 1, stride=2), 0.05, 110)
    x = rounded(cnnx.Add()(convolution(x, 12, 3, stride=2), shortcut), 0.1, 130)
    x = rounded(cnnx.GlobalAvgPool2d()(x), 0.05, 128)
    return with_random_values(
        cnnx.Model.from_graph(
            image, cnnx.Dense(4, int8_weight=True)(x), classes=["a", "b", "c", "d"]
        )
    )


def partly() -> cnnx.Model:
    """Layers of float32 between those of int8, and int8 weights behind float32 numbers."""
    image = cnnx.Input(INPUT)
    x = convolution(image, 8, 3)
    x = rounded(cnnx.SiLU()(cnnx.Conv2d(8, 3)(x)), 0.02, 14)
    x = cnnx.AdaptiveAvgPool2d((3, 5))(convolution(x, 6, 3))
    x = cnnx.Dense(3, int8_weight=True, bias=False)(cnnx.Flatten()(cnnx.Tanh()(x)))
    return with_random_values(cnnx.Model.from_graph(image, x, classes=["a", "b", "c"]))


NETWORKS = {"plain": plain, "residual": residual, "partly": partly}

"""Small networks that together contain every shape of graph, on images of SHAPE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import cnnx
import numpy as np
import numpy.typing as npt
from cnnx.layers.base import Symbol

SHAPE = (9, 8, 3)

Images: TypeAlias = "npt.NDArray[np.float32]"


def images(count: int, seed: int = 0) -> Images:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.standard_normal((count, *SHAPE)), dtype=np.float32)


def conv(channels: int = 8, *, bias: bool = True, name: str | None = None) -> cnnx.Layer:
    return cnnx.Conv2d(channels, 3, padding="same", bias=bias, name=name)


def frozen(layer: cnnx.Layer) -> cnnx.Layer:
    layer.trainable = False
    return layer


def in_order(*layers: cnnx.Layer | Sequence[cnnx.Layer]) -> cnnx.Model:
    """The layers one after another, then three outputs."""
    flat = [each for part in layers for each in (part if isinstance(part, list) else [part])]
    return cnnx.Model([*flat, cnnx.Flatten(), cnnx.Dense(3)], input_shape=SHAPE, seed=4)


def graph(make: Callable[[Symbol], Symbol], *, ends: bool = False) -> cnnx.Model:
    """The layers that `make` builds on the image, then three outputs, unless it `ends` there."""
    image = cnnx.Input(SHAPE)
    output = make(image)
    if not ends:
        output = cnnx.Dense(3)(cnnx.Flatten()(output))
    return cnnx.Model.from_graph(image, output, seed=4)


def normed_conv(channels: int = 8) -> list[cnnx.Layer]:
    return [conv(channels, bias=False), cnnx.BatchNorm2d()]


def three_readers(image: Symbol) -> Symbol:
    stem = cnnx.ReLU()(conv(8)(image))
    return cnnx.Add()(conv(8)(stem), cnnx.Conv2d(8, 1)(stem), stem)


def three_readers_of_a_norm(image: Symbol) -> Symbol:
    stem = cnnx.ReLU()(cnnx.BatchNorm2d()(conv(8)(image)))
    first, second = cnnx.Tanh()(stem), cnnx.MaxPool2d(3, stride=1, padding="same")(stem)
    return cnnx.Concat()(cnnx.Multiply()(first, second), cnnx.Sigmoid()(stem), first)


def sum_of_what_it_reads(image: Symbol) -> Symbol:
    stem = cnnx.ReLU()(conv(8)(image))
    return cnnx.Add()(stem, conv(8)(stem), stem)


def sum_of_itself(image: Symbol) -> Symbol:
    x = conv(8)(image)
    return cnnx.ReLU()(cnnx.Add()(x, x))


def product_of_itself(image: Symbol) -> Symbol:
    x = conv(8)(image)
    return cnnx.Concat()(cnnx.Multiply()(x, x), x, x)


def norm_and_its_input(image: Symbol) -> Symbol:
    x = conv(8)(image)
    return cnnx.ReLU()(cnnx.Add()(cnnx.BatchNorm2d()(x), x))


def norm_and_its_input_reversed(image: Symbol) -> Symbol:
    x = cnnx.ReLU()(conv(8)(image))
    return conv(4)(cnnx.ReLU()(cnnx.Add()(x, cnnx.BatchNorm2d()(x))))


def two_sums_of_one(image: Symbol) -> Symbol:
    """Gradients that could share an array and must not."""
    a = cnnx.ReLU()(conv(8)(image))
    b = cnnx.ReLU()(conv(8)(a))
    first = cnnx.ReLU()(cnnx.Add()(b, a))
    second = cnnx.Add()(first, a, b)
    return cnnx.Add()(cnnx.Sigmoid()(second), first)


def gate_of_pixels(image: Symbol) -> Symbol:
    x = cnnx.ReLU()(cnnx.BatchNorm2d()(conv(8)(image)))
    gates = cnnx.Sigmoid()(cnnx.Conv2d(8, 1)(cnnx.ReLU()(cnnx.Conv2d(2, 1)(mean_of(x)))))
    return cnnx.Add()(cnnx.Multiply()(x, gates), x)


def gate_of_features(image: Symbol) -> Symbol:
    x = conv(8)(image)
    gates = cnnx.Sigmoid()(cnnx.Dense(8)(cnnx.Flatten()(mean_of(x))))
    return conv(4)(cnnx.Multiply()(x, gates))


def mean_of(x: Symbol) -> Symbol:
    return cnnx.AvgPool2d(SHAPE[:2])(x)


def flatten_beside(image: Symbol) -> Symbol:
    """A Flatten whose input has a second reader."""
    x = cnnx.ReLU()(conv(4)(image))
    other = cnnx.Flatten()(conv(2)(x))
    return cnnx.Concat()(cnnx.Tanh()(cnnx.Flatten()(x)), other, cnnx.Flatten()(x))


def dense_in_a_branch(image: Symbol) -> Symbol:
    x = cnnx.ReLU()(conv(4)(image))
    near = cnnx.ReLU()(cnnx.Dense(7)(cnnx.Flatten()(cnnx.MaxPool2d(2)(x))))
    far = cnnx.Flatten()(conv(2)(cnnx.MaxPool2d(2)(conv(4)(x))))
    return cnnx.Concat()(near, far)


def dense_residual(image: Symbol) -> Symbol:
    x = cnnx.ReLU()(cnnx.Dense(6)(cnnx.Flatten()(cnnx.MaxPool2d(3)(image))))
    inner = cnnx.Residual([cnnx.Dense(6), cnnx.ReLU(), cnnx.Dense(6)])(x)
    return cnnx.ReLU()(inner)


def image_read_late(image: Symbol) -> Symbol:
    x = cnnx.Tanh()(conv(3)(image))
    return cnnx.Multiply()(cnnx.Add()(image, x, image), image)


def ends_in_softmax(image: Symbol) -> Symbol:
    """A network whose backward reads its own output."""
    return cnnx.Softmax()(cnnx.Conv2d(7, 1)(image))


def residual(*body: cnnx.Layer | list[cnnx.Layer], shortcut: list[cnnx.Layer]) -> cnnx.Residual:
    flat = [each for part in body for each in (part if isinstance(part, list) else [part])]
    return cnnx.Residual(flat, shortcut=shortcut)


NETWORKS: dict[str, Callable[[], cnnx.Model]] = {
    "residual, identity": lambda: in_order(
        conv(),
        cnnx.ReLU(),
        cnnx.Residual([conv(), cnnx.ReLU(), conv()]),
        cnnx.ReLU(),
    ),
    "residual, identity, batch norm": lambda: in_order(
        normed_conv(),
        cnnx.ReLU(),
        residual(normed_conv(), cnnx.ReLU(), normed_conv(), shortcut=[]),
        cnnx.ReLU(),
        residual(normed_conv(), cnnx.ReLU(), normed_conv(), shortcut=[]),
        cnnx.ReLU(),
        cnnx.AvgPool2d(4),
    ),
    # Enough channels for Winograd's convolution, which adds on its way out.
    "residual, wide": lambda: in_order(
        conv(16),
        cnnx.ReLU(),
        cnnx.Residual([conv(16), cnnx.ReLU(), conv(16)]),
        cnnx.Residual(conv(16)),
        cnnx.MaxPool2d(2),
    ),
    "residual, wide, batch norm": lambda: in_order(
        normed_conv(16),
        cnnx.ReLU(),
        residual(normed_conv(16), cnnx.ReLU(), normed_conv(16), shortcut=[]),
        cnnx.ReLU(),
        residual(normed_conv(16), shortcut=[cnnx.Conv2d(16, 1)]),
        cnnx.ReLU(),
    ),
    "residual, projection": lambda: in_order(
        normed_conv(4),
        cnnx.ReLU(),
        residual(
            cnnx.Conv2d(8, 3, stride=2, padding=1, bias=False),
            cnnx.BatchNorm2d(),
            cnnx.ReLU(),
            normed_conv(),
            shortcut=[cnnx.Conv2d(8, 1, stride=2, bias=False), cnnx.BatchNorm2d()],
        ),
        cnnx.ReLU(),
    ),
    "residual, one convolution after ReLU": lambda: in_order(
        conv(8), cnnx.ReLU(), cnnx.Residual([conv(8)]), cnnx.ReLU(), cnnx.Residual([conv(8)])
    ),
    "residual, one convolution after batch norm and ReLU": lambda: in_order(
        normed_conv(), cnnx.ReLU(), cnnx.Residual([cnnx.Conv2d(8, 3, padding=1, groups=8)])
    ),
    "sum of what it reads with a convolution": lambda: graph(sum_of_what_it_reads),
    "residual, the image itself": lambda: in_order(cnnx.Residual([conv(3)]), cnnx.ReLU()),
    "residual, a body that ends in ReLU": lambda: in_order(
        conv(),
        cnnx.Residual([conv(), cnnx.ReLU()]),
        residual(normed_conv(), cnnx.ReLU(), shortcut=[]),
    ),
    "residual within residual": lambda: in_order(
        conv(),
        cnnx.Residual(
            [
                cnnx.ReLU(),
                cnnx.Residual([conv(), cnnx.Residual([cnnx.BatchNorm2d(), cnnx.ReLU()])]),
                cnnx.BatchNorm2d(),
            ]
        ),
        cnnx.ReLU(),
    ),
    "residual, before activation": lambda: in_order(
        conv(),
        cnnx.Residual(
            [cnnx.BatchNorm2d(), cnnx.ReLU(), conv(), cnnx.BatchNorm2d(), cnnx.ReLU(), conv()]
        ),
        cnnx.Residual([cnnx.BatchNorm2d(affine=False), cnnx.ReLU(), conv()]),
        cnnx.BatchNorm2d(),
        cnnx.ReLU(),
    ),
    "parallel, concat": lambda: in_order(
        conv(4),
        cnnx.Parallel(
            [[], cnnx.Conv2d(5, 1), [cnnx.Conv2d(2, 1), cnnx.ReLU(), conv(3)]], merge="concat"
        ),
        cnnx.ReLU(),
    ),
    "parallel, add": lambda: in_order(
        conv(4),
        cnnx.Parallel([[], cnnx.Conv2d(4, 1), normed_conv(4), []], merge="add"),
        cnnx.ReLU(),
        conv(2),
    ),
    "parallel, the image twice": lambda: in_order(cnnx.Parallel([[], []]), conv(4)),
    "dropout in a body": lambda: in_order(
        normed_conv(),
        cnnx.Residual([cnnx.Dropout(0.3), conv(), cnnx.ReLU(), cnnx.Dropout(0.6), conv()]),
        cnnx.Dropout(0.1),
        cnnx.ReLU(),
    ),
    "dropout first": lambda: in_order(cnnx.Dropout(0.25), conv(2)),
    "frozen first layers": lambda: in_order(
        frozen(conv()),
        frozen(cnnx.BatchNorm2d()),
        cnnx.ReLU(),
        frozen(residual(normed_conv(), cnnx.ReLU(), shortcut=[])),
        conv(4),
        cnnx.ReLU(),
    ),
    "frozen in the middle": lambda: in_order(
        normed_conv(),
        cnnx.ReLU(),
        frozen(cnnx.Parallel([normed_conv(), []], merge="add")),
        cnnx.ReLU(),
        normed_conv(4),
        frozen(cnnx.BatchNorm2d(affine=False)),
    ),
    "frozen branch": lambda: in_order(
        cnnx.Residual([frozen(conv(3)), cnnx.ReLU(), frozen(conv(3))], shortcut=[conv(3)]),
        cnnx.ReLU(),
    ),
    "three readers": lambda: graph(three_readers),
    "three readers of a norm": lambda: graph(three_readers_of_a_norm),
    "x + x": lambda: graph(sum_of_itself),
    "x * x": lambda: graph(product_of_itself),
    "norm(x) + x": lambda: graph(norm_and_its_input),
    "x + norm(x)": lambda: graph(norm_and_its_input_reversed),
    "two sums of one": lambda: graph(two_sums_of_one),
    "gate (N, 1, 1, C)": lambda: graph(gate_of_pixels),
    "gate (N, C)": lambda: graph(gate_of_features),
    "flatten beside": lambda: graph(flatten_beside),
    "dense in a branch": lambda: graph(dense_in_a_branch),
    "dense residual": lambda: graph(dense_residual),
    "ends in softmax": lambda: graph(ends_in_softmax, ends=True),
    "the image is read late": lambda: graph(image_read_late),
}


def build(name: str) -> cnnx.Model:
    """The network with parameters and statistics that differ from their initial 0 or 1."""
    return with_random_values(NETWORKS[name]())


def with_random_values(model: cnnx.Model) -> cnnx.Model:
    rng = np.random.default_rng(6)
    int8_weights = [name for name in model.parameters if f"{name}_scale" in model.buffers]
    for name in model.parameters:
        value = model.parameters[name]
        if name.endswith(".bias"):
            model.parameters[name] = rng.normal(0, 0.3, value.shape)
        elif value.ndim == 1:
            model.parameters[name] = rng.uniform(0.5, 1.5, value.shape)
    for name in model.buffers:
        low, high = (0.5, 2.0) if name.endswith("variance") else (-0.5, 0.5)
        low, high = (0.001, 0.01) if name.endswith("weight_scale") else (low, high)
        model.buffers[name] = rng.uniform(low, high, model.buffers[name].shape)
    for name in int8_weights:
        whole = rng.integers(-128, 128, model.parameters[name].shape)
        model.parameters[name] = whole * model.buffers[f"{name}_scale"]
    return model

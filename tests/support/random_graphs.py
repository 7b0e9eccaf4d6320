"""Random graphs of every kind of layer.

Not part of the package.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeAlias

import cnnx
import layer_kinds
import numpy as np
from cnnx.layers.base import Symbol
from graph_networks import frozen, with_random_values

SHAPE = (6, 5, 3)
SEEDS = range(60)

Draw: TypeAlias = "Callable[[np.random.Generator], cnnx.Layer | list[cnnx.Layer]]"

# Of one input; each, or several in a row, preserves height and width.
LAYERS: dict[str, list[Draw]] = {
    "conv2d": [
        lambda rng: cnnx.Conv2d(either(rng, 4, 8), 3, padding="same", bias=bool(rng.integers(2))),
        lambda rng: cnnx.Conv2d(either(rng, 4, 8), 1),
        lambda rng: [cnnx.Conv2d(8, 3, padding="same"), cnnx.ReLU(), cnnx.Conv2d(4, 1)],
    ],
    "conv_transpose2d": [lambda rng: cnnx.ConvTranspose2d(either(rng, 4, 8), 3, padding=1)],
    "batch_norm2d": [
        lambda rng: cnnx.BatchNorm2d(affine=bool(rng.integers(2))),
        lambda rng: cnnx.BatchNorm2d(),
    ],
    "layer_norm": [lambda rng: cnnx.LayerNorm(epsilon=0.1)],
    "group_norm": [
        lambda rng: cnnx.GroupNorm(1, epsilon=0.1),
        lambda rng: [cnnx.Conv2d(8, 1), cnnx.GroupNorm(4, epsilon=0.1), cnnx.Conv2d(4, 1)],
    ],
    "l2_norm": [lambda rng: cnnx.L2Norm(epsilon=0.5)],
    "rms_norm": [lambda rng: cnnx.RMSNorm(epsilon=0.1, affine=bool(rng.integers(2)))],
    "lrn": [lambda rng: cnnx.LocalResponseNorm(either(rng, 2, 5), alpha=0.5)],
    "scale2d": [lambda rng: cnnx.Scale2d(bias=bool(rng.integers(2)))],
    "relu": [lambda rng: cnnx.ReLU(), lambda rng: cnnx.ReLU()],
    "leaky_relu": [lambda rng: cnnx.LeakyReLU(0.2)],
    "clip": [lambda rng: cnnx.Clip(-1.5, 2.0)],
    "gelu": [lambda rng: cnnx.GELU("tanh" if rng.integers(2) else "none")],
    "hard_sigmoid": [lambda rng: cnnx.HardSigmoid(slope=float(rng.choice([1 / 6, 0.25])))],
    "hard_shrink": [lambda rng: cnnx.HardShrink(0.0)],  # with another threshold it has a jump
    "soft_shrink": [lambda rng: cnnx.SoftShrink(0.25)],
    # Of numbers near 0 the gradient, the square of the reciprocal, leaves the range of float32.
    "reciprocal": [lambda rng: [cnnx.Sigmoid(), cnnx.Clip(0.05, 2.0), cnnx.Reciprocal()]],
    "dropout": [lambda rng: cnnx.Dropout(0.3)],
    "max_pool2d": [
        lambda rng: cnnx.MaxPool2d(3, stride=1, padding="same"),
        lambda rng: [cnnx.MaxPool2d((2, 1)), cnnx.ConvTranspose2d(4, (2, 1), stride=(2, 1))],
        lambda rng: [
            cnnx.MaxPool2d((2, 3), padding=1, dilation=2, ceil_mode=True, stride=2),
            cnnx.AdaptiveAvgPool2d(SHAPE[:2]),
        ],
    ],
    "avg_pool2d": [
        lambda rng: cnnx.AvgPool2d(2, stride=1, padding="same"),
        lambda rng: [
            cnnx.AvgPool2d(2, stride=3, dilation=2, ceil_mode=True),
            cnnx.Upsample2d(size=SHAPE[:2]),
        ],
    ],
    "residual": [
        lambda rng: cnnx.Residual([cnnx.Conv2d(4, 1), cnnx.ReLU()], shortcut=[cnnx.Conv2d(4, 1)]),
        lambda rng: [cnnx.Conv2d(4, 1), cnnx.ReLU(), cnnx.Residual([cnnx.Conv2d(4, 1)])],
    ],
    "parallel": [lambda rng: cnnx.Parallel([[], cnnx.Conv2d(4, 1)])],
    "zero_pad2d": [lambda rng: [cnnx.ZeroPad2d(1), cnnx.MaxPool2d(3, stride=1)]],
    "crop2d": [
        lambda rng: [cnnx.Upsample2d(2), cnnx.Crop2d(((4, 2), (0, 5)))],
        lambda rng: [
            cnnx.Crop2d(((1, 0), (0, either(rng, 0, 2)))),
            cnnx.Upsample2d(size=SHAPE[:2]),
        ],
    ],
    "pad2d": [
        lambda rng: [cnnx.Pad2d(1, mode=word(rng, "reflect", "edge")), cnnx.AvgPool2d(3, stride=1)]
    ],
    "reshape": [
        lambda rng: [
            cnnx.Conv2d(4, 1),
            cnnx.Reshape((SHAPE[1], SHAPE[0] * 2), 2),
            cnnx.MaxPool2d(3, stride=1, padding=1),
            cnnx.Reshape(SHAPE[:2], 4),
            cnnx.Conv2d(4, 1),
        ]
    ],
    "channel_shuffle": [
        lambda rng: [cnnx.Conv2d(8, 1), cnnx.ChannelShuffle(either(rng, 2, 4)), cnnx.Conv2d(4, 1)]
    ],
    "slice_channels": [
        lambda rng: [cnnx.Conv2d(8, 1), cnnx.SliceChannels(1, 7), cnnx.Conv2d(4, 1)]
    ],
    "depth_to_space": [
        lambda rng: [
            cnnx.Conv2d(8, 1),
            cnnx.DepthToSpace(2, mode=word(rng, "DCR", "CRD")),
            cnnx.MaxPool2d(2),
            cnnx.Conv2d(4, 1),
        ]
    ],
    "space_to_depth": [
        lambda rng: [
            cnnx.Upsample2d(2),
            cnnx.SpaceToDepth(2, mode=word(rng, "DCR", "CRD")),
            cnnx.Conv2d(4, 1),
        ]
    ],
    "upsample2d": [
        lambda rng: [cnnx.Upsample2d(2, mode="bilinear"), cnnx.AdaptiveAvgPool2d(SHAPE[:2])],
        lambda rng: [cnnx.AdaptiveAvgPool2d((3, 5)), cnnx.Upsample2d((2, 1))],
        lambda rng: [
            cnnx.MaxPool2d(2),
            cnnx.Upsample2d(size=SHAPE[:2], mode="bilinear", align_corners=bool(rng.integers(2))),
        ],
    ],
}


def either(rng: np.random.Generator, *numbers: int) -> int:
    return int(rng.choice(numbers))


def word(rng: np.random.Generator, *words: str) -> str:
    return words[int(rng.integers(len(words)))]


def is_plain(kind: str) -> bool:
    """Whether the layer can be drawn as it is: all other kinds have an entry in LAYERS, or are
    drawn by RandomGraph itself.
    """
    if kind in LAYERS or kind not in layer_kinds.CLASSES:
        return False
    if layer_kinds.KINDS[kind]["inputs"] != (1, 1) or layer_kinds.arguments(kind):
        return False
    return layer_kinds.model(kind).output_shape == layer_kinds.IMAGE


PLAIN = [kind for kind in layer_kinds.KINDS if is_plain(kind)]
DRAWS: list[Draw] = [
    *(draw for draws in LAYERS.values() for draw in draws),
    *[lambda rng: layer_kinds.layer(PLAIN[int(rng.integers(len(PLAIN)))])] * 8,
]


def attention(symbol: Symbol, other: Symbol, rng: np.random.Generator) -> Symbol:
    """A mixture of the pixels of each row, or of its channels."""
    if rng.random() < 0.5:
        scores = cnnx.MatMul(transposed="second")(other, symbol)
    else:
        scores, symbol = cnnx.MatMul(transposed="first")(symbol, other), other
        return cnnx.MatMul()(symbol, cnnx.Softmax()(scores))
    return cnnx.MatMul()(cnnx.Softmax()(scores), symbol)


class RandomGraph:
    """Add layers that read earlier values, preferably the youngest."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.image = cnnx.Input(SHAPE)
        self.values: list[tuple[Symbol, int]] = [(self.image, SHAPE[2])]  # with their channels
        for _ in range(int(self.rng.integers(4, 16))):
            self.add()

    def model(self) -> cnnx.Model:
        """The output of the whole graph: all unread values are concatenated."""
        read = {id(each) for symbol, _ in self.values for each in symbol.inputs}
        ends = [symbol for symbol, _ in self.values if id(symbol) not in read]
        last = cnnx.Concat()(*ends) if len(ends) > 1 else ends[0]
        if self.rng.random() < 0.7:
            last = cnnx.Dense(3)(cnnx.Flatten()(last))
        elif self.rng.random() < 0.5:
            last = cnnx.Softmax()(cnnx.Conv2d(7, 1)(last))
        return with_random_values(cnnx.Model.from_graph(self.image, last, seed=4))

    def pick(self, channels: int | None = None) -> tuple[Symbol, int]:
        fits = [each for each in self.values if channels in (None, each[1])]
        return fits[max(int(self.rng.integers(len(fits))), int(self.rng.integers(len(fits))))]

    def add(self) -> None:
        symbol, channels = self.pick()
        choice = self.rng.random()
        if choice < 0.2:
            others = [self.pick(channels)[0] for _ in range(int(self.rng.integers(1, 3)))]
            self.values.append((self._maybe_frozen(cnnx.Add())(*others, symbol), channels))
        elif choice < 0.3:
            other = self.pick(channels)[0]
            if choice < 0.27:
                layer = cnnx.Multiply() if choice < 0.24 else cnnx.Maximum()
                self.values.append((layer(symbol, other), channels))
            else:
                self.values.append((attention(symbol, other, self.rng), channels))
        elif choice < 0.38:
            if self.rng.random() < 0.5:
                gates = cnnx.Dense(channels)(cnnx.GlobalAvgPool2d()(symbol))
            else:
                gates = cnnx.AvgPool2d(SHAPE[:2])(symbol)
                gates = self._maybe_frozen(cnnx.Conv2d(channels, 1))(gates)
            gates = cnnx.Sigmoid()(gates)
            self.values.append((cnnx.Multiply()(symbol, gates), channels))
        elif choice < 0.4:
            positions = self._maybe_frozen(cnnx.Parameter(SHAPE[:2], channels))(symbol)
            self.values.append((cnnx.Add()(symbol, positions), channels))
        elif choice < 0.42:
            gates = cnnx.Tanh()(self._maybe_frozen(cnnx.Conv2d(1, 1))(symbol))
            self.values.append((cnnx.Multiply()(symbol, gates), channels))
        elif choice < 0.5:
            other, more = self.pick()
            self.values.append((cnnx.Concat()(symbol, other), channels + more))
        else:
            drawn = DRAWS[int(self.rng.integers(len(DRAWS)))](self.rng)
            *before, layer = drawn if isinstance(drawn, list) else [drawn]
            for each in before:
                symbol = self._maybe_frozen(each)(symbol)
            self._maybe_frozen(layer)
            made = {"parallel": channels + 4, "residual": 4}.get(layer.kind, channels)
            more = layer.settings.get("out_channels", made)
            self.values.append((layer(symbol), more))

    def _maybe_frozen(self, layer: cnnx.Layer) -> cnnx.Layer:
        return frozen(layer) if self.rng.random() < 0.15 else layer


@functools.cache
def drawn_kinds() -> set[str]:
    """Of all layers of the graphs of SEEDS."""
    return {layer.kind for seed in SEEDS for layer in RandomGraph(seed).model().layers}

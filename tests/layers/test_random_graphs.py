"""Random graphs of every kind of layer: gradients against the float64 network, and bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import cnnx
import numpy as np
import pytest
from cnnx.layers.base import Symbol
from comparison import assert_same_bits
from gradient_checks import check_gradients, has_batch_norm
from graph_networks import frozen, with_random_values

SHAPE = (6, 5, 3)

Draw: TypeAlias = "Callable[[np.random.Generator], cnnx.Layer | list[cnnx.Layer]]"

# Of one input; each, or several in a row, preserves height and width.
LAYERS: list[Draw] = [
    lambda rng: cnnx.Conv2d(int(rng.choice([4, 8])), 3, padding="same", bias=bool(rng.integers(2))),
    lambda rng: cnnx.Conv2d(int(rng.choice([4, 8])), 1),
    lambda rng: cnnx.ConvTranspose2d(int(rng.choice([4, 8])), 3, padding=1),
    lambda rng: cnnx.BatchNorm2d(affine=bool(rng.integers(2))),
    lambda rng: cnnx.BatchNorm2d(),
    lambda rng: cnnx.LayerNorm(epsilon=0.1),
    lambda rng: cnnx.GroupNorm(1, epsilon=0.1),
    lambda rng: [cnnx.Conv2d(8, 1), cnnx.GroupNorm(4, epsilon=0.1), cnnx.Conv2d(4, 1)],
    lambda rng: cnnx.ReLU(),
    lambda rng: cnnx.ReLU(),
    lambda rng: cnnx.LeakyReLU(0.2),
    lambda rng: cnnx.PReLU(),
    lambda rng: cnnx.Tanh(),
    lambda rng: cnnx.ReLU6(),
    lambda rng: cnnx.GELU(),
    lambda rng: cnnx.SiLU(),
    lambda rng: cnnx.HardSwish(),
    lambda rng: cnnx.Sigmoid(),
    lambda rng: cnnx.Softmax(),
    lambda rng: cnnx.Dropout(0.3),
    lambda rng: cnnx.MaxPool2d(3, stride=1, padding="same"),
    lambda rng: cnnx.AvgPool2d(2, stride=1, padding="same"),
    lambda rng: cnnx.Residual([cnnx.Conv2d(4, 1), cnnx.ReLU()], [cnnx.Conv2d(4, 1)]),
    lambda rng: [cnnx.Conv2d(4, 1), cnnx.ReLU(), cnnx.Residual([cnnx.Conv2d(4, 1)])],
    lambda rng: cnnx.Parallel([[], cnnx.Conv2d(4, 1)]),
    lambda rng: [cnnx.ZeroPad2d(1), cnnx.MaxPool2d(3, stride=1)],
    lambda rng: [cnnx.MaxPool2d((2, 1)), cnnx.ConvTranspose2d(4, (2, 1), stride=(2, 1))],
    lambda rng: [cnnx.Upsample2d(2, mode="bilinear"), cnnx.AdaptiveAvgPool2d(SHAPE[:2])],
    lambda rng: [cnnx.AdaptiveAvgPool2d((3, 5)), cnnx.Upsample2d((2, 1))],
]


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
            self.values.append((cnnx.Multiply()(symbol, self.pick(channels)[0]), channels))
        elif choice < 0.38:
            if self.rng.random() < 0.5:
                gates = cnnx.Dense(channels)(cnnx.GlobalAvgPool2d()(symbol))
            else:
                gates = cnnx.AvgPool2d(SHAPE[:2])(symbol)
                gates = self._maybe_frozen(cnnx.Conv2d(channels, 1))(gates)
            gates = cnnx.Sigmoid()(gates)
            self.values.append((cnnx.Multiply()(symbol, gates), channels))
        elif choice < 0.46:
            other, more = self.pick()
            self.values.append((cnnx.Concat()(symbol, other), channels + more))
        else:
            drawn = LAYERS[int(self.rng.integers(len(LAYERS)))](self.rng)
            *before, layer = drawn if isinstance(drawn, list) else [drawn]
            for each in before:
                symbol = self._maybe_frozen(each)(symbol)
            self._maybe_frozen(layer)
            made = {"parallel": channels + 4, "residual": 4}.get(layer.kind, channels)
            more = layer.settings.get("out_channels", made)
            self.values.append((layer(symbol), more))

    def _maybe_frozen(self, layer: cnnx.Layer) -> cnnx.Layer:
        return frozen(layer) if self.rng.random() < 0.15 else layer


every_seed = pytest.mark.parametrize("seed", range(60))


@every_seed
def test_gradients(seed: int) -> None:
    model = RandomGraph(seed).model()
    x = np.random.default_rng(seed).standard_normal((4, *SHAPE)).astype(np.float32)
    if any(layer.trainable and layer.parameter_count for layer in model.layers):
        check_gradients(model, x, 3e-4, seed)


@every_seed
def test_inference(seed: int, restore_threads: None) -> None:
    model = RandomGraph(seed).model()
    x = np.random.default_rng(seed).standard_normal((17, *SHAPE)).astype(np.float32)
    cnnx.set_num_threads(1)
    last = [*model.layer_outputs(x).values()][-1]
    whole = model(x)
    if has_batch_norm(model):
        scale = np.abs(last).max()
        np.testing.assert_allclose(whole, last, rtol=0, atol=1e-5 * scale)
    else:
        assert_same_bits(whole, last)
    for threads in (2, 3):
        cnnx.set_num_threads(threads)
        for count in (1, 5, 17):
            assert_same_bits(model(x[:count]), whole[:count])

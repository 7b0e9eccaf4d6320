"""Graphs with several inputs, a given one and random ones, and arrays for them.

Not part of the package.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cnnx
import numpy as np
from cnnx.layers.base import Symbol
from graph_networks import with_random_values
from numpy.typing import NDArray

SIDE = 6
SEEDS = range(40)
COUNT = 11
SHAPES = {"image": (8, 6, 3), "depth": (4, 3, 1), "place": (1, 1, 5)}


def scene(*, heads: bool = False, classes: list[str] | None = None) -> cnnx.Model:
    """A model of an image, a coarser map of depths and five numbers."""
    image, depth, place = (cnnx.Input(shape) for shape in SHAPES.values())
    far = cnnx.Upsample2d(2)(cnnx.Conv2d(4, 3, padding="same")(depth))
    maps = cnnx.ReLU()(cnnx.Conv2d(4, 3, padding="same")(cnnx.Concat(name="both")(image, far)))
    features = cnnx.Concat()(cnnx.GlobalAvgPool2d()(maps), cnnx.Dense(4)(cnnx.Flatten()(place)))
    outputs: Any = cnnx.Dense(3)(features)
    if heads:
        outputs = {"class": outputs, "mask": cnnx.Conv2d(2, 1)(maps)}
    inputs = {"image": image, "depth": depth, "place": place}
    return cnnx.Model.from_graph(inputs, outputs, classes=classes, seed=3)


def samples(count: int = COUNT, seed: int = 0) -> tuple[dict[str, Any], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    x = {name: rng.random((count, *shape), np.float32) for name, shape in SHAPES.items()}
    return x, rng.integers(0, 3, count)


def part(x: dict[str, Any], rows: Any) -> dict[str, Any]:
    return {name: each[rows] for name, each in x.items()}


class Branch(NamedTuple):
    """Maps of SIDE x SIDE pixels, or of one pixel."""

    symbol: Symbol
    channels: int
    is_map: bool


def drawn_model(seed: int) -> cnnx.Model:
    """Two or three inputs that are merged one after the other, some of them read twice."""
    rng = np.random.default_rng(seed)
    inputs: dict[str, cnnx.Input] = {}
    branches = []
    for number in range(int(rng.integers(2, 4))):
        side = int(rng.choice([1, SIDE // 2, SIDE, 2 * SIDE]))
        image = cnnx.Input((side, side, int(rng.integers(1, 4))))
        inputs[f"in{number}"] = image
        branches.append(_branch(rng, image))
        if rng.random() < 0.3:
            branches.append(_branch(rng, image))
    rng.shuffle(branches)  # type: ignore[arg-type]
    while len(branches) > 1:
        merged = _merged(rng, branches.pop(), branches.pop())
        branches.append(_layers(rng, merged) if rng.random() < 0.7 else merged)
    last = branches[0].symbol
    if rng.random() < 0.6:
        last = cnnx.Dense(3)(cnnx.Flatten()(last))
    return with_random_values(cnnx.Model.from_graph(inputs, last, seed=4))


def arrays_for(model: cnnx.Model, count: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal((count, *shape)).astype(np.float32)
        for name, shape in model.inputs.items()
    }


def _branch(rng: np.random.Generator, image: cnnx.Input) -> Branch:
    """An input in SIDE x SIDE pixels, unless it has one."""
    side = image.shape[0]
    maps = Branch(image, image.shape[2], side > 1)
    if side == 2 * SIDE:
        pool = cnnx.MaxPool2d(2) if rng.random() < 0.5 else cnnx.AvgPool2d(2)
        maps = maps._replace(symbol=pool(image))
    elif side == SIDE // 2:
        maps = maps._replace(symbol=cnnx.Upsample2d(2)(image))
    for _ in range(int(rng.integers(0, 3))):
        maps = _layers(rng, maps)
    return maps


def _layers(rng: np.random.Generator, maps: Branch) -> Branch:
    out, kernel = int(rng.integers(2, 6)), 3 if maps.is_map and rng.random() < 0.7 else 1
    symbol = cnnx.Conv2d(out, kernel, padding="same")(maps.symbol)
    if maps.is_map and rng.random() < 0.4:  # statistics of a few numbers amplify rounding
        symbol = cnnx.BatchNorm2d()(symbol)
    if rng.random() < 0.6:
        symbol = (cnnx.ReLU() if rng.random() < 0.6 else cnnx.Tanh())(symbol)
    return Branch(symbol, out, maps.is_map)


def _merged(rng: np.random.Generator, a: Branch, b: Branch) -> Branch:
    if a.is_map != b.is_map:  # a factor for each channel
        maps, pixel = (a, b) if a.is_map else (b, a)
        factors = cnnx.Conv2d(maps.channels, 1)(pixel.symbol)
        return Branch(cnnx.Multiply()(maps.symbol, factors), maps.channels, True)
    if rng.random() < 0.5:
        both = cnnx.Concat()(a.symbol, b.symbol)
        return Branch(both, a.channels + b.channels, a.is_map)
    if a.channels != b.channels:
        b = b._replace(symbol=cnnx.Conv2d(a.channels, 1)(b.symbol))
    return Branch(cnnx.Add()(a.symbol, b.symbol), a.channels, a.is_map)

"""Images whose class is decided by one planted patch, and a network that finds it.

Not part of the package.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import cnnx
import numpy as np

SIZE, SIDE = 32, 8


class Planted(NamedTuple):
    """Images, their classes, and the first row and column of each patch."""

    images: Any
    labels: Any
    corners: Any

    def hits(self, maps: Any) -> int:
        """The maps whose largest element lies in the patch."""
        places = [np.unravel_index(each.argmax(), each.shape) for each in maps]
        return sum(
            top <= row < top + SIDE and left <= column < left + SIDE
            for (row, column), (top, left) in zip(places, self.corners, strict=True)
        )


def planted(count: int, seed: int) -> Planted:
    """Noise with a patch of horizontal stripes (class 1) or vertical ones (class 0) anywhere."""
    rng = np.random.default_rng(seed)
    images = rng.random((count, SIZE, SIZE, 1), np.float32) * 0.5
    labels = rng.integers(0, 2, count)
    corners = rng.integers(0, SIZE - SIDE + 1, (count, 2))
    stripes = 0.25 + 0.5 * (np.arange(SIDE) // 2 % 2)
    for image, label, (top, left) in zip(images, labels, corners, strict=True):
        patch = image[top : top + SIDE, left : left + SIDE, 0]
        patch[...] = stripes[:, np.newaxis] if label else stripes
    return Planted(images, labels, corners)


def network(seed: int) -> cnnx.Model:
    layers = [
        *(cnnx.Conv2d(8, 3, padding="same"), cnnx.ReLU(), cnnx.MaxPool2d(2)),
        *(cnnx.Conv2d(16, 3, padding="same"), cnnx.ReLU()),
        *(cnnx.GlobalAvgPool2d(), cnnx.Dense(2)),
    ]
    return cnnx.Model(layers, input_shape=(SIZE, SIZE, 1), classes=["|||", "==="], seed=seed)


@functools.cache
def trained() -> cnnx.Model:
    """A network with all classes correct, after two seconds."""
    model, samples = network(1), planted(1500, 0)
    trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(0.01))
    trainer.fit(samples.images, samples.labels, epochs=12)
    return model

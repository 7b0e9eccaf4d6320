"""Models whose playgrounds the tests open, and random images for them.

Not part of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import cnnx
import numpy as np
import numpy.typing as npt
from cnnx.cli import demo

DIGITS = [str(digit) for digit in range(10)]
COLOURS = ["red", "green", "blue"]


class Playground(NamedTuple):
    """The files of a model and of its page."""

    model: Path
    page: Path


Playgrounds: TypeAlias = Callable[[str], Playground]


def demo_model() -> cnnx.Model:
    """The model that `cnnx demo` trains."""
    x, y = cnnx.data.xo(demo.TRAINING_IMAGES, seed=demo.SEED)
    return demo.learn(x, y)[0]


def lenet5() -> cnnx.Model:
    """LeNet, trained for a moment."""
    return _trained(cnnx.models.lenet5((28, 28, 1), DIGITS))


def batch_norm() -> cnnx.Model:
    """A network with batch norms, whose running statistics are no longer 0 and 1."""
    layers = [
        *(cnnx.Conv2d(4, 3, padding="same"), cnnx.BatchNorm2d(), cnnx.ReLU(), cnnx.MaxPool2d(2)),
        *(cnnx.Conv2d(8, 3), cnnx.BatchNorm2d(), cnnx.SiLU(), cnnx.GlobalAvgPool2d()),
        cnnx.Dense(2),
    ]
    return _trained(cnnx.Model(layers, input_shape=(16, 16, 1), classes=["X", "O"]))


def colours() -> cnnx.Model:
    """A network of colour images with a mean and a deviation per channel."""
    preprocessing = cnnx.Preprocessing(mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25))
    layers = [cnnx.Conv2d(6, 5, padding=2), cnnx.ReLU(), cnnx.AvgPool2d(2), cnnx.Flatten()]
    return _trained(
        cnnx.Model(
            [*layers, cnnx.Dense(3)],
            input_shape=(20, 24, 3),
            classes=COLOURS,
            preprocessing=preprocessing,
        )
    )


def resnet20() -> cnnx.Model:
    """A deep network of branches and colour images."""
    return cnnx.models.resnet20(seed=3)


MODELS: dict[str, Callable[[], cnnx.Model]] = {
    each.__name__: each for each in (demo_model, lenet5, batch_norm, colours, resnet20)
}


def random_images(shape: tuple[int, ...], count: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Images of random rectangles with noise, and one each of the darkest and brightest pixels."""
    random = np.random.default_rng(seed)
    images = np.zeros((count, *shape), np.uint8)
    height, width, channels = shape
    for image in images[2:]:
        for _ in range(4):
            top, left = random.integers(0, height), random.integers(0, width)
            down, right = random.integers(1, height), random.integers(1, width)
            image[top : top + down, left : left + right] = random.integers(0, 256, channels)
        image += random.integers(0, 16, image.shape, dtype=np.uint8)
    images[1] = 255
    return images


def _trained(model: cnnx.Model) -> cnnx.Model:
    """The model after two epochs on random images with random labels."""
    images = random_images(model.input_shape, 128, seed=1)
    outputs = model.output_shape[0]
    labels = images.reshape(len(images), -1).astype(np.int64).sum(axis=1) % outputs
    cnnx.Trainer(model).fit(images, labels, epochs=2)
    return model

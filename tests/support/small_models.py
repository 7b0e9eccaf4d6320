"""Small networks on odd image sizes that the tests of Model build, run and break."""

from __future__ import annotations

from typing import Any, TypeAlias

import cnnx
import numpy as np
import numpy.typing as npt

Images: TypeAlias = "npt.NDArray[np.float32]"
SHAPE = (8, 6, 3)


def random_images(rng: np.random.Generator) -> Images:
    """Five images of the network's size, as floats in [0, 1)."""
    return rng.random((5, *SHAPE), dtype=np.float32)


def build(*layers: cnnx.Layer, **settings: Any) -> cnnx.Model:
    """A model of these layers, on images of SHAPE by default."""
    settings.setdefault("input_shape", SHAPE)
    return cnnx.Model(list(layers), **settings)


def small(classes: list[str] | None = None, seed: int = 0) -> cnnx.Model:
    """Convolution, ReLU and three outputs."""
    return build(
        cnnx.Conv2d(4, 3),
        cnnx.ReLU(),
        cnnx.Flatten(),
        cnnx.Dense(3),
        classes=classes,
        seed=seed,
    )


def two_inputs_and_outputs() -> cnnx.Model:
    """A model of an image and a depth, with a class and a count."""
    image, depth = cnnx.Input((4, 3, 3)), cnnx.Input((2, 2, 1))
    values = cnnx.Concat()(*(cnnx.GlobalAvgPool2d()(each) for each in (image, depth)))
    outputs: dict[str, Any] = {
        "class": cnnx.Dense(2)(values),
        "count": cnnx.Dense(1)(values),
    }
    model = cnnx.Model.from_graph({"image": image, "depth": depth}, outputs)
    cnnx.Trainer(model, loss={"class": cnnx.CrossEntropy(), "count": cnnx.L1()})
    return model

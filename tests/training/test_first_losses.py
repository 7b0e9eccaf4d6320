"""The first 50 losses of a conv-pool-dense network equal those of the NumPy float64 loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from reference_training import Update, adam, adamw, sgd, train_conv_pool_dense

STEPS, BATCH, SIZE = 50, 16, 16
# Rounding changes the weights, and the weights change the losses: far less than this for 50 steps,
# and far more if an update has another formula.
RELATIVE = 1e-4

Batch: TypeAlias = "tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]"

OPTIMIZERS: dict[str, tuple[Any, Update]] = {
    "SGD": (cnnx.SGD(0.05), sgd(0.05)),
    "SGD momentum": (cnnx.SGD(0.02, momentum=0.9), sgd(0.02, momentum=0.9)),
    "SGD nesterov": (
        cnnx.SGD(0.02, momentum=0.8, nesterov=True, weight_decay=0.01),
        sgd(0.02, momentum=0.8, nesterov=True, weight_decay=0.01),
    ),
    "Adam": (cnnx.Adam(2e-3), adam(2e-3)),
    "Adam with settings": (
        cnnx.Adam(2e-3, betas=(0.8, 0.99), epsilon=1e-4),
        adam(2e-3, betas=(0.8, 0.99), epsilon=1e-4),
    ),
    "AdamW": (cnnx.AdamW(2e-3), adamw(2e-3)),
    "AdamW decay": (cnnx.AdamW(2e-3, weight_decay=1.0), adamw(2e-3, weight_decay=1.0)),
}


def build() -> cnnx.Model:
    layers = [
        cnnx.Conv2d(8, 3, padding="same"),
        cnnx.ReLU(),
        cnnx.MaxPool2d(2),
        cnnx.Flatten(),
        cnnx.Dense(2),
    ]
    return cnnx.Model(layers, input_shape=(SIZE, SIZE, 1), seed=3)


def batches() -> Iterator[Batch]:
    x, y = cnnx.data.xo(STEPS * BATCH, size=SIZE, seed=4)
    yield from zip(np.split(x, STEPS), np.split(y, STEPS), strict=True)


def expected_losses(update: Update) -> npt.NDArray[np.float64]:
    parameters = dict(build().parameters)
    return np.array(train_conv_pool_dense(parameters, ((x / 255, y) for x, y in batches()), update))


def actual_losses(optimizer: Any) -> npt.NDArray[np.float64]:
    trainer = cnnx.Trainer(build(), optimizer=optimizer)
    return np.array([trainer.step(x, y) for x, y in batches()])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_first_losses(name: str) -> None:
    optimizer, update = OPTIMIZERS[name]
    expected = expected_losses(update)
    np.testing.assert_allclose(actual_losses(optimizer), expected, rtol=RELATIVE, atol=0)
    assert len(set(expected)) == STEPS


def test_other_formulas_are_detected() -> None:
    """A small error in the learning rate or in any single setting is detected."""
    expected = expected_losses(OPTIMIZERS["Adam"][1])
    for optimizer in (
        cnnx.Adam(2.01e-3),
        cnnx.Adam(2e-3, betas=(0.9, 0.99)),
        cnnx.Adam(2e-3, betas=(0.89, 0.999)),
        cnnx.Adam(2e-3, epsilon=1e-4),
        cnnx.AdamW(2e-3),
        cnnx.SGD(2e-3),
    ):
        error = np.abs(actual_losses(optimizer) / expected - 1)
        assert error.max() > 2 * RELATIVE, optimizer

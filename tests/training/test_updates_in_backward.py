"""Steps of a large model update each layer right after its backward, and keep no gradients."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest

OPTIMIZERS = {
    "sgd": lambda: cnnx.SGD(0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda: cnnx.Adam(0.01),
    "adamw": lambda: cnnx.AdamW(0.01, weight_decay=0.1),
    "rmsprop": lambda: cnnx.RMSprop(0.01, momentum=0.5),
}
X = np.random.default_rng(1).standard_normal((4, 6, 6, 3)).astype(np.float32)
Y = np.array([0, 1, 2, 1])


def large_model() -> cnnx.Model:
    """More than four million parameters, some of which are frozen."""
    layers = [
        cnnx.Conv2d(16, 3, padding="same", bias=False),
        cnnx.BatchNorm2d(),
        cnnx.ReLU(),
        cnnx.Conv2d(16, 1),
        cnnx.Flatten(),
        cnnx.Dense(8000),
        cnnx.Dense(3),
    ]
    layers[3].trainable = False
    return cnnx.Model(layers, input_shape=(6, 6, 3), seed=1)


def arrays_of(trainer: cnnx.Trainer) -> list[bytes]:
    models = [trainer.model, trainer.averaged_model()]
    return [
        array.tobytes()
        for model in models
        for array in (*model.parameters.values(), *model.buffers.values())
    ]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("recompute", [False, True])
def test_the_bits_are_those_of_the_two_halves_of_a_step(optimizer: str, recompute: bool) -> None:
    settings: dict[str, Any] = {
        "rules": [cnnx.ParameterRule("*.bias", learning_rate_factor=0.5, weight_decay_factor=0.0)],
        "averaging": cnnx.WeightAverage(0.5),
        "recompute": recompute,
    }
    whole, halves = (
        cnnx.Trainer(large_model(), optimizer=OPTIMIZERS[optimizer](), **settings) for _ in range(2)
    )
    for _ in range(3):
        loss = whole.step(X, Y)
        assert halves.compute_gradients(X, Y) == loss
        halves.apply_gradients()
        assert arrays_of(whole) == arrays_of(halves)


def test_gradients_that_were_not_kept_are_refused() -> None:
    trainer, other = (cnnx.Trainer(large_model(), optimizer=cnnx.SGD(0.1)) for _ in range(2))
    trainer.step(X, Y)
    sentence = "kept no gradients, expected a compute_gradients after it, or a step after this call"
    for _ in range(2):
        with pytest.raises(ValueError, match=f"^gradients: .*{sentence}"):
            _ = trainer.gradients
    with pytest.raises(ValueError, match=f"^apply_gradients: .*{sentence}"):
        trainer.apply_gradients()
    trainer.step(X, Y)
    other.step(X, Y)
    other.compute_gradients(X, Y)
    assert trainer.gradients.tobytes() == other.gradients.tobytes()


def test_gradients_of_a_step_after_they_were_read_are_kept() -> None:
    trainer, other = (cnnx.Trainer(large_model(), optimizer=cnnx.SGD(0.1)) for _ in range(2))
    gradients = trainer.gradients
    assert not gradients.any()
    trainer.step(X, Y)
    other.compute_gradients(X, Y)
    assert gradients.tobytes() == other.gradients.tobytes()


@pytest.mark.parametrize("settings", [{"clip_norm": 0.01}, {"optimizer": cnnx.Muon()}])
def test_what_needs_all_gradients_keeps_them(settings: dict[str, Any]) -> None:
    trainer, other = (cnnx.Trainer(large_model(), **settings) for _ in range(2))
    trainer.step(X, Y)
    other.compute_gradients(X, Y)
    assert trainer.gradients.tobytes() == other.gradients.tobytes()


def test_a_loss_that_is_not_finite_changes_nothing() -> None:
    trainer = cnnx.Trainer(large_model(), averaging=cnnx.WeightAverage(0.5))
    trainer.step(X, Y)
    before, learning_rate = arrays_of(trainer), trainer.learning_rate
    with pytest.raises(FloatingPointError, match="the images are not finite"):
        trainer.step(X * np.float32(np.inf), Y)
    assert arrays_of(trainer) == before
    other = cnnx.Trainer(large_model(), averaging=cnnx.WeightAverage(0.5))
    for _ in range(2):
        other.step(X, Y)
    trainer.step(X, Y)
    assert arrays_of(trainer) == arrays_of(other)
    assert trainer.learning_rate == learning_rate

"""Dropout: the dropped numbers of a train step, the scale of the others, and inference.

A dropout in front of a dense layer shows its mask in the gradient of the dense layer: that is the
sum over the batch of the dense layer's input times the gradient of its output.
"""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from comparison import assert_same_bits
from reference_network import ReferenceNetwork, Step

FEATURES = (20, 25, 4)


def model_of(*rates: float) -> cnnx.Model:
    """Dropouts one after another, then one output."""
    layers = [cnnx.Dropout(rate) for rate in rates]
    return cnnx.Model([*layers, cnnx.Flatten(), cnnx.Dense(1)], input_shape=FEATURES)


def trainer_of(model: cnnx.Model, seed: int = 0) -> cnnx.Trainer:
    return cnnx.Trainer(model, optimizer=cnnx.SGD(0.0), loss=cnnx.L1(), seed=seed)


def what_dense_reads(trainer: cnnx.Trainer, x: Any) -> Any:
    """One image's numbers after the dropouts, in the step that this computes."""
    # The output lies above its target, so the loss's gradient is 1.
    trainer.model.parameters["dense_1.bias"] = [1e6]
    trainer.compute_gradients(x, [[0.0]])
    return trainer.gradients[:-1].copy().reshape(FEATURES)


def masks(trainer: cnnx.Trainer, steps: int) -> list[Any]:
    return [what_dense_reads(trainer, np.ones((1, *FEATURES))) for _ in range(steps)]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_dropped_fraction_and_the_scale_of_the_rest(rate: float) -> None:
    found = np.stack(masks(trainer_of(model_of(rate)), 10))
    kept = found[found != 0]
    np.testing.assert_allclose(kept, 1 / (1 - rate), rtol=1e-6)
    deviation = np.sqrt(rate * (1 - rate) / found.size)
    assert abs(np.mean(found == 0) - rate) < 4 * deviation
    # No position is dropped more often than chance allows.
    per_place = np.mean(found == 0, axis=0)
    assert abs(per_place.var() - rate * (1 - rate) / 10) < 0.15 * rate * (1 - rate) / 10


def test_a_rate_of_zero_changes_nothing(rng: np.random.Generator) -> None:
    x = np.asarray(rng.standard_normal((1, *FEATURES)), dtype=np.float32)
    assert_same_bits(what_dense_reads(trainer_of(model_of(0.0)), x), x[0])


def test_the_mask_is_a_function_of_seed_step_and_layer() -> None:
    trainer = trainer_of(model_of(0.5))
    first, second = masks(trainer, 2)
    assert 0.4 < np.mean(first == second) < 0.6
    again = masks(trainer_of(model_of(0.5)), 2)
    assert_same_bits(np.stack(again), np.stack([first, second]))
    (other_seed,) = masks(trainer_of(model_of(0.5), seed=1), 1)
    assert 0.4 < np.mean(first == other_seed) < 0.6
    # The second of two drops other positions than the first: a quarter is left, not a half.
    (both,) = masks(trainer_of(model_of(0.5, 0.5)), 1)
    assert np.mean(both != 0) == pytest.approx(0.25, abs=0.04)
    np.testing.assert_allclose(both[both != 0], 4.0)
    assert (first[both != 0] != 0).all()


def test_every_image_of_a_batch_has_a_mask_of_its_own() -> None:
    trainer = trainer_of(model_of(0.5))
    trainer.model.parameters["dense_1.bias"] = [1e6]
    trainer.compute_gradients(np.ones((2, *FEATURES)), [[0.0], [0.0]])
    mean = trainer.gradients[:-1]  # of two masks of 0 and 2
    assert {*np.unique(mean)} == {0.0, 1.0, 2.0}
    assert np.mean(mean == 1.0) == pytest.approx(0.5, abs=0.05)


def test_inference_does_nothing(rng: np.random.Generator) -> None:
    x = np.asarray(rng.standard_normal((3, *FEATURES)), dtype=np.float32)
    with_dropout = model_of(0.5, 0.9)
    without = cnnx.Model([cnnx.Flatten(), cnnx.Dense(1)], input_shape=FEATURES)
    without.parameters["dense_1.weight"] = with_dropout.parameters["dense_1.weight"]
    y = rng.standard_normal((3, 1))
    trainer = trainer_of(with_dropout)
    trainer.step(x, y)
    assert_same_bits(with_dropout(x), without(x))
    assert_same_bits(with_dropout.layer_outputs(x)["dropout_2"], x)
    assert trainer.evaluate(x, y)["loss"] == trainer_of(without).evaluate(x, y)["loss"]
    only = cnnx.Model([cnnx.Dropout(0.5)], input_shape=FEATURES)
    assert_same_bits(only(x), x)


def test_backward_has_the_mask_of_its_forward(rng: np.random.Generator) -> None:
    """Against the float64 network, which draws the same masks, in the third step."""
    layers = [
        cnnx.Conv2d(4, 3),
        cnnx.Dropout(0.4),
        cnnx.ReLU(),
        cnnx.Conv2d(4, 3),
        cnnx.Dropout(0.2),
        cnnx.Flatten(),
        cnnx.Dense(2),
    ]
    model = cnnx.Model(layers, input_shape=(9, 8, 2))
    x, y = rng.standard_normal((3, 9, 8, 2)).astype(np.float32), rng.standard_normal((3, 2))
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(0.0), loss=cnnx.MSE(), seed=5 + 2**40)
    for _ in range(3):
        trainer.compute_gradients(x, y)
    gradients = ReferenceNetwork(model).gradients(
        x, lambda outputs: 2 * (outputs - y) / y.size, Step(5 + 2**40, 2)
    )
    expected = np.concatenate([gradient.ravel() for gradient in gradients.values()])
    bound = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(trainer.gradients, expected, rtol=0, atol=bound)


def test_masks_do_not_depend_on_the_threads(restore_threads: None) -> None:
    x = np.ones((33, *FEATURES), dtype=np.float32)
    found = set()
    for threads in (1, 2, 3, 8):
        cnnx.set_num_threads(threads)
        trainer = trainer_of(model_of(0.3, 0.2))
        trainer.compute_gradients(x, np.zeros((33, 1)))
        found.add(trainer.gradients.tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_a_rate_beyond_its_range_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"dropout: rate is .*, expected a number from 0 to below"):
        cnnx.Dropout(rate)


def test_a_rate_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(TypeError, match="Dropout: rate is 'half', expected a number"):
        cnnx.Dropout("half")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Dropout: rate is nan, expected a finite number"):
        cnnx.Dropout(float("nan"))

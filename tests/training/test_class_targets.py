"""Class weights and soft labels in a trainer: means, gradients, metrics, refusals."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from cnnx import ops

Array = npt.NDArray[Any]
WEIGHTS = [0.5, 2.0, 1.0]


def make_trainer(**settings: Any) -> cnnx.Trainer:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(3)], input_shape=(3, 3, 1), seed=4)
    loss = cnnx.CrossEntropy(**settings)
    return cnnx.Trainer(model, optimizer=cnnx.SGD(0.0), loss=loss)


def batch(rng: np.random.Generator, count: int, soft_labels: bool) -> tuple[Array, Array]:
    x = rng.random((count, 3, 3, 1), dtype=np.float32)
    if not soft_labels:
        return x, rng.integers(0, 3, count)
    y = rng.random((count, 3), dtype=np.float32)
    return x, y / y.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("soft_labels", [False, True], ids=["labels", "soft_labels"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"class_weights": WEIGHTS}, {"class_weights": WEIGHTS, "label_smoothing": 0.1}],
    ids=["plain", "weights", "weights and smoothing"],
)
def test_every_mean_is_the_weighted_one(
    soft_labels: bool, settings: dict[str, Any], rng: np.random.Generator
) -> None:
    """The weighted mean of a batch, an evaluation in parts, and an epoch of ragged batches."""
    trainer = make_trainer(**settings)
    x, y = batch(rng, 23, soft_labels)
    outputs = trainer.model(x)
    expected = ops.cross_entropy(outputs, y, **settings)
    assert trainer.compute_gradients(x, y) == pytest.approx(expected, rel=1e-12)
    bias = ops.cross_entropy_backward(outputs, y, **settings).sum(axis=0)
    np.testing.assert_allclose(trainer.gradients[-3:], bias, rtol=1e-5, atol=1e-6)
    assert trainer.evaluate(x, y)["loss"] == pytest.approx(expected, rel=1e-12)
    history = trainer.fit(x, y, epochs=1, batch_size=5)
    assert history.loss[0] == pytest.approx(expected, rel=1e-12)
    batches = [(x[:7], y[:7]), (x[7:], y[7:])]
    history = make_trainer(**settings).fit(batches, epochs=1)
    assert history.loss[0] == pytest.approx(expected, rel=1e-12)
    labels = y.argmax(axis=1) if soft_labels else y
    accuracy = (outputs.argmax(axis=1) == labels).mean()
    assert history.accuracy[0] == pytest.approx(accuracy)
    assert trainer.evaluate(x, y)["accuracy"] == pytest.approx(accuracy)


def test_parts_with_the_whole_batchs_total_add_up(rng: np.random.Generator) -> None:
    trainer = make_trainer(class_weights=WEIGHTS)
    x, y = batch(rng, 8, soft_labels=False)
    total = float(np.array(WEIGHTS)[y].sum())
    loss = trainer.compute_gradients(x, y)
    gradients = trainer.gradients.copy()
    parts = []
    for where in (slice(0, 5), slice(5, 8)):
        parts.append(trainer.compute_gradients(x[where], y[where], divisor=total))
        gradients -= trainer.gradients
    assert sum(parts) == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(gradients, 0, atol=1e-6)


def test_a_batch_of_weight_zero_updates_nothing() -> None:
    trainer = make_trainer(class_weights=[0, 1, 1])
    x = np.ones((4, 3, 3, 1))
    assert trainer.compute_gradients(x, [0, 0, 0, 0]) == 0
    assert not trainer.gradients.any()
    assert trainer.fit(x, [0, 0, 0, 1], epochs=1, batch_size=3).loss[0] > 0


def test_one_image_with_soft_labels() -> None:
    trainer = make_trainer()
    x = np.ones((3, 3, 1))
    one = trainer.step(x, [0.25, 0.5, 0.25])
    assert one == trainer.step(x[np.newaxis], [[0.25, 0.5, 0.25]])


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (
            [[0.5, 0.5, 0.5]] * 2,
            "y has soft labels that add up to 1.5 at position 0, expected 1",
        ),
        (
            [[1, 0, 0], [0.5, 0, 0]],
            "y has soft labels that add up to 0.5 at position 1, expected",
        ),
        ([[1.5, -0.5, 0.0]] * 2, "y holds values from -0.5 to 1.5, expected 0 to 1"),
        ([[np.nan, 0.5, 0.5]] * 2, "y holds NaN or infinity, expected finite numbers"),
        ([[0.5, 0.5]] * 2, r"y has shape \(2, 2\), expected one label per image, \(2,\)"),
    ],
)
def test_wrong_soft_labels_are_refused(y: Any, sentence: str) -> None:
    trainer = make_trainer()
    for method in ("step", "compute_gradients", "evaluate"):
        with pytest.raises(ValueError, match=f"^{method}: {sentence}"):
            getattr(trainer, method)(np.zeros((2, 3, 3, 1)), y)


@pytest.mark.parametrize(
    ("error", "weights", "sentence"),
    [
        (ValueError, [1, 2], r"trainer: class_weights has 2 numbers, but the model's .* \(3,\)"),
        (
            ValueError,
            [1, 2, -1],
            "CrossEntropy: class_weights is -1, expected a finite number >= 0",
        ),
        (ValueError, [], "CrossEntropy: class_weights is empty, expected one number per class"),
        (TypeError, "abc", "CrossEntropy: class_weights is 'abc', expected a list of numbers"),
        (TypeError, ["a", 1, 2], "CrossEntropy: class_weights is 'a', expected a number"),
        (TypeError, 3, "CrossEntropy: class_weights is 3, expected a list of numbers"),
        (
            TypeError,
            np.array(3),
            r"CrossEntropy: class_weights is an array of shape \(\), ",
        ),
    ],
)
def test_wrong_weights_are_refused(error: type[Exception], weights: Any, sentence: str) -> None:
    with pytest.raises(error, match=f"^{sentence}"):
        make_trainer(class_weights=weights)

"""The doctor's examination of a training finds planted defects, and suggests a learning rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import Conv2d, Dense, Flatten, MaxPool2d, ReLU
from cnnx.doctor import Finding, check_training, suspect_labels

X, Y = cnnx.data.xo(128, seed=1)


def model() -> cnnx.Model:
    return cnnx.models.small((32, 32, 1), ["X", "O"])


def only(findings: list[Finding], check: str) -> Finding:
    (found,) = (each for each in findings if each.check == check)
    return found


def test_a_healthy_training_gives_a_learning_rate_and_changes_nothing() -> None:
    checked = model()
    steps: list[tuple[int, int]] = []
    (found,) = check_training(checked, X, Y, progress=lambda *now: steps.append(now))
    assert (found.severity, found.check) == ("note", "learning-rate")
    rate = float(found.message.rpartition(" ")[2])
    assert 1e-5 < rate < 0.1
    assert steps[-1][0] == steps[-1][1]
    for name, values in model().parameters.items():
        np.testing.assert_array_equal(checked.parameters[name], values)


def test_other_losses_can_be_checked() -> None:
    layers = [cnnx.Conv2d(8, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(1)]
    network = cnnx.Model(layers, input_shape=(32, 32, 1))
    for loss, targets in (
        (cnnx.BinaryCrossEntropy(), Y),
        (cnnx.MSE(), X.mean(axis=(1, 2, 3)) / 255),
    ):
        findings = check_training(network, X, targets, loss=loss)
        assert [each.check for each in findings] == ["learning-rate"]


def test_a_large_first_loss_is_found() -> None:
    broken = model()
    broken.parameters["dense_2.weight"] = 100 * broken.parameters["dense_2.weight"]
    found = only(check_training(broken, X, Y), "first-loss")
    assert found.severity == "warning"
    assert "expected about 0.693" in found.message


def test_a_loss_that_is_not_finite_ends_the_examination() -> None:
    broken = model()
    broken.parameters["dense_2.bias"] = [np.nan, 0.0]
    (found,) = check_training(broken, X, Y)
    assert (found.severity, found.check) == ("error", "first-loss")


def test_equal_images_of_different_classes_cannot_be_learned() -> None:
    images = np.repeat(X[:1], 64, axis=0)
    findings = check_training(model(), images, np.arange(64) % 2)
    assert only(findings, "one-batch").severity == "error"


def test_a_loss_that_falls_at_every_rate_gets_a_rate() -> None:
    """Three lights that shine in an image, whose loss has its minimum above the rates of Adam."""
    random = np.random.default_rng(0)
    x = random.integers(0, 60, (200, 16, 16, 3), dtype=np.uint8)
    y = random.integers(0, 2, (200, 3))
    for image, lights in zip(x, y, strict=True):
        for channel in np.flatnonzero(lights):
            row, column = random.integers(0, 11, 2)
            image[row : row + 5, column : column + 5, channel] = 255
    layers = [Conv2d(8, 3), ReLU(), MaxPool2d(2), Flatten(), Dense(3)]
    loss = cnnx.BinaryCrossEntropy()
    trained = cnnx.Model(layers, input_shape=(16, 16, 3), seed=0)
    found = only(check_training(trained, x, y, loss=loss), "learning-rate")
    assert found.severity == "note"
    rate = float(found.message.rpartition(" ")[2])
    assert rate <= 0.1
    trainer = cnnx.Trainer(trained, optimizer=cnnx.Adam(rate), loss=loss)
    assert trainer.fit(x, y, epochs=8).loss[-1] < 0.3


def test_a_severed_network_has_no_gradients_and_learns_nothing() -> None:
    broken = model()
    broken.parameters["conv2d_2.bias"] = np.full(32, -100)
    findings = check_training(broken, X, Y)
    assert only(findings, "learning-rate").severity == "warning"
    assert {"conv2d_1.weight", "conv2d_2.weight"} <= set(only(findings, "no-gradient").examples)
    assert only(findings, "one-batch").severity == "error"


def test_a_frozen_model_is_found() -> None:
    broken = model()
    broken.freeze("*")
    (found,) = check_training(broken, X, Y)
    assert (found.severity, found.check) == ("error", "frozen-model")


def test_a_frozen_layer_needs_no_gradient() -> None:
    partly = model()
    partly.freeze("conv*")
    assert [each.check for each in check_training(partly, X, Y)] == ["learning-rate"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((None, X, Y), TypeError, "model is None, expected a cnnx.Model"),
        ((model(), X, Y[:5]), ValueError, "expected images and as many targets"),
        ((model(), X[:0], Y[:0]), ValueError, "expected images and as many targets"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"check_training: .*{message}"):
        check_training(*arguments)


@pytest.mark.parametrize("function", [check_training, suspect_labels])
def test_a_progress_that_is_no_function_is_refused(function: Callable[..., Any]) -> None:
    first = (model(),) if function is check_training else ()
    with pytest.raises(
        TypeError, match=f"^{function.__name__}: progress is 3, expected a function"
    ):
        function(*first, X, Y, progress=3)

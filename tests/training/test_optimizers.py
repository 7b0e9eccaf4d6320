"""The optimizers: updates against PyTorch's formulas in float64, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from reference_training import State, Update, adam, adamw, rmsprop, sgd

CASES: dict[str, tuple[Any, Update]] = {
    "sgd": (cnnx.SGD(0.1), sgd(0.1)),
    "sgd, weight decay": (cnnx.SGD(0.1, weight_decay=0.5), sgd(0.1, weight_decay=0.5)),
    "momentum": (cnnx.SGD(0.1, momentum=0.9), sgd(0.1, momentum=0.9)),
    "momentum, weight decay": (
        cnnx.SGD(0.1, momentum=0.5, weight_decay=0.1),
        sgd(0.1, momentum=0.5, weight_decay=0.1),
    ),
    "nesterov": (
        cnnx.SGD(0.1, momentum=0.9, nesterov=True),
        sgd(0.1, momentum=0.9, nesterov=True),
    ),
    "adam": (cnnx.Adam(), adam()),
    "adam, other settings": (
        cnnx.Adam(0.1, betas=(0.5, 0.75), epsilon=1e-3),
        adam(0.1, betas=(0.5, 0.75), epsilon=1e-3),
    ),
    "adamw": (cnnx.AdamW(), adamw()),
    "adamw, other settings": (
        cnnx.AdamW(0.1, betas=(0.5, 0.75), epsilon=1e-3, weight_decay=0.25),
        adamw(0.1, betas=(0.5, 0.75), epsilon=1e-3, weight_decay=0.25),
    ),
    "rmsprop": (cnnx.RMSprop(), rmsprop()),
    "rmsprop, other settings": (
        cnnx.RMSprop(0.1, alpha=0.75, epsilon=1e-3, momentum=0.5, weight_decay=0.25),
        rmsprop(0.1, alpha=0.75, epsilon=1e-3, momentum=0.5, weight_decay=0.25),
    ),
}


def make_trainer(optimizer: Any, outputs: int = 5) -> cnnx.Trainer:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(outputs)], input_shape=(3, 3, 2), seed=1)
    return cnnx.Trainer(model, optimizer=optimizer, loss=cnnx.MSE())


def all_parameters(trainer: cnnx.Trainer) -> Any:
    arrays = trainer.model.parameters.values()
    return np.concatenate([array.ravel() for array in arrays])


@pytest.mark.parametrize("case", CASES)
def test_updates(case: str, rng: np.random.Generator) -> None:
    """Twelve updates with gradients of every size.

    Every update rounds a parameter once and its change a few times; so do the slots. After twelve,
    an element may be off by a few times twelve eps of the largest value it or its change has had.
    """
    optimizer, update = CASES[case]
    trainer = make_trainer(optimizer)
    expected = all_parameters(trainer).astype(np.float64)
    largest = np.abs(expected)
    state: State = {}
    for _ in range(12):
        scale = 10.0 ** rng.integers(-6, 3, trainer.gradients.size)
        trainer.gradients[...] = scale * rng.standard_normal(trainer.gradients.size)
        before = expected
        expected = update(expected, trainer.gradients.astype(np.float64), state)
        trainer.apply_gradients()
        largest = np.maximum(largest, np.maximum(np.abs(expected), np.abs(expected - before)))
        error = np.abs(all_parameters(trainer) - expected)
        assert (error <= 40 * np.finfo(np.float32).eps * largest).all(), (error / largest).max()
    assert not np.allclose(all_parameters(trainer), all_parameters(make_trainer(optimizer)))


def test_a_zero_gradient_only_decays() -> None:
    for optimizer in (cnnx.SGD(0.1, momentum=0.9), cnnx.Adam(0.1)):
        trainer = make_trainer(optimizer)
        before = all_parameters(trainer)
        trainer.gradients[...] = 0
        trainer.apply_gradients()
        assert all_parameters(trainer).tobytes() == before.tobytes()
    trainer = make_trainer(cnnx.AdamW(0.5, weight_decay=0.5))
    before = all_parameters(trainer)
    trainer.gradients[...] = 0
    trainer.apply_gradients()
    assert all_parameters(trainer).tobytes() == (before * np.float32(0.75)).tobytes()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("outputs", [1, 7, 16, 8191])
def test_an_element_does_not_depend_on_its_position(
    case: str, outputs: int, restore_threads: None
) -> None:
    """Vector tails and thread borders: equal parameters and gradients stay equal."""
    cnnx.set_num_threads(3)
    trainer = make_trainer(CASES[case][0], outputs)
    for name, array in trainer.model.parameters.items():
        trainer.model.parameters[name] = np.full_like(array, 0.7)
    for gradient in (0.3, -0.01, 2.0):
        trainer.gradients[...] = gradient
        trainer.apply_gradients()
        values = all_parameters(trainer)
        assert (values == values[0]).all()


REFUSED: list[tuple[type[Exception], Callable[[], Any], str]] = [
    (ValueError, lambda: cnnx.SGD(-0.1), "SGD: learning_rate is -0.1, expected a finite"),
    (ValueError, lambda: cnnx.SGD(float("nan")), "SGD: learning_rate is nan, expected a finite"),
    (ValueError, lambda: cnnx.SGD(float("inf")), "SGD: learning_rate is inf, expected a finite"),
    (TypeError, lambda: cnnx.SGD("0.1"), "SGD: learning_rate is '0.1', expected a number"),  # type: ignore[arg-type]
    (TypeError, lambda: cnnx.SGD(True), "SGD: learning_rate is True, expected a number"),
    (ValueError, lambda: cnnx.SGD(0.1, momentum=1.0), "SGD: momentum is 1.0, expected .* < 1"),
    (ValueError, lambda: cnnx.SGD(0.1, momentum=-0.1), "SGD: momentum is -0.1, expected"),
    (ValueError, lambda: cnnx.SGD(0.1, weight_decay=-1), "SGD: weight_decay is -1, expected"),
    (ValueError, lambda: cnnx.SGD(0.1, nesterov=True), "SGD: momentum is 0, expected .*nesterov"),
    (TypeError, lambda: cnnx.SGD(0.1, momentum=0.9, nesterov=1), "SGD: nesterov is 1, expected"),  # type: ignore[arg-type]
    (ValueError, lambda: cnnx.Adam(-1), "Adam: learning_rate is -1, expected"),
    (ValueError, lambda: cnnx.Adam(betas=(0.9, 1.0)), r"Adam: betas\[1\] is 1.0, expected"),
    (ValueError, lambda: cnnx.Adam(betas=(-0.1, 0.9)), r"Adam: betas\[0\] is -0.1, expected"),
    (TypeError, lambda: cnnx.Adam(betas=0.9), "Adam: betas is 0.9, expected two numbers"),  # type: ignore[arg-type]
    (TypeError, lambda: cnnx.Adam(betas=(0.9,)), r"Adam: betas is \(0.9,\), expected two"),  # type: ignore[arg-type]
    (ValueError, lambda: cnnx.Adam(epsilon=-1e-8), "Adam: epsilon is -1e-08, expected"),
    (ValueError, lambda: cnnx.AdamW(weight_decay=-0.1), "AdamW: weight_decay is -0.1, expected"),
    (ValueError, lambda: cnnx.RMSprop(-1), "RMSprop: learning_rate is -1, expected"),
    (ValueError, lambda: cnnx.RMSprop(alpha=1), "RMSprop: alpha is 1, expected .* < 1"),
    (ValueError, lambda: cnnx.RMSprop(momentum=2), "RMSprop: momentum is 2, expected .* < 1"),
    (TypeError, lambda: cnnx.RMSprop(epsilon="a"), "RMSprop: epsilon is 'a', expected"),  # type: ignore[arg-type]
    (TypeError, lambda: cnnx.SGD(), "learning_rate"),  # type: ignore[call-arg]
    (TypeError, lambda: cnnx.SGD(0.1, 0.9), "SGD: got 0.9 after learning_rate, expected"),  # type: ignore[call-arg]
    (ValueError, lambda: cnnx.CrossEntropy(label_smoothing=1.5), "label_smoothing is 1.5"),
    (ValueError, lambda: cnnx.CrossEntropy(label_smoothing=-0.1), "label_smoothing is -0.1"),
    (TypeError, lambda: cnnx.CrossEntropy(label_smoothing="a"), "label_smoothing is 'a'"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("error", "make", "sentence"), REFUSED)
def test_wrong_settings_are_refused(
    error: type[Exception], make: Callable[[], Any], sentence: str
) -> None:
    with pytest.raises(error, match=sentence) as caught:
        make()
    assert "\n" not in str(caught.value)

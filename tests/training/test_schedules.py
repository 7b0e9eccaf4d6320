"""Schedules: their formulas in float64, their use in a fit, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from cnnx.training import schedules
from cnnx.training.history import Progress

Array = npt.NDArray[np.float64]
EPOCHS, STEPS = 10, 7
SHARE = np.arange(EPOCHS * STEPS) / (EPOCHS * STEPS)
DONE = np.arange(EPOCHS * STEPS) / STEPS  # epochs


def curved(start: float, stop: float, share: Array) -> Array:
    return np.asarray(start + (stop - start) * (1 - np.cos(np.pi * share)) / 2)


def one_cycle(peak: float, start: float, final: float) -> Array:
    u = SHARE
    rising, falling = curved(start, 1, u / peak), curved(1, final, (u - peak) / (1 - peak))
    return np.where(u < peak, rising, falling)


def ramp(epochs: float, start: float) -> Array:
    step = np.arange(EPOCHS * STEPS) + 1
    return np.minimum(1, start + (1 - start) * step / (epochs * STEPS))


CASES: dict[str, tuple[schedules.Schedule, Array]] = {
    "every": (cnnx.StepDecay(0.5, every=3), 0.5 ** np.floor(DONE / 3)),
    "a part of an epoch": (cnnx.StepDecay(0.9, every=1 / 7), 0.9 ** np.floor(DONE / (1 / 7))),
    "at": (cnnx.StepDecay(at=[2, 5.5, 5.5]), 0.1 ** (1.0 * (DONE >= 2) + 2 * (DONE >= 5.5))),
    "every, and at": (
        cnnx.StepDecay(0.5, every=4, at=(9,)),
        0.5 ** (np.floor(DONE / 4) + (DONE >= 9)),
    ),
    "cosine": (cnnx.CosineDecay(), curved(1, 0, SHARE)),
    "cosine, final": (cnnx.CosineDecay(0.25), curved(1, 0.25, SHARE)),
    "one cycle": (cnnx.OneCycle(), one_cycle(0.3, 0.04, 4e-6)),
    "one cycle, other": (cnnx.OneCycle(0.7, start=0.5, final=0.25), one_cycle(0.7, 0.5, 0.25)),
    "triangular": (cnnx.Triangular(), np.interp(SHARE, [0, 0.2, 1], [0, 1, 0])),
    "triangular, other": (
        cnnx.Triangular(0.23, start=0.2, final=0.07),
        np.interp(SHARE, [0, 0.23, 1], [0.2, 1, 0.07]),
    ),
    "only down": (cnnx.Triangular(0), 1 - SHARE),
    "only up": (cnnx.Triangular(1), SHARE),
    "warm-up": (cnnx.Warmup(2.5), ramp(2.5, 0)),
    "no warm-up": (cnnx.Warmup(0), np.ones(EPOCHS * STEPS)),
    "warm-up, cosine": (
        cnnx.Warmup(3, cnnx.CosineDecay(), start=0.1),
        ramp(3, 0.1) * curved(1, 0, SHARE),
    ),
    "plateau": (cnnx.Plateau(), np.ones(EPOCHS * STEPS)),
}


@pytest.mark.parametrize("case", CASES)
def test_factors(case: str) -> None:
    """A cosine is a float32, at most 2 ULP off."""
    schedule, expected = CASES[case]
    actual = schedules.factors(schedule, epochs=EPOCHS, steps_per_epoch=STEPS)
    accuracy = 3e-7 if "cosine" in case or "cycle" in case else 1e-12
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=accuracy)


def plain(settings: schedules.Schedule | None, rate: float = 0.5, loss: Any = None) -> cnnx.Trainer:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(2, 2, 1), seed=3)
    return cnnx.Trainer(model, optimizer=cnnx.SGD(rate), loss=loss or cnnx.MSE(), schedule=settings)


X, Y = np.zeros((13, 2, 2, 1)), np.ones((13, 2))


def rates(trainer: cnnx.Trainer, **settings: Any) -> list[float]:
    """The learning rate of every step of a fit on empty images."""
    found: list[Progress] = []
    trainer.fit(X, Y, progress=found.append, batch_size=5, **settings)
    return [each.learning_rate for each in found if each.finished_epoch is None]


@pytest.mark.parametrize("case", CASES)
def test_a_fit_follows_its_schedule(case: str) -> None:
    schedule = CASES[case][0]
    validation = (X, Y) if case == "plateau" else None
    trainer = plain(schedule)
    for epochs in (4, 2):
        expected = 0.5 * schedules.factors(schedule, epochs=epochs, steps_per_epoch=3)
        assert rates(trainer, epochs=epochs, validation=validation) == list(expected)


def test_the_update_takes_the_step_that_is_reported() -> None:
    """Images of zeros, so that only the bias learns: its gradient is 2 * (bias - 1) / 2."""
    trainer = plain(cnnx.Triangular(0.5, start=0.25, final=0.25))
    bias = 0.0
    for rate in rates(trainer, epochs=3):
        bias -= rate * (bias - 1)
    np.testing.assert_allclose(trainer.model.parameters["dense_1.bias"], bias, rtol=1e-6)


def test_a_learning_rate_that_is_assigned_is_scheduled_too() -> None:
    trainer = plain(cnnx.StepDecay(0.5, every=1))
    trainer.learning_rate = 0.25
    assert rates(trainer, epochs=2) == [0.25] * 3 + [0.125] * 3
    assert trainer.learning_rate == 0.25


def test_held_out_images_take_no_steps() -> None:
    trainer = plain(cnnx.Triangular(1))
    assert rates(trainer, epochs=2, validation=0.25) == [0.0, 0.125, 0.25, 0.375]


def test_a_custom_loop() -> None:
    trainer = plain(cnnx.CosineDecay())
    with pytest.raises(ValueError, match=r"the schedule does not know how long training is"):
        trainer.step(X, Y)
    trainer.begin_schedule(epochs=2, steps_per_epoch=2)
    before = trainer.model.parameters["dense_1.bias"]
    for _ in range(4):
        trainer.step(X, Y)
    after = trainer.model.parameters["dense_1.bias"]
    assert (after != before).all()
    trainer.step(X, Y)  # past the end: as at the end
    np.testing.assert_allclose(trainer.model.parameters["dense_1.bias"], after, atol=1e-7)


# Plateau.


def reductions(plateau: cnnx.Plateau, measures: list[float]) -> list[float]:
    """The factor after each measure."""
    trainer = plain(plateau, rate=1.0, loss=cnnx.CrossEntropy())
    trainer.begin_schedule(epochs=len(measures), steps_per_epoch=1)
    found = []
    for measure in measures:
        trainer.observe(measure)
        trainer.gradients[...] = 0
        trainer.apply_gradients()
        found.append(trainer._core.last_learning_rate)
    return found


@pytest.mark.parametrize(
    ("plateau", "measures", "expected"),
    [
        (cnnx.Plateau(0.5, patience=0), [3, 2, 2, 1, 1], [1, 1, 0.5, 0.5, 0.25]),
        (cnnx.Plateau(0.5, patience=1), [3, 4, 4, 4, 4], [1, 1, 0.5, 0.5, 0.25]),
        (cnnx.Plateau(0.5, patience=1), [3, 4, 2, 4, 4], [1, 1, 1, 1, 0.5]),
        (cnnx.Plateau(0.5, patience=0, threshold=0.1), [1, 0.95, 0.85], [1, 0.5, 0.5]),
        (cnnx.Plateau(0.5, patience=0, threshold=0.1), [-1, -1.05, -1.15], [1, 0.5, 0.5]),
        (cnnx.Plateau(0.5, patience=0, minimum=0.3), [1, 1, 1], [1, 0.5, 0.3]),
        (cnnx.Plateau(0.5, patience=0, watch="accuracy"), [0.1, 0.2, 0.2], [1, 1, 0.5]),
        (cnnx.Plateau(0.5, patience=0), [float("nan"), 9, 8], [0.5, 0.5, 0.5]),
        (cnnx.Plateau(0.5, patience=0), [1, float("nan"), 0.5], [1, 0.5, 0.5]),
        (cnnx.Plateau(0.5, patience=0), [float("inf"), 9, 9, 8], [1, 1, 0.5, 0.5]),
    ],
)
def test_a_plateau_reduces_after_patience(
    plateau: cnnx.Plateau, measures: list[float], expected: list[float]
) -> None:
    assert reductions(plateau, measures) == expected


@pytest.mark.parametrize("watch", ["loss", "validation_loss"])
def test_a_fit_observes_what_is_watched(watch: Any) -> None:
    """From the second epoch on nothing improves."""
    trainer = plain(cnnx.Warmup(0, cnnx.Plateau(0.5, patience=0, threshold=0.999, watch=watch)))
    found = rates(trainer, epochs=3, validation=(X, Y))
    assert found == [0.5] * 3 + [0.5] * 3 + [0.25] * 3
    assert rates(trainer, epochs=1, validation=(X, Y)) == [0.5] * 3, "a fit begins anew"


def test_a_validation_that_is_watched_must_be_given() -> None:
    with pytest.raises(ValueError, match=r"fit: the schedule watches validation_loss, expected va"):
        plain(cnnx.Plateau()).fit(X, Y, epochs=1)


# Refusals.

REFUSED: list[tuple[type[Exception], Callable[[], Any], str]] = [
    (ValueError, lambda: cnnx.StepDecay(), "StepDecay: neither every nor at is given"),
    (ValueError, lambda: cnnx.StepDecay(every=0), "StepDecay: every is 0, expected a number > 0"),
    (ValueError, lambda: cnnx.StepDecay(-1, every=1), "StepDecay: factor is -1, expected a num"),
    (ValueError, lambda: cnnx.StepDecay(10, every=1), "StepDecay: factor is 10, expected a number"),
    (ValueError, lambda: cnnx.StepDecay(at=[-1]), "StepDecay: at is -1, expected a finite"),
    (TypeError, lambda: cnnx.StepDecay(at=3), "StepDecay: at is 3, expected a list of epochs"),  # type: ignore[arg-type]
    (ValueError, lambda: cnnx.CosineDecay(1.5), "CosineDecay: final is 1.5, expected a number fr"),
    (TypeError, lambda: cnnx.CosineDecay("a"), "CosineDecay: final is 'a', expected a number"),  # type: ignore[arg-type]
    (ValueError, lambda: cnnx.OneCycle(-0.1), "OneCycle: peak_at is -0.1, expected a number from"),
    (ValueError, lambda: cnnx.Triangular(start=2), "Triangular: start is 2, expected a number f"),
    (ValueError, lambda: cnnx.Plateau(1), "Plateau: factor is 1, expected .* < 1"),
    (ValueError, lambda: cnnx.Plateau(patience=-1), "Plateau: patience is -1, expected an int"),
    (ValueError, lambda: cnnx.Plateau(watch="seconds"), "Plateau: watch is 'seconds', expected on"),  # type: ignore[arg-type]
    (ValueError, lambda: cnnx.Warmup(-1), "Warmup: epochs is -1, expected a finite number >= 0"),
    (TypeError, lambda: cnnx.Warmup(1, cnnx.Warmup(1)), r"Warmup: then is Warmup\(.*, expected an"),  # type: ignore[arg-type]
    (TypeError, lambda: plain("cosine"), "Trainer: schedule is 'cosine', expected one such as"),  # type: ignore[arg-type]
    (
        ValueError,
        lambda: plain(cnnx.Warmup(1, cnnx.Plateau(watch="validation_accuracy"))),
        "Trainer: schedule watches validation_accuracy, which MSE does not measure, expected",
    ),
    (TypeError, lambda: plain(cnnx.CosineDecay), "Trainer: schedule is <class .*, expected one"),  # type: ignore[arg-type]
    (
        ValueError,
        lambda: plain(None).begin_schedule(epochs=0, steps_per_epoch=1),
        "begin_schedule: epochs is 0, expected an integer >= 1",
    ),
    (
        ValueError,
        lambda: schedules.factors(cnnx.CosineDecay(), epochs=1, steps_per_epoch=0),
        "factors: steps_per_epoch is 0, expected an integer >= 1",
    ),
    (
        ValueError,
        lambda: schedules.factors(cnnx.CosineDecay(), epochs=2**33, steps_per_epoch=2**31),
        r"factors: epochs \* steps_per_epoch is 18446744073709551616, expected at most 2147483648",
    ),
    (TypeError, lambda: plain(None).observe("a"), "observe: measure is 'a', expected a number"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("error", "make", "sentence"), REFUSED)
def test_wrong_settings_are_refused(
    error: type[Exception], make: Callable[[], Any], sentence: str
) -> None:
    with pytest.raises(error, match=f"^{sentence}") as caught:
        make()
    assert "\n" not in str(caught.value)

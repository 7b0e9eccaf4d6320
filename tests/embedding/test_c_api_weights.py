"""Weights of images through the C interface give the bits that Python gives."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from c_functions import CALLBACKS, INVALID_ARGUMENT
from c_training import Training, X, Y, arrays, network, samples

WEIGHTS = np.linspace(0, 3, len(X), dtype=np.float32)


def doubles(count: int) -> tuple[list[ctypes.c_double], list[Any]]:
    """Numbers and the pointers to them."""
    numbers = [ctypes.c_double() for _ in range(count)]
    return numbers, [ctypes.byref(number) for number in numbers]


def test_steps_and_measures_are_those_of_python(training: Training) -> None:
    c = training.c
    model = training.model()
    trainer = training.trainer(model, "sgd learning_rate=0.1", None, None)
    ours = network()
    theirs = cnnx.Trainer(ours, optimizer=cnnx.SGD(0.1))
    x, y, w = X[:40], Y[:40], WEIGHTS[:40]
    (loss, accuracy), pointers = doubles(2)
    c.ok(c.trainer_step_weighted(trainer, samples(x, y), w, pointers[0]))
    assert loss.value == theirs.step(x, y, sample_weight=w)
    c.ok(c.trainer_compute_gradients_weighted(trainer, samples(x, y), w, 16, pointers[0]))
    assert loss.value == theirs.compute_gradients(x, y, sample_weight=w, divisor=16)
    c.ok(c.trainer_apply_gradients(trainer))
    theirs.apply_gradients()
    assert training.arrays(model) == arrays(ours)
    c.ok(c.trainer_evaluate_weighted(trainer, samples(x, y), w, 0, *pointers))
    measured = theirs.evaluate(x, y, sample_weight=w)
    assert measured == {"loss": loss.value, "accuracy": accuracy.value}


def test_a_fit_and_an_epoch_are_those_of_python(training: Training) -> None:
    c = training.c
    silent = CALLBACKS["cnnx_epoch_callback"]()
    fitted, stepped = training.model(), training.model()
    trainers = [training.trainer(model, None, None, None) for model in (fitted, stepped)]
    options = "batch_size=50"
    c.ok(c.trainer_fit_weighted(trainers[0], samples(), WEIGHTS, 1, options, silent, None))
    begin = c.trainer_begin_epoch_weighted
    epoch = training.keep("epoch", c.made(begin, trainers[1], samples(), WEIGHTS, options))
    training.advance(epoch)
    ours = network()
    history = cnnx.Trainer(ours).fit(X, Y, sample_weight=WEIGHTS, epochs=1, batch_size=50)
    assert training.arrays(fitted) == training.arrays(stepped) == arrays(ours)
    (loss, accuracy), pointers = doubles(2)
    c.ok(c.epoch_metrics(epoch, *pointers))
    assert (loss.value, accuracy.value) == (history.loss[0], history.accuracy[0])


def test_an_epoch_continues_from_a_checkpoint(training: Training, tmp_path: Path) -> None:
    c, path = training.c, tmp_path / "run.ckpt"
    model = training.model()
    trainer = training.trainer(model, None, None, None)
    begin = c.trainer_begin_epoch_weighted
    made = c.made(begin, trainer, samples(), WEIGHTS, "batch_size=50")
    epoch = training.keep("epoch", made)
    assert training.advance(epoch, most=4) == 4
    c.ok(c.trainer_save_checkpoint(trainer, epoch, path, None))
    training.advance(epoch)

    checkpoint = training.keep("checkpoint", c.made(c.checkpoint_load, path))
    again = training.keep("model", c.made(c.checkpoint_model, checkpoint))
    resumed = training.trainer(again, None, None, None)
    c.ok(c.trainer_restore(resumed, checkpoint))
    more = c.trainer_continue_epoch_weighted
    made = c.made(more, resumed, samples(), WEIGHTS, "batch_size=50", checkpoint)
    rest = training.keep("epoch", made)
    assert training.advance(rest) == 2
    assert training.arrays(again) == training.arrays(model)
    whole, pointers = doubles(2)
    c.ok(c.epoch_metrics(epoch, *pointers))
    parts, pointers = doubles(2)
    c.ok(c.epoch_metrics(rest, *pointers))
    assert [each.value for each in parts] == [each.value for each in whole]


@pytest.mark.parametrize("value", [-1, np.nan, np.inf])
def test_wrong_weights_are_refused(value: float, training: Training) -> None:
    c = training.c
    trainer = training.trainer(training.model(), None, None, None)
    weights = np.array([1, value, 1], np.float32)
    status = c.trainer_step_weighted(trainer, samples(X[:3], Y[:3]), weights, None)
    c.refused(status, INVALID_ARGUMENT, "^trainer: weights has .* for row 1, expected finite num")

"""Refusals of training through the C interface, each in a sentence."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from c_functions import CALLBACKS, FORMAT_ERROR, INVALID_ARGUMENT, STRUCTS, UINT8
from c_training import Training, X, Y, samples


@pytest.mark.parametrize(
    ("optimizer", "loss", "options", "sentence"),
    [
        (
            "momentum",
            None,
            None,
            "optimizer: momentum: expected sgd, adam, adamw, rmsprop or muon first",
        ),
        ("sgd speed=1", None, None, "optimizer: sgd: there is no setting named speed$"),
        ("sgd momentum=1.5", None, None, "momentum is 1.5"),
        ("sgd nesterov=1", None, None, 'nesterov is "1", expected true or false$'),
        (None, "entropy", None, "loss: entropy: expected cross_entropy, "),
        (None, "cross_entropy delta=1", None, "loss: cross_entropy: there is no setting named"),
        (None, "huber label_smoothing=1", None, "loss: huber: there is no setting named"),
        (None, "cross_entropy label_smoothing=2", None, "label_smoothing is"),
        (None, None, "speed=3", "options, line 1: there is no setting named speed$"),
        (None, None, "seed=1\nseed=2", "options, line 2: is a second line of settings alone"),
        (None, None, "averaging\naveraging", "line 2: averaging: is a second line of averaging"),
        (None, None, "plateau\none_cycle", "line 2: one_cycle: is a second line of a schedule"),
        (None, None, "linear_decay", "line 1: linear_decay: expected rule, averaging, a schedule"),
        (None, None, "rule weight_decay_factor=0", "rule: pattern is missing$"),
        (None, None, "rule pattern=nothing weight_decay_factor=0", "nothing"),
        (None, None, "averaging decay=2", "decay is 2"),
        (None, None, "constant_rate warmup_epochs=-1", "warmup"),
        ("adam\nsgd", None, None, "optimizer has 2 lines, expected one$"),
        (
            None,
            "# none\ncross_entropy\nmse\n",
            None,
            "loss, line 3: mse: expected cross_entropy",
        ),
    ],
)
def test_wrong_recipes_are_refused(
    training: Training, optimizer: str, loss: str, options: str, sentence: str
) -> None:
    handle, c = ctypes.c_void_p(), training.c
    model = training.model()
    status = c.trainer_create(model, optimizer, loss, options, ctypes.byref(handle))
    c.refused(status, INVALID_ARGUMENT, sentence)
    assert handle.value is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("batch_size=0", "batch_size is 0"),
        ("speed=3", "options, line 1: there is no setting named speed$"),
        ("shuffle=false\nshuffle=true", "line 2: is a second line of settings alone, expected one"),
        ("augmentation\naugmentation", "line 2: augmentation: is a second line of augmentation"),
        ("augmentation flip=up", 'flip is "up", expected never or random or alternating$'),
        ("augmentation rotate=200", "rotate is 200"),
        ("rows 1", '"1" is no setting, expected name=value$'),
        ("rows", "line 1: rows: expected augmentation, or settings alone$"),
    ],
)
def test_wrong_options_of_an_epoch_are_refused(
    training: Training, options: str, sentence: str
) -> None:
    handle, c = ctypes.c_void_p(), training.c
    trainer = training.trainer(training.model(), None, None, None)
    status = c.trainer_begin_epoch(trainer, samples(), options, ctypes.byref(handle))
    c.refused(status, INVALID_ARGUMENT, sentence)
    assert handle.value is None


def test_wrong_epochs_are_refused(training: Training) -> None:
    c, silent = training.c, CALLBACKS["cnnx_epoch_callback"]()
    trainer = training.trainer(training.model(), None, None, None)
    for epochs, options, sentence in (
        (0, None, "epochs is 0, expected at least 1"),
        (1, "speed=3", "^cnnx_trainer_fit: options, line 1: there is no setting named speed$"),
    ):
        status = c.trainer_fit(trainer, samples(), epochs, options, silent, None)
        c.refused(status, INVALID_ARGUMENT, sentence)


def test_wrong_samples_are_refused(training: Training) -> None:
    c = training.c
    trainer = training.trainer(training.model(), None, None, None)
    for changes, sentence in (
        ({"pixels": None}, "pixels is a null pointer"),
        ({"count": 0}, "empty"),
        ({"count": -1}, "count is -1, expected 0 or more"),
        ({"type": 9}, "type is 9"),
        ({"labels": None}, "target|labels"),
        ({"row_count": 3}, "rows is a null pointer, but row_count is not 0"),
        ({"rows": Y.ctypes.data}, "row_count is 0, expected 1 or more, or no rows for all"),
        ({"rows": Y.ctypes.data, "row_count": 2}, "rows are given, expected none"),
    ):
        view = STRUCTS["cnnx_samples"](
            pixels=X.ctypes.data, count=8, type=UINT8, labels=Y.ctypes.data
        )
        for name, value in changes.items():
            setattr(view, name, value)
        status = c.trainer_step(trainer, ctypes.byref(view), None)
        c.refused(status, INVALID_ARGUMENT, sentence)
    labels = np.full(300, 2, np.int64)
    status = c.trainer_step(trainer, samples(y=labels), None)
    c.refused(status, INVALID_ARGUMENT, "2")
    status = c.trainer_evaluate(trainer, samples(rows=[300]), 0, None, None)
    c.refused(status, INVALID_ARGUMENT, "300")


def test_wrong_checkpoints_are_refused(training: Training, tmp_path: Path) -> None:
    c = training.c
    model = training.model()
    trainer = training.trainer(model, None, None, None)
    c.ok(c.model_save(model, tmp_path / "model.cnnx"))
    handle = ctypes.c_void_p()
    status = c.checkpoint_load(tmp_path / "model.cnnx", ctypes.byref(handle))
    c.refused(status, FORMAT_ERROR, "checkpoint")
    c.ok(c.trainer_save_checkpoint(trainer, None, tmp_path / "run.ckpt", None))
    checkpoint = training.keep("checkpoint", c.made(c.checkpoint_load, tmp_path / "run.ckpt"))
    assert c.text(c.checkpoint_metadata, checkpoint) == ""
    c.refused(c.trainer_restore(trainer, checkpoint), INVALID_ARGUMENT, "another model")
    again = training.keep("model", c.made(c.checkpoint_model, checkpoint))
    arguments = (samples(), "number=2", checkpoint, ctypes.byref(handle))
    status = c.trainer_continue_epoch(trainer, *arguments)
    c.refused(status, FORMAT_ERROR, "epoch")
    epoch = training.epoch(trainer, "number=3")
    c.ok(c.trainer_save_checkpoint(trainer, epoch, tmp_path / "run.ckpt", None))
    noted = training.keep("checkpoint", c.made(c.checkpoint_load, tmp_path / "run.ckpt"))
    arguments = (samples(), "number=2", noted, ctypes.byref(handle))
    status = c.trainer_continue_epoch(trainer, *arguments)
    c.refused(status, INVALID_ARGUMENT, "number is 2, expected the noted epoch's, 3$")
    other = training.trainer(again, "sgd momentum=0.9", None, None)
    sentence = "has optimizer=adam, but the trainer's settings expect optimizer=sgd$"
    c.refused(c.trainer_restore(other, checkpoint), FORMAT_ERROR, sentence)
    other = training.trainer(again, "adam beta1=0.8", None, None)
    sentence = "has optimizer.beta1=0.9, but the trainer's settings expect optimizer.beta1=0.8$"
    c.refused(c.trainer_restore(other, checkpoint), FORMAT_ERROR, sentence)
    assert training.advance(epoch, most=1) == 1
    c.ok(c.trainer_save_checkpoint(trainer, epoch, tmp_path / "run.ckpt", None))
    begun = training.keep("checkpoint", c.made(c.checkpoint_load, tmp_path / "run.ckpt"))
    arguments = (samples(), "batch_size=3", begun, ctypes.byref(handle))
    status = c.trainer_continue_epoch(trainer, *arguments)
    sentence = "batch_size is 3, expected 64, with which the resumed epoch was begun$"
    c.refused(status, INVALID_ARGUMENT, sentence)
    status = c.trainer_averaged_model(trainer, ctypes.byref(handle))
    c.refused(status, INVALID_ARGUMENT, "averages no weights")

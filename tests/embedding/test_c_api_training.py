"""Training through the C interface gives the bits that Python's training gives."""

from __future__ import annotations

import ctypes
from pathlib import Path

import cnnx
import numpy as np
import pytest
from c_functions import CALLBACKS, INVALID_ARGUMENT, NOT_FINITE, UINT8
from c_training import NETWORK, Training, X, Y, arrays, network, samples

RECIPES = {
    "defaults": ((None, None, None), {}),
    "sgd": (
        (
            "sgd learning_rate=0.05 momentum=0.9 nesterov=true weight_decay=5e-4",
            "cross_entropy label_smoothing=0.1 class_weights=1,2",
            "seed=7 clip_norm=0.5 recompute=true\nrule pattern=*.bias weight_decay_factor=0\n"
            "averaging decay=0.9\ncosine_decay final=0.01 warmup_epochs=0.5 warmup_start=0.1",
        ),
        {
            "optimizer": cnnx.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=5e-4),
            "loss": cnnx.CrossEntropy(label_smoothing=0.1, class_weights=[1, 2]),
            "seed": 7,
            "clip_norm": 0.5,
            "rules": [cnnx.ParameterRule("*.bias", weight_decay_factor=0)],
            "averaging": cnnx.WeightAverage(0.9),
            "schedule": cnnx.Warmup(0.5, cnnx.CosineDecay(0.01), start=0.1),
        },
    ),
    "adamw": (
        (
            "adamw learning_rate=0.002 beta1=0.8 beta2=0.99 epsilon=1e-6 weight_decay=0.02",
            None,
            "one_cycle peak_at=0.4 start=0.1 final=0.01",
        ),
        {
            "optimizer": cnnx.AdamW(0.002, betas=(0.8, 0.99), epsilon=1e-6, weight_decay=0.02),
            "schedule": cnnx.OneCycle(peak_at=0.4, start=0.1, final=0.01),
        },
    ),
    "rmsprop": (
        (
            "rmsprop learning_rate=0.001 alpha=0.9 epsilon=1e-7 momentum=0.5 weight_decay=1e-3",
            None,
            "step_decay factor=0.5 at=0.5,1.5",
        ),
        {
            "optimizer": cnnx.RMSprop(
                0.001, alpha=0.9, epsilon=1e-7, momentum=0.5, weight_decay=1e-3
            ),
            "schedule": cnnx.StepDecay(0.5, at=[0.5, 1.5]),
        },
    ),
    "muon": (
        (
            "muon learning_rate=0.01 momentum=0.5 nesterov=false weight_decay=0.1 "
            "matrices=conv*.weight iterations=3",
            None,
            None,
        ),
        {
            "optimizer": cnnx.Muon(
                0.01,
                momentum=0.5,
                nesterov=False,
                weight_decay=0.1,
                matrices="conv*.weight",
                iterations=3,
            ),
        },
    ),
    "sharded": ((None, None, "shards=4"), {"shards": 4}),
    "triangular": (
        ("adam learning_rate=0.003", None, "triangular peak_at=0.3 start=0.2 final=0.1"),
        {
            "optimizer": cnnx.Adam(0.003),
            "schedule": cnnx.Triangular(peak_at=0.3, start=0.2, final=0.1),
        },
    ),
}
EPOCH = (
    "batch_size=50 number={}\n"
    "augmentation flip=random crop_padding=2 rotate=5 scale_low=0.9 scale_high=1.1 shift=1 "
    "border=reflect contrast=0.1 brightness=0.1 cutout=4 mixup=0.2"
)
AUGMENTATION = cnnx.data.Augmentation(
    flip="random",
    crop_padding=2,
    rotate=5,
    scale=(0.9, 1.1),
    shift=1,
    border="reflect",
    contrast=0.1,
    brightness=0.1,
    cutout=4,
    mixup=0.2,
)


@pytest.mark.parametrize("recipe", RECIPES)
def test_epochs_give_python_s_weights(training: Training, recipe: str) -> None:
    texts, settings = RECIPES[recipe]
    model = training.model()
    trainer = training.trainer(model, *texts)
    training.c.ok(training.c.trainer_begin_schedule(trainer, 2, 6))
    for number in range(2):
        assert training.advance(training.epoch(trainer, EPOCH.format(number))) == 6
    ours = network()
    theirs = cnnx.Trainer(ours, **settings)
    theirs.fit(X, Y, epochs=2, batch_size=50, augmentation=AUGMENTATION)
    assert training.arrays(model) == arrays(ours)
    if "averaging" in settings:
        average = training.keep(
            "model", training.c.made(training.c.trainer_averaged_model, trainer)
        )
        assert training.arrays(average) == arrays(theirs.averaged_model())


@pytest.mark.parametrize("recipe", ["defaults", "sgd"])
def test_a_fit_gives_python_s_weights(training: Training, recipe: str) -> None:
    c, (texts, settings) = training.c, RECIPES[recipe]
    model = training.model()
    heard = []

    @CALLBACKS["cnnx_epoch_callback"]
    def listen(context: int, epochs_done: int, loss: float, accuracy: float) -> int:
        heard.append((context, epochs_done, loss, accuracy))
        return 1

    trainer = training.trainer(model, *texts)
    c.ok(c.trainer_fit(trainer, samples(), 2, EPOCH.format(0), listen, 77))
    ours = network()
    history = cnnx.Trainer(ours, **settings).fit(
        X, Y, epochs=2, batch_size=50, augmentation=AUGMENTATION
    )
    assert training.arrays(model) == arrays(ours)
    expected = zip((1, 2), history.loss, history.accuracy, strict=True)
    assert heard == [(77, *epoch) for epoch in expected]


def test_an_epoch_of_some_rows(training: Training) -> None:
    c, rows, options = training.c, [7, 3, 250, 31, 8], "shuffle=false batch_size=2"
    models = [training.model() for _ in range(3)]
    for model, chosen in zip(
        models, (samples(rows=rows), samples(X[rows], Y[rows]), samples()), strict=True
    ):
        trainer = training.trainer(model, None, None, None)
        epoch = training.keep("epoch", c.made(c.trainer_begin_epoch, trainer, chosen, options))
        training.advance(epoch, most=3)
    some, the_same, others = map(training.arrays, models)
    assert some == the_same
    assert some != others


def test_a_callback_ends_a_fit(training: Training) -> None:
    c, replies, calls = training.c, [1, 0, 1], []

    @CALLBACKS["cnnx_epoch_callback"]
    def listen(_context: int, epochs_done: int, _loss: float, _accuracy: float) -> int:
        calls.append(epochs_done)
        return replies[epochs_done - 1]

    trainer = training.trainer(training.model(), None, None, None)
    c.ok(c.trainer_fit(trainer, samples(X[:8], Y[:8]), 3, None, listen, None))
    assert calls == [1, 2]
    replies[:] = [2]
    status = c.trainer_fit(trainer, samples(X[:8], Y[:8]), 3, None, listen, None)
    c.refused(status, INVALID_ARGUMENT, "the return value of on_epoch is 2, expected 0 or 1$")
    silent = CALLBACKS["cnnx_epoch_callback"]()
    c.ok(c.trainer_fit(trainer, samples(X[:8], Y[:8]), 1, None, silent, None))


def test_a_checkpoint_resumes_with_the_same_bits(training: Training, tmp_path: Path) -> None:
    c = training.c
    texts = RECIPES["sgd"][0]
    model = training.model()
    trainer = training.trainer(model, *texts)
    c.ok(c.trainer_begin_schedule(trainer, 1, 6))
    epoch = training.epoch(trainer, "batch_size=50 number=3")
    assert training.advance(epoch, most=4) == 4
    c.ok(c.trainer_save_checkpoint(trainer, epoch, tmp_path / "run.ckpt", "as nötig"))
    training.advance(epoch)
    metrics = [ctypes.c_double() for _ in range(2)]
    c.ok(c.epoch_metrics(epoch, *map(ctypes.byref, metrics)))
    whole = [each.value for each in metrics]

    checkpoint = training.keep("checkpoint", c.made(c.checkpoint_load, tmp_path / "run.ckpt"))
    assert c.text(c.checkpoint_metadata, checkpoint) == "as nötig"
    again = training.keep("model", c.made(c.checkpoint_model, checkpoint))
    resumed = training.trainer(again, *texts)
    c.ok(c.trainer_restore(resumed, checkpoint))
    made = c.made(c.trainer_continue_epoch, resumed, samples(), "batch_size=50", checkpoint)
    rest = training.keep("epoch", made)
    number = ctypes.c_uint64()
    c.ok(c.epoch_number(rest, ctypes.byref(number)))
    assert number.value == 3
    assert training.advance(rest) == 2
    assert training.arrays(again) == training.arrays(model)
    c.ok(c.epoch_metrics(rest, *map(ctypes.byref, metrics)))
    assert [each.value for each in metrics] == whole


def test_steps_and_gradients_are_those_of_python(training: Training) -> None:
    c = training.c
    model = training.model()
    trainer = training.trainer(model, "sgd learning_rate=0.1", None, None)
    ours = network()
    theirs = cnnx.Trainer(ours, optimizer=cnnx.SGD(0.1))
    loss = ctypes.c_double()
    c.ok(c.trainer_step(trainer, samples(X[:40], Y[:40]), ctypes.byref(loss)))
    assert loss.value == theirs.step(X[:40], Y[:40])
    c.ok(c.trainer_compute_gradients(trainer, samples(X[:9], Y[:9]), 16, ctypes.byref(loss)))
    assert loss.value == theirs.compute_gradients(X[:9], Y[:9], divisor=16)
    block, count = ctypes.POINTER(ctypes.c_float)(), ctypes.c_int64()
    c.ok(c.trainer_gradients(trainer, ctypes.byref(block), ctypes.byref(count)))
    gradients = np.ctypeslib.as_array(block, (count.value,))
    assert gradients.tobytes() == theirs.gradients.tobytes()
    gradients *= 2
    theirs.gradients[:] *= 2
    c.ok(c.trainer_apply_gradients(trainer))
    theirs.apply_gradients()
    assert training.arrays(model) == arrays(ours)


def test_a_step_without_a_finite_loss_changes_nothing(training: Training) -> None:
    c = training.c
    model = training.model()
    trainer = training.trainer(model, None, None, None)
    before = training.arrays(model)
    nan = np.full(X[:4].shape, np.nan, np.float32)
    loss = ctypes.c_double(7.0)
    status = c.trainer_step(trainer, samples(nan, Y[:4]), ctypes.byref(loss))
    c.refused(status, NOT_FINITE, "^step: the loss is NaN, because the images are not finite; ")
    assert training.arrays(model) == before
    assert loss.value == 7.0


def test_released_memory_is_allocated_again(training: Training) -> None:
    c = training.c
    losses = []
    for release in (True, False):
        model = training.model()
        trainer = training.trainer(model, None, None, None)
        for _ in range(3):
            loss = ctypes.c_double()
            c.ok(c.trainer_step(trainer, samples(X[:9], Y[:9]), ctypes.byref(loss)))
            losses.append(loss.value)
            if release:
                c.ok(c.trainer_release(trainer))
                c.ok(c.model_release(model))
    assert losses[:3] == losses[3:]


def test_values_instead_of_labels(training: Training) -> None:
    values = np.eye(2, dtype=np.float32)[Y]
    for loss, ours in (
        ("mean_squared_error", cnnx.MSE()),
        ("mean_absolute_error", cnnx.L1()),
        ("huber delta=0.5", cnnx.Huber(0.5)),
        ("binary_cross_entropy", cnnx.BinaryCrossEntropy()),
    ):
        model = training.model()
        trainer = training.trainer(model, "sgd", loss, None)
        training.c.ok(training.c.trainer_step(trainer, samples(X[:8], values[:8]), None))
        expected = network()
        cnnx.Trainer(expected, optimizer=cnnx.SGD(0.01), loss=ours).step(X[:8], values[:8])
        assert training.arrays(model) == arrays(expected)


def test_a_regression_model_without_class_names_has_no_probabilities(training: Training) -> None:
    c = training.c
    options = "resize=fit mean=0.5 std=0.25 seed=3"
    plain = training.keep("model", c.made(c.model_create, NETWORK, 32, 32, 1, None, 0, options))
    named = training.model(NETWORK, options)
    outputs = np.zeros((8, 2), np.float32)
    batch = (X[:8].ctypes.data, UINT8, 8, outputs, outputs.size)
    for model in (plain, named):
        c.ok(c.model_probabilities(model, *batch))
        training.trainer(model, "sgd", "mean_squared_error", None)
    c.ok(c.model_probabilities(named, *batch))
    status = c.model_probabilities(plain, *batch)
    c.refused(status, INVALID_ARGUMENT, "trained with a regression loss, so its outputs are no pro")
    c.ok(c.model_run(plain, *batch))
    assert outputs.tobytes() == network()(X[:8]).tobytes()


def test_evaluation_and_the_split_are_those_of_python(training: Training) -> None:
    c = training.c
    trainer = training.trainer(training.model(), None, None, "seed=4\naveraging decay=0.5")
    loss, accuracy = ctypes.c_double(), ctypes.c_double()
    theirs = cnnx.Trainer(network(), seed=4, averaging=cnnx.WeightAverage(0.5))
    rows = np.zeros(300, np.int64)
    c.ok(c.trainer_split_order(trainer, 300, rows, 300))
    assert sorted(rows) == list(range(300))
    assert rows.tolist() != list(range(300))
    chosen = rows[:30].tolist()
    for averaged in (0, 1):
        c.ok(
            c.trainer_evaluate(
                trainer, samples(rows=chosen), averaged, ctypes.byref(loss), ctypes.byref(accuracy)
            )
        )
        expected = theirs.evaluate(X[chosen], Y[chosen])
        assert loss.value == pytest.approx(expected["loss"], rel=1e-12)
        assert accuracy.value == expected["accuracy"]
    status = c.trainer_evaluate(trainer, samples(), 2, None, None)
    c.refused(status, INVALID_ARGUMENT, "averaged is 2, expected 0 or 1")


def test_frozen_layers_stay_as_they_are(training: Training) -> None:
    c = training.c
    for build in (
        lambda: training.model(NETWORK.replace("name=stem", "name=stem trainable=false")),
        training.model,
    ):
        model = build()
        c.ok(c.model_set_trainable(model, "stem", 0))
        before = training.arrays(model)
        c.ok(c.trainer_step(training.trainer(model, None, None, None), samples(), None))
        after = training.arrays(model)
        assert after["stem.weight"] == before["stem.weight"]
        assert after["dense_1.weight"] != before["dense_1.weight"]
    c.refused(c.model_set_trainable(model, "roof", 0), INVALID_ARGUMENT, "roof")
    c.refused(c.model_set_trainable(model, "stem", 2), INVALID_ARGUMENT, "trainable is 2")


def test_the_learning_rate(training: Training) -> None:
    c = training.c
    trainer = training.trainer(training.model(), "adam learning_rate=0.25", None, None)
    rate = ctypes.c_double()
    c.ok(c.trainer_get_learning_rate(trainer, ctypes.byref(rate)))
    assert rate.value == 0.25
    c.ok(c.trainer_set_learning_rate(trainer, 0.125))
    c.ok(c.trainer_get_learning_rate(trainer, ctypes.byref(rate)))
    assert rate.value == 0.125
    status = c.trainer_set_learning_rate(trainer, -1)
    c.refused(status, INVALID_ARGUMENT, "learning_rate is -1")


def test_a_plateau_observes(training: Training) -> None:
    c = training.c
    options = "plateau factor=0.5 patience=0 threshold=0.1 minimum=0.1 higher_is_better=true"
    models = [training.model(), training.model()]
    for model, measures in zip(models, ([1, 0], [1, 2]), strict=True):
        trainer = training.trainer(model, "sgd", None, options)
        c.ok(c.trainer_begin_schedule(trainer, 3, 1))
        for measure in measures:
            c.ok(c.trainer_step(trainer, samples(), None))
            c.ok(c.trainer_observe(trainer, measure))
        c.ok(c.trainer_step(trainer, samples(), None))
    assert training.arrays(models[0]) != training.arrays(models[1])


def test_a_loss_that_is_not_finite(training: Training) -> None:
    c = training.c
    model = training.model()
    trainer = training.trainer(model, "sgd learning_rate=1e30", None, None)
    epoch = training.epoch(trainer, None)
    advanced = ctypes.c_int32()
    status = 0
    while status == 0:
        status = c.epoch_advance(epoch, ctypes.byref(advanced))
    c.refused(status, NOT_FINITE, "the loss is ")
    c.ok(c.trainer_check_finite(trainer))
    c.ok(c.model_set_array(model, "dense_1.bias", np.full(2, np.nan, np.float32), 2))
    c.refused(c.trainer_check_finite(trainer), NOT_FINITE, "dense_1.bias holds NaN")


def test_empty_lines_and_comments_are_ignored_everywhere(training: Training) -> None:
    c = training.c
    trainer = training.trainer(
        training.model(), "# the usual one\n\nadam learning_rate=0.25\n", "cross_entropy\n", None
    )
    rate = ctypes.c_double()
    c.ok(c.trainer_get_learning_rate(trainer, ctypes.byref(rate)))
    assert rate.value == 0.25


def test_an_epoch_counts_its_steps(training: Training) -> None:
    c = training.c
    epoch = training.epoch(training.trainer(training.model(), None, None, None), "batch_size=128")
    done, every = ctypes.c_int64(), ctypes.c_int64()
    for expected in (0, 1, 2, 3):
        c.ok(c.epoch_step_count(epoch, ctypes.byref(done), ctypes.byref(every)))
        assert (done.value, every.value) == (expected, 3)
        training.advance(epoch, most=1)
    c.ok(c.epoch_step_count(epoch, None, None))
    c.ok(c.epoch_metrics(epoch, None, None))

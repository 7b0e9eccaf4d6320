"""Fine-tuning in two phases: equal to two trainers, resumed in the correct phase, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from checkpoint_runs import contents, stopping_after
from cnnx.callbacks import Callback, EarlyStopping, FineTuning
from cnnx.training.history import Progress

SIZE = 16
x, y = cnnx.data.xo(22, size=SIZE, seed=4)


def network() -> cnnx.Model:
    """A network with a frozen first layer and a new last one."""
    model = cnnx.Model(
        [
            cnnx.Conv2d(3, 3, stride=2, name="stem"),
            cnnx.Conv2d(4, 3),
            cnnx.BatchNorm2d(),
            cnnx.ReLU(),
            cnnx.Flatten(),
            cnnx.Dense(5),
        ],
        input_shape=(SIZE, SIZE, 1),
    )
    model.freeze("stem")
    return model.with_classes(["X", "O"])


def arrays(model: cnnx.Model) -> dict[str, bytes]:
    return {name: a.tobytes() for name, a in {**model.parameters, **model.buffers}.items()}


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {name.rpartition(".")[0] for name in before if before[name] != after[name]}


def trainable(model: cnnx.Model) -> list[str]:
    return [layer.name for layer in model.layers if layer.parameter_count and layer.trainable]


class Recorder(Callback):
    """Trainable layers, arrays and learning rates at the end of every epoch."""

    def __init__(self) -> None:
        self.layers: list[list[str]] = []
        self.arrays: list[dict[str, bytes]] = []
        self.rates: list[float] = []

    def on_step_end(self, trainer: Any, progress: Progress) -> None:
        if progress.step == 1:
            self.layers.append(trainable(trainer.model))
        self.rates.append(progress.learning_rate)

    def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
        self.arrays.append(arrays(trainer.model))


class Stop(Callback):
    """Ends a fit after an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
        if progress.epoch == self.epoch:
            trainer.stop()


OPTIMIZERS = [
    cnnx.AdamW(0.01),
    cnnx.SGD(0.02, momentum=0.9),
    cnnx.RMSprop(0.003, momentum=0.5),
    cnnx.Muon(0.02),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda each: each.kind)
@pytest.mark.parametrize("schedule", [None, cnnx.Warmup(0.5, cnnx.CosineDecay())], ids=repr)
@pytest.mark.parametrize("freeze_batch_norms", [True, False])
def test_the_phases_are_those_of_two_trainers(
    optimizer: Any, schedule: Any, freeze_batch_norms: bool
) -> None:
    settings: dict[str, Any] = {"batch_size": 6, "shuffle": False}
    one = cnnx.Trainer(network(), optimizer=optimizer, schedule=schedule)
    tuning = FineTuning(head_epochs=2, factor=0.25, freeze_batch_norms=freeze_batch_norms)
    one.fit(x, y, epochs=5, callbacks=[tuning], **settings)

    model = network()
    first = cnnx.Trainer(model, optimizer=optimizer, schedule=schedule)
    assert model.freeze("*d_?") == ["conv2d_1", "batch_norm2d_1"]
    first.fit(x, y, epochs=5, callbacks=[Stop(2)], **settings)
    model.unfreeze("conv*" if freeze_batch_norms else "*d_?")
    lower = type(optimizer)(**{**vars(optimizer), "learning_rate": optimizer.learning_rate * 0.25})
    cnnx.Trainer(model, optimizer=lower, schedule=schedule).fit(x, y, epochs=3, **settings)
    assert arrays(one.model) == arrays(model)


def test_first_the_last_layer_and_then_all_that_were_trainable() -> None:
    model, recorder = network(), Recorder()
    before = arrays(model)
    trainer = cnnx.Trainer(model, optimizer=cnnx.AdamW(0.01))
    tuning = FineTuning(freeze_batch_norms=False)
    trainer.fit(x, y, epochs=3, batch_size=11, callbacks=[tuning, recorder])
    every = ["conv2d_1", "batch_norm2d_1", "dense_1"]
    assert recorder.layers == [["dense_1"], every, every]
    first, second, _ = recorder.arrays
    assert changed(before, first) == {"dense_1"}
    assert changed(first, second) == set(every)
    assert recorder.rates == [0.01] * 2 + [pytest.approx(0.001)] * 4
    assert trainable(model) == every


def test_scores_that_are_added_up_are_all_trained_first() -> None:
    """As those of a fully convolutional network at several strides."""
    image = cnnx.Input((SIZE, SIZE, 1))
    fine = cnnx.Conv2d(4, 3, padding="same", name="stem")(image)
    coarse = cnnx.Conv2d(4, 3, padding="same", name="body")(cnnx.MaxPool2d(2)(fine))
    scores = cnnx.Upsample2d(2)(cnnx.Conv2d(5, 1, name="coarse")(coarse))
    scores = cnnx.Add()(scores, cnnx.Conv2d(5, 1, name="fine")(fine))
    model = cnnx.Model.from_graph(image, scores).with_classes(["dark", "bright"])
    recorder = Recorder()
    masks = (x[..., 0] > 127).astype(np.int64)
    cnnx.Trainer(model).fit(x, masks, epochs=2, callbacks=[FineTuning(), recorder])
    assert [set(each) for each in recorder.layers] == [
        {"coarse", "fine"},
        {"stem", "body", "coarse", "fine"},
    ]
    model.freeze("coarse")
    with pytest.raises(ValueError, match="the last layer with parameters, coarse, is frozen"):
        cnnx.Trainer(model).fit(x, masks, epochs=2, callbacks=[FineTuning()])


def test_batch_norms_keep_their_statistics() -> None:
    model, recorder = network(), Recorder()
    before = arrays(model)
    cnnx.Trainer(model).fit(x, y, epochs=2, callbacks=[FineTuning(), recorder])
    assert recorder.layers == [["dense_1"], ["conv2d_1", "dense_1"]]
    assert changed(before, arrays(model)) == {"conv2d_1", "dense_1"}
    assert trainable(model) == ["conv2d_1", "batch_norm2d_1", "dense_1"]


def test_the_schedule_runs_once_more_in_the_second_phase() -> None:
    recorder = Recorder()
    trainer = cnnx.Trainer(network(), optimizer=cnnx.SGD(1e-3), schedule=cnnx.CosineDecay())
    tuning = FineTuning(head_epochs=2, factor=0.5)
    trainer.fit(x, y, epochs=6, batch_size=11, callbacks=[tuning, recorder])
    whole = cnnx.training.schedules.factors(cnnx.CosineDecay(), epochs=6, steps_per_epoch=2)
    rest = cnnx.training.schedules.factors(cnnx.CosineDecay(), epochs=4, steps_per_epoch=2)
    assert recorder.rates == pytest.approx([*(1e-3 * whole[:4]), *(5e-4 * rest)])


@pytest.mark.parametrize("stop_after", range(11))
def test_a_run_resumes_in_its_phase_with_the_same_bits(stop_after: int, tmp_path: Path) -> None:
    """Four epochs of two steps, each of which reports three times; the phases meet after six."""
    settings: dict[str, Any] = {"epochs": 4, "batch_size": 11, "checkpoint_every": 3}
    how: dict[str, Any] = {
        "optimizer": cnnx.AdamW(0.01),
        "schedule": cnnx.Warmup(0.5, cnnx.CosineDecay()),
        "averaging": cnnx.WeightAverage(0.9),
    }
    path, whole = tmp_path / "run.ckpt", tmp_path / "whole.ckpt"
    tuning = FineTuning(head_epochs=2, factor=0.3)
    cnnx.Trainer(network(), **how).fit(x, y, checkpoint=whole, callbacks=[tuning], **settings)
    trainer = cnnx.Trainer(network(), **how)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(
            x,
            y,
            checkpoint=path,
            callbacks=[FineTuning(head_epochs=2, factor=0.3)],
            progress=stopping_after(stop_after),
            **settings,
        )
    assert trainable(trainer.model) == ["conv2d_1", "batch_norm2d_1", "dense_1"]
    # A resumed run has the settings of its checkpoint.
    resumed = cnnx.Trainer.resume(path)
    resumed.fit(x, y, callbacks=[FineTuning()])
    assert contents(path) == contents(whole)
    assert trainable(cnnx.load(path)) == trainable(trainer.model)
    trainer.fit(x, y, callbacks=[FineTuning()])  # in the same process
    assert arrays(trainer.model) == arrays(resumed.model)
    assert trainable(resumed.model) == trainable(trainer.model)


@pytest.mark.parametrize("freeze_batch_norms", [True, False])
def test_a_finished_run_of_more_epochs_keeps_its_frozen_layers(
    freeze_batch_norms: bool, tmp_path: Path
) -> None:
    def tuning() -> list[Callback]:
        return [FineTuning(head_epochs=1, freeze_batch_norms=freeze_batch_norms)]

    def trained(epochs: int) -> cnnx.Trainer:
        trainer = cnnx.Trainer(network(), optimizer=cnnx.AdamW(0.01))
        path = tmp_path / f"{epochs}.ckpt"
        trainer.fit(x, y, epochs=epochs, batch_size=6, checkpoint=path, callbacks=tuning())
        return trainer

    whole = trained(4)
    trained(2)
    longer = cnnx.Trainer.resume(tmp_path / "2.ckpt", epochs=4)
    longer.fit(x, y, callbacks=tuning())
    assert arrays(longer.model) == arrays(whole.model)
    assert trainable(longer.model) == trainable(whole.model) == trainable(network())


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_stopped_run_leaves_no_layer_frozen(epoch: int) -> None:
    model = network()
    every = trainable(model)
    cnnx.Trainer(model).fit(x, y, epochs=4, callbacks=[FineTuning(head_epochs=2), Stop(epoch)])
    assert trainable(model) == every


def test_early_stopping_and_fine_tuning_resume_together(tmp_path: Path) -> None:
    def callbacks() -> list[Callback]:
        return [FineTuning(), EarlyStopping(patience=9)]

    path, settings = tmp_path / "run.ckpt", {"epochs": 4, "validation": 0.3}
    whole = cnnx.Trainer(network())
    whole.fit(x, y, callbacks=callbacks(), **settings)
    with pytest.raises(KeyboardInterrupt):
        cnnx.Trainer(network()).fit(
            x, y, callbacks=callbacks(), checkpoint=path, progress=stopping_after(3), **settings
        )
    resumed = cnnx.Trainer.resume(path)
    resumed.fit(x, y, callbacks=callbacks())
    assert arrays(resumed.model) == arrays(whole.model)


def frozen_last() -> cnnx.Model:
    model = network()
    model.freeze("dense_1")
    return model


REFUSALS: list[tuple[Any, str]] = [
    (
        lambda: cnnx.Trainer(network()).fit(x, y, epochs=2, callbacks=[FineTuning(head_epochs=2)]),
        "FineTuning: head_epochs is 2, expected fewer than the epochs of the fit, 2",
    ),
    (
        lambda: cnnx.Trainer(frozen_last()).fit(x, y, epochs=2, callbacks=[FineTuning()]),
        r"the last layer with parameters, dense_1, is frozen, .*: model\.unfreeze\('dense_1'\)",
    ),
    (lambda: FineTuning(head_epochs=0), "FineTuning: head_epochs is 0, expected an integer >= 1"),
    (lambda: FineTuning(factor=-1), "FineTuning: factor is -1, expected a finite number >= 0"),
    (
        lambda: FineTuning(freeze_batch_norms="no"),  # type: ignore[arg-type]
        "FineTuning: freeze_batch_norms is 'no', expected True or False",
    ),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSALS)
def test_refusals(call: Any, sentence: str) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence):
        call()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"phase": 3}, "phase of the state is 3, expected 1 or 2"),
        ({"frozen": ["relu_1"]}, r"frozen of the state is \['relu_1'\], expected layers of the m"),
        ({"frozen": [[]]}, "frozen of the state is"),
        ({"head_epochs": 0}, "head_epochs is 0, expected an integer >= 1"),
        ({"factor": float("nan")}, "factor is nan, expected a finite number >= 0"),
        (None, "FineTuning: the state has no head_epochs"),
    ],
)
def test_a_damaged_state_is_refused(change: dict[str, Any] | None, sentence: str) -> None:
    trainer, tuning = cnnx.Trainer(network()), FineTuning()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, epochs=3, callbacks=[tuning], progress=stopping_after(1))
    run = trainer._run
    assert run is not None
    ((name, state),) = run.callbacks
    run.callbacks = [[name, {} if change is None else {**state, **change}]]
    with pytest.raises(ValueError, match=sentence):
        trainer.fit(x, y, callbacks=[tuning])
    assert trainable(trainer.model) == ["conv2d_1", "batch_norm2d_1", "dense_1"]


def test_a_reset_optimizer_is_a_new_one() -> None:
    for optimizer in OPTIMIZERS:
        model = network()
        trainer = cnnx.Trainer(model, optimizer=optimizer, averaging=cnnx.WeightAverage(0.5))
        for _ in range(3):
            trainer.step(x, y)
        trainer.learning_rate = 0.005
        trainer.reset_optimizer()
        assert arrays(trainer.averaged_model()) == arrays(model)
        other = type(optimizer)(**{**vars(optimizer), "learning_rate": 0.005})
        new = cnnx.Trainer(model.clone(), optimizer=other, averaging=cnnx.WeightAverage(0.5))
        for each in (trainer, new):
            for _ in range(2):
                each.step(x, y)
        assert arrays(model) == arrays(new.model)
        assert arrays(trainer.averaged_model()) == arrays(new.averaged_model())
    assert np.isfinite(trainer.step(x, y))

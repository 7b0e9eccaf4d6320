"""Callbacks: the order of events, the ready-made callbacks, and their state in resumed runs."""

from __future__ import annotations

import csv
import importlib.util
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from checkpoint_runs import contents
from cnnx.callbacks import BestModel, Callback, CSVLog, EarlyStopping, TensorBoardLog
from cnnx.training.history import Progress

SIZE = 16
x, y = cnnx.data.xo(23, size=SIZE, seed=1)


def trainer_of(**settings: Any) -> cnnx.Trainer:
    layers = [cnnx.Conv2d(4, 5, stride=2), cnnx.BatchNorm2d(), cnnx.Flatten(), cnnx.Dense(2)]
    return cnnx.Trainer(cnnx.Model(layers, input_shape=(SIZE, SIZE, 1)), **settings)


def state(model: cnnx.Model) -> list[bytes]:
    return [array.tobytes() for array in (*model.parameters.values(), *model.buffers.values())]


class Recorder(Callback):
    """Records its events."""

    def __init__(self, act: Callable[[Any, Progress], object] = lambda trainer, progress: None):
        self.events: list[Any] = []
        self.act = act

    def on_fit_begin(self, trainer: Any) -> None:
        self.events.append("begin")

    def on_step_end(self, trainer: Any, progress: Progress) -> None:
        self.events.append((progress.epoch, progress.step))
        self.act(trainer, progress)

    def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
        self.events.append(progress.finished_epoch)
        self.act(trainer, progress)

    def on_fit_end(self, trainer: Any) -> None:
        self.events.append("end")


def test_events_come_in_order() -> None:
    trainer, recorder = trainer_of(), Recorder()
    trainer.fit(x, y, epochs=2, batch_size=12, callbacks=[recorder])
    figures = [dict(zip(vars(trainer.history), row, strict=True)) for row in rows(trainer)]
    first, second = map(str, figures)  # as texts, because NaN is not NaN
    events = [each if isinstance(each, (str, tuple)) else str(each) for each in recorder.events]
    assert events == ["begin", (1, 1), (1, 2), first, (2, 1), (2, 2), second, "end"]


def rows(trainer: cnnx.Trainer) -> list[tuple[float, ...]]:
    return list(zip(*vars(trainer.history).values(), strict=True))


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_end_event_follows_every_kind_of_end(error: type[BaseException]) -> None:
    def fail(trainer: Any, progress: Progress) -> None:
        raise error

    recorder = Recorder(fail)
    with pytest.raises(error):
        trainer_of().fit(x, y, epochs=2, callbacks=[recorder])
    assert recorder.events == ["begin", (1, 1), "end"]


def test_stop_ends_a_fit_after_its_step(tmp_path: Path) -> None:
    trainer = trainer_of()
    recorder = Recorder(lambda trainer, progress: trainer.stop())
    history = trainer.fit(
        x, y, epochs=3, batch_size=8, callbacks=[recorder], checkpoint=tmp_path / "run.ckpt"
    )
    assert recorder.events == ["begin", (1, 1), "end"]
    assert len(history) == 0
    resumed = cnnx.Trainer.resume(tmp_path / "run.ckpt")
    with pytest.warns(cnnx.Warning, match="was stopped after 0 of 3 epochs, so nothing is trained"):
        assert len(resumed.fit(x, y)) == 0
    assert state(resumed.model) == state(trainer.model)


class Script(Callback):
    """Sets weights with a known validation loss; a first loss of 9 is bad."""

    def __init__(self, losses: list[float]) -> None:
        self.losses = losses

    def on_step_end(self, trainer: Any, progress: Progress) -> None:
        bias = trainer.model.parameters["dense_1.bias"].copy()
        bias[:] = (self.losses[progress.epoch - 1], 0)
        trainer.model.parameters["dense_1.bias"] = bias
        trainer.model.parameters["dense_1.weight"] = np.zeros_like(
            trainer.model.parameters["dense_1.weight"]
        )


LOSSES = [5.0, 3.0, 4.0, 2.0, 6.0, 7.0, 8.0, 1.0]


@pytest.mark.parametrize(
    ("patience", "restore_best", "epochs", "ends_with"),
    [(0, True, 3, 3.0), (1, True, 6, 2.0), (2, False, 7, 8.0), (9, True, 8, 1.0)],
)
def test_early_stopping_waits_and_restores(
    patience: int, restore_best: bool, epochs: int, ends_with: float
) -> None:
    trainer = trainer_of(optimizer=cnnx.SGD(0.0))
    stopping = EarlyStopping(patience=patience, restore_best=restore_best)
    ones = np.ones(len(x), np.int64)  # the loss grows with the other output's bias
    history = trainer.fit(
        x, y, epochs=len(LOSSES), validation=(x, ones), callbacks=[Script(LOSSES), stopping]
    )
    assert len(history) == epochs
    assert trainer.model.parameters["dense_1.bias"][0] == ends_with
    assert stopping.best == min(history.validation_loss)


@pytest.mark.parametrize("at_a_step", [True, False])
def test_early_stopping_restores_whatever_ended_the_run(at_a_step: bool, tmp_path: Path) -> None:
    def stop_in_the_fourth(trainer: Any, progress: Progress) -> None:
        if progress.epoch == 4 and at_a_step is (progress.finished_epoch is None):
            trainer.stop()

    trainer, path = trainer_of(optimizer=cnnx.SGD(0.0)), tmp_path / "run.ckpt"
    ones = np.ones(len(x), np.int64)
    watching = [Script([2.0, 1.0, 3.0, 4.0]), EarlyStopping(), Recorder(stop_in_the_fourth)]
    trainer.fit(x, y, epochs=9, validation=(x, ones), callbacks=watching, checkpoint=path)
    for model in (trainer.model, cnnx.Trainer.resume(path).model):
        assert model.parameters["dense_1.bias"][0] == 1.0


def test_early_stopping_restores_a_run_that_ctrl_c_finds_at_its_end() -> None:
    class PressAtTheEnd(Callback):
        def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
            if progress.epoch == progress.epochs:
                signal.raise_signal(signal.SIGINT)

    trainer, ones = trainer_of(optimizer=cnnx.SGD(0.0)), np.ones(len(x), np.int64)
    watching = [Script([1.0, 2.0]), EarlyStopping(), PressAtTheEnd()]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(x, y, epochs=2, validation=(x, ones), callbacks=watching)
    finally:
        signal.signal(signal.SIGINT, before)
    assert trainer.model.parameters["dense_1.bias"][0] == 1.0


def test_least_is_the_smallest_improvement() -> None:
    trainer = trainer_of(optimizer=cnnx.SGD(0.0))
    stopping = EarlyStopping(patience=1, least=1.5)
    ones = np.ones(len(x), np.int64)
    fit = trainer.fit(x, y, epochs=8, validation=(x, ones), callbacks=[Script(LOSSES), stopping])
    assert len(fit) == 4  # 5, 3, 4, and 2, which is not better by so much
    assert stopping.best == fit.validation_loss[1]


def test_the_best_model_is_in_its_file(tmp_path: Path) -> None:
    trainer = trainer_of(optimizer=cnnx.SGD(0.0))
    ones = np.ones(len(x), np.int64)
    best = BestModel(tmp_path / "best.cnnx", watch="validation_accuracy")
    losses = [1.0, -1.0, -2.0, 3.0]
    trainer.fit(x, y, epochs=4, validation=(x, ones), callbacks=[Script(losses), best])
    assert best.best == 1.0
    assert cnnx.load(tmp_path / "best.cnnx").parameters["dense_1.bias"][0] == -1.0


def test_a_best_model_without_a_place_is_refused_before_the_first_step(tmp_path: Path) -> None:
    for path, error in (("gone/best.cnnx", FileNotFoundError), ("", IsADirectoryError)):
        trainer = trainer_of()
        before = trainer.model.parameters["dense_1.bias"].copy()
        with pytest.raises(error, match="BestModel: path is"):
            trainer.fit(x, y, epochs=1, validation=(x, y), callbacks=[BestModel(tmp_path / path)])
        assert np.array_equal(trainer.model.parameters["dense_1.bias"], before)


@pytest.mark.parametrize("stop_after", range(1, 10))
def test_a_run_with_callbacks_resumes_to_the_same_bits(stop_after: int, tmp_path: Path) -> None:
    def callbacks(name: str) -> list[Callback]:
        return [
            EarlyStopping("validation_loss", patience=1, least=0.05),
            BestModel(tmp_path / f"{name}.cnnx"),
            CSVLog(tmp_path / f"{name}.csv"),
        ]

    def run(name: str, trainer: cnnx.Trainer, **settings: Any) -> dict[str, Any]:
        trainer.fit(x, y, callbacks=callbacks(name), **settings)
        return contents(tmp_path / f"{name}.ckpt")

    settings = {"epochs": 6, "batch_size": 6, "validation": 0.3, "checkpoint_every": 2}
    whole = run("whole", trainer_of(), checkpoint=tmp_path / "whole.ckpt", **settings)
    calls = iter(range(stop_after))

    def press(progress: Progress) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt

    path = tmp_path / "stopped.ckpt"
    with pytest.raises(KeyboardInterrupt):
        run("stopped", trainer_of(), checkpoint=path, progress=press, **settings)
    assert run("stopped", cnnx.Trainer.resume(path)) == whole
    files = [(tmp_path / f"{name}.cnnx").read_bytes() for name in ("whole", "stopped")]
    assert files[0] == files[1]
    logs = []
    for name in ("whole", "stopped"):
        lines = (tmp_path / f"{name}.csv").read_text().splitlines()
        logs.append([line.rpartition(",")[0] for line in lines])  # all but the seconds
    assert logs[0] == logs[1]


class Last(Callback):
    """Has a state only after an epoch."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def on_epoch_end(self, trainer: Any, progress: Progress) -> None:
        self.seen["epoch"] = progress.epoch

    def state(self) -> dict[str, Any]:
        return dict(self.seen)

    def restore(self, state: dict[str, Any]) -> None:
        self.seen = state


@pytest.mark.parametrize("epochs_before", [0, 1])
def test_a_callback_may_begin_without_a_state(epochs_before: int, tmp_path: Path) -> None:
    def press(progress: Progress) -> None:
        if progress.epoch > epochs_before:
            raise KeyboardInterrupt

    path, last = tmp_path / "run.ckpt", Last()
    with pytest.raises(KeyboardInterrupt):
        trainer_of().fit(
            x,
            y,
            epochs=2,
            batch_size=6,
            checkpoint=path,
            callbacks=[Last()],
            progress=press,
        )
    begun = Recorder(lambda trainer, progress: begun.events.append(dict(last.seen)))
    cnnx.Trainer.resume(path).fit(x, y, callbacks=[last, begun])
    assert begun.events[2] == ({"epoch": 1} if epochs_before else {})
    assert last.seen == {"epoch": 2}


def test_a_finished_run_is_logged_too(tmp_path: Path) -> None:
    path, log, again = (tmp_path / name for name in ("run.ckpt", "log.csv", "again.csv"))
    settings: dict[str, Any] = {"epochs": 2, "validation": 0.3, "checkpoint": path}
    trainer_of().fit(x, y, callbacks=[CSVLog(log), EarlyStopping()], **settings)
    resumed = cnnx.Trainer.resume(path)
    path.unlink()
    with pytest.warns(cnnx.Warning, match="has finished after 2 epochs, so nothing is trained"):
        resumed.fit(x, y, callbacks=[CSVLog(again)])
    assert again.read_bytes() == log.read_bytes()
    assert not path.exists()  # there was nothing to save


def test_the_csv_log_holds_the_history(tmp_path: Path) -> None:
    trainer = trainer_of()
    for _ in range(2):
        trainer.fit(x, y, epochs=2, callbacks=[CSVLog(tmp_path / "log.csv")])
    with (tmp_path / "log.csv").open(newline="") as file:
        header, *lines = list(csv.reader(file))
    assert header == ["epoch", *vars(trainer.history)]
    assert [line[0] for line in lines] == ["1", "2", "3", "4"]
    assert [float(line[1]) for line in lines] == trainer.history.loss


def test_every_callback_ends_with_the_fit() -> None:
    ended: list[str] = []

    class End(Callback):
        def __init__(self, name: str, error: type[Exception] | None = None) -> None:
            self.name, self.error = name, error

        def on_fit_end(self, trainer: cnnx.Trainer) -> None:
            ended.append(self.name)
            if self.error is not None:
                raise self.error(self.name)

    with pytest.raises(RuntimeError, match="b"):
        trainer_of().fit(x, y, epochs=1, callbacks=[End("a"), End("b", RuntimeError), End("c")])
    assert ended == ["a", "b", "c"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_is_named_with_the_log() -> None:
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        trainer_of().fit(x, y, epochs=1, callbacks=[CSVLog("/dev/full")])


def test_the_event_log_holds_an_epoch_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("tensorboardX") is None:
        pytest.skip("tensorboardX is not installed")
    from tensorboardX import SummaryWriter

    written: list[tuple[str, float, int]] = []
    write = SummaryWriter.add_scalar

    def spy(self: Any, name: str, value: float, step: int) -> None:
        written.append((name, value, step))
        write(self, name, value, step)

    monkeypatch.setattr(SummaryWriter, "add_scalar", spy)
    trainer = trainer_of()
    trainer.fit(x, y, epochs=2, callbacks=[TensorBoardLog(tmp_path)])
    losses = [(value, step) for name, value, step in written if name == "loss"]
    assert losses == [(loss, epoch) for epoch, loss in enumerate(trainer.history.loss, 1)]
    names = {name for name, _, _ in written}
    assert names == {"loss", "accuracy", "seconds", "learning_rate"}
    assert any(file.stat().st_size > 100 for file in tmp_path.glob("events.out.tfevents.*"))


def test_logs_started_within_a_second_are_separate(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: install the extra tensorboard")
    trainer, log = trainer_of(), TensorBoardLog(tmp_path)
    for _ in range(3):
        trainer.fit(x, y, epochs=1, callbacks=[log])
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 3


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"tensorboardX, .*: pip install 'cnnx\[tensorboard\]'$"):
        TensorBoardLog(tmp_path)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: EarlyStopping("losses"), "EarlyStopping: watch is 'losses', expected one of"),
        (lambda: EarlyStopping(patience=-1), "EarlyStopping: patience is -1, expected an integer"),
        (lambda: EarlyStopping(least=-1), "EarlyStopping: least is -1, expected"),
        (lambda: BestModel("x", "seconds"), "BestModel: watch is 'seconds', expected one of"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], Callback], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


def test_callbacks_are_a_list_of_callbacks() -> None:
    wrong: Any = None
    with pytest.raises(TypeError, match=r"^fit: callbacks is None, expected a list of callbacks"):
        trainer_of().fit(x, y, epochs=1, callbacks=wrong)
    wrong = [3]
    with pytest.raises(TypeError, match=r"^fit: callbacks holds 3, expected a cnnx\.callbacks\.C"):
        trainer_of().fit(x, y, epochs=1, callbacks=wrong)


def test_only_measured_figures_can_be_watched() -> None:
    with pytest.raises(ValueError, match=r"^fit: EarlyStopping watches validation_loss, "):
        trainer_of().fit(x, y, epochs=1, callbacks=[EarlyStopping()])
    with pytest.raises(ValueError, match=r"^fit: EarlyStopping watches accuracy, which MSE"):
        trainer_of(loss=cnnx.MSE()).fit(
            x, np.zeros((23, 2)), epochs=1, callbacks=[EarlyStopping("accuracy")]
        )
    two = [EarlyStopping(), EarlyStopping("loss")]
    for both in (two, two[::-1]):
        with pytest.raises(ValueError, match=r"^fit: EarlyStopping watches validation_loss, "):
            trainer_of().fit(x, y, epochs=1, callbacks=both)
    with pytest.raises(TypeError, match=r"^fit: callbacks holds <.*, expected a cnnx"):
        trainer_of().fit(x, y, epochs=1, callbacks=[print])  # type: ignore[list-item]

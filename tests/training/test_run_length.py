"""Length of a run: a run extended to more epochs ends with the bits of a run of that length."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import cnnx
import pytest
from checkpoint_runs import RUNS, contents, network, stopping_after, x, y
from cnnx.callbacks import EarlyStopping

EPOCHS = 4
# Runs whose schedule does not depend on their length: settings of the trainer and of fit.
FREE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "constant": RUNS["adam"],
    "plateau": RUNS["plateau"],
    "step decay": (
        {"schedule": cnnx.StepDecay(0.5, every=1), "optimizer": cnnx.SGD(0.05, momentum=0.9)},
        {"batch_size": 8},
    ),
    "warm-up": (
        {"schedule": cnnx.Warmup(3), "averaging": cnnx.WeightAverage(0.9)},
        {"batch_size": 5, "augmentation": cnnx.data.Augmentation(flip="random")},
    ),
}
SPANNING = [cnnx.CosineDecay(), cnnx.Warmup(1, cnnx.OneCycle()), cnnx.Triangular()]
every_free_run = pytest.mark.parametrize("run", FREE)


def start(run: str, path: Path, epochs: int, **settings: Any) -> cnnx.Trainer:
    trainer = cnnx.Trainer(network(), **FREE[run][0])
    trainer.fit(x, y, epochs=epochs, checkpoint=path, **FREE[run][1], **settings)
    return trainer


def finish(run: str, path: Path, epochs: int, **settings: Any) -> cnnx.Trainer:
    trainer = cnnx.Trainer.resume(path, epochs=epochs)
    held_out = FREE[run][1].get("validation")
    trainer.fit(x, y, validation=held_out if isinstance(held_out, tuple) else None, **settings)
    return trainer


# The bits.


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Checkpoints of the runs that have their length from the beginning."""
    ends = {}
    for run in FREE:
        path = tmp_path_factory.mktemp("whole") / "run.ckpt"
        start(run, path, EPOCHS)
        ends[run] = contents(path)
    return ends


@every_free_run
@pytest.mark.parametrize("first", [0, 1, 3])
def test_a_finished_run_is_extended(
    run: str, first: int, whole: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    start(run, tmp_path / "run.ckpt", first)
    trainer = finish(run, tmp_path / "run.ckpt", EPOCHS)
    assert len(trainer.history) == EPOCHS
    assert contents(tmp_path / "run.ckpt") == whole[run]


@every_free_run
@pytest.mark.parametrize(("epochs", "steps"), [(2, 0), (3, 2), (9, 6)])
def test_an_unfinished_run_becomes_longer_or_shorter(
    run: str, epochs: int, steps: int, whole: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        start(run, tmp_path / "run.ckpt", epochs, progress=stopping_after(steps))
    finish(run, tmp_path / "run.ckpt", EPOCHS)
    assert contents(tmp_path / "run.ckpt") == whole[run]


@pytest.mark.parametrize("schedule", SPANNING, ids=repr)
def test_any_schedule_has_another_length_before_its_first_step(
    schedule: Any, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.ckpt", tmp_path / "second.ckpt"
    cnnx.Trainer(network(), schedule=schedule).fit(x, y, epochs=2, checkpoint=first)
    cnnx.Trainer(network(), schedule=schedule).fit(x, y, epochs=0, checkpoint=second)
    cnnx.Trainer.resume(second, epochs=2).fit(x, y)
    assert contents(second) == contents(first)


def test_a_run_stopped_early_continues_with_another_length(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"

    def stopping() -> EarlyStopping:
        return EarlyStopping("loss", patience=0, least=1e9, restore_best=False)

    stopped = start("constant", path, 6, callbacks=[stopping()])
    assert len(stopped.history) == 2
    with pytest.warns(cnnx.Warning, match=r"was stopped after 2 of 6 epochs, so nothing is train"):
        assert len(finish("constant", path, 6, callbacks=[stopping()]).history) == 2
    assert len(finish("constant", path, 7, callbacks=[stopping()]).history) == 3


# Refusals and warnings.


@pytest.mark.parametrize("schedule", SPANNING, ids=repr)
def test_a_schedule_over_the_run_keeps_its_length(schedule: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    trainer = cnnx.Trainer(network(), schedule=schedule)
    trainer.fit(x, y, epochs=2, checkpoint=path)
    assert len(cnnx.Trainer.resume(path, epochs=2).history) == 2
    with pytest.raises(ValueError, match=r"epochs is 5, expected 2, over which \w+ changes") as why:
        cnnx.Trainer.resume(path, epochs=5)
    line = str(why.value).rsplit("starts again: ", 1)[1]
    assert line == f"cnnx.Trainer.resume({str(path)!r}).fit(x, y, epochs=3)"
    assert len(eval(line, {"cnnx": cnnx, "x": x, "y": y})) == 5


def test_a_run_cannot_end_before_its_position(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        start("constant", path, 5, progress=stopping_after(10))
    step, epochs = cnnx.Trainer.resume(path)._run.position[0], 3
    assert step > 0
    with pytest.raises(ValueError, match=f"epochs is 2, expected at least {epochs}, the number of"):
        cnnx.Trainer.resume(path, epochs=2)
    assert len(finish("constant", path, epochs).history) == epochs


@pytest.mark.parametrize("epochs", [-1, 1.5, True, "3"])
def test_a_wrong_number_of_epochs_is_refused(epochs: Any, tmp_path: Path) -> None:
    start("constant", tmp_path / "run.ckpt", 1)
    sentence = re.escape(f"Trainer.resume: epochs is {epochs!r}, expected an integer >= 0")
    with pytest.raises(ValueError, match=sentence):
        cnnx.Trainer.resume(tmp_path / "run.ckpt", epochs=epochs)


@pytest.mark.parametrize("schedule", [None, cnnx.CosineDecay()])
def test_the_line_that_a_finished_run_names_trains_it_longer(schedule: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    cnnx.Trainer(network(), schedule=schedule).fit(x, y, epochs=2, checkpoint=path)
    resumed = cnnx.Trainer.resume(path)
    with pytest.warns(cnnx.Warning, match="has finished after 2 epochs, so nothing is") as caught:
        assert resumed.fit(x, y) == resumed.history
    line = str(caught[0].message).rsplit("to train longer: ", 1)[1]
    names = {"cnnx": cnnx, "x": x, "y": y, "fit": resumed.fit}
    assert len(eval(line, names)) == 4


def test_a_new_run_warns_of_the_unfinished_one(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    with pytest.raises(KeyboardInterrupt, match=r"after step 3 of epoch 1 of 2") as pressed:
        start("constant", path, 2, progress=stopping_after(2))
    line = str(pressed.value).rsplit("to resume: ", 1)[1]
    resumed = cnnx.Trainer.resume(path)
    with pytest.warns(cnnx.Warning, match="begins a new run and leaves that of .* in epoch 1 of 2"):
        resumed.fit(x, y, epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(eval(line, {"cnnx": cnnx, "x": x, "y": y})) == 2


def test_another_trainer_begins_no_run_in_the_file_of_an_unfinished_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        start("constant", path, 2, progress=stopping_after(2))
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"an unfinished run, in epoch 1 of 2: re") as caught:
        start("constant", path, 2)
    assert path.read_bytes() == before
    line = re.search(r"cnnx\.Trainer\.resume\(.*\)\.fit\(x, y\)", str(caught.value))
    assert line is not None
    monkeypatch.chdir(tmp_path)
    own = cnnx.Trainer.resume(path)
    with pytest.raises(KeyboardInterrupt):
        own.fit(x, y, checkpoint="run.ckpt", progress=stopping_after(0))
    path.write_bytes(before)
    other = tmp_path / "other.ckpt"
    with pytest.raises(KeyboardInterrupt):
        start("constant", other, 2, progress=stopping_after(2))
    with pytest.raises(FileExistsError, match="an unfinished run, in epoch 1 of 2"):
        cnnx.Trainer.resume(other).fit(x, y, checkpoint=path)
    assert path.read_bytes() == before
    assert len(eval(line[0], {"cnnx": cnnx, "x": x, "y": y})) == 2
    start("constant", path, 1)  # the run has finished
    path.write_bytes(before[:-100])  # nothing can be resumed
    start("constant", path, 1)


def test_an_interrupt_names_the_position() -> None:
    for steps, place in (
        (0, "after step 1 of epoch 1 of 2"),
        (1, "after epoch 1 of 2"),
        (3, "after the last step"),
    ):
        trainer = cnnx.Trainer(network())
        with pytest.raises(KeyboardInterrupt) as pressed:
            trainer.fit(x, y, epochs=2, progress=stopping_after(steps))
        expected = f"fit: interrupted {place}"
        if steps < 3:
            expected += "; to resume in this process: fit(x, y)"
        assert str(pressed.value) == expected


def test_an_empty_history_has_no_last_epoch() -> None:
    with pytest.raises(ValueError, match=r"History\.last: no epoch is finished, expected at least"):
        cnnx.History().last()

"""Callbacks that no fit would call as they are meant, and writers of one file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cnnx
import pytest
from cnnx.callbacks import BestModel, Callback, CSVLog

x, y = cnnx.data.xo(16, size=16, seed=1)


def fit(**settings: Any) -> cnnx.History:
    layers = [cnnx.Flatten(), cnnx.Dense(2)]
    trainer = cnnx.Trainer(cnnx.Model(layers, input_shape=(16, 16, 1)))
    return trainer.fit(x, y, epochs=1, verbose=False, **settings)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("on_epoch_ends", "on_epoch_end"),
        ("on_train_end", "on_fit_end"),
        ("on_train_batch_end", "on_step_end"),
        ("on_training_start", "on_fit_begin"),
    ],
)
def test_a_method_that_is_never_called_is_warned_about(name: str, meant: str) -> None:
    with pytest.warns(cnnx.Warning, match=f"^Loud: no fit calls {name}, expected {meant}$"):
        type("Loud", (Callback,), {name: lambda self, trainer: None})


def test_arguments_of_a_method_are_checked_before_the_fit() -> None:
    class Loud(Callback):
        def on_epoch_end(self) -> None:  # type: ignore[override]
            raise AssertionError

    class Free(Callback):
        def on_epoch_end(self, *arguments: Any) -> None:
            pass

    sentence = r"^fit: callbacks: Loud\.on_epoch_end takes \(\).*, expected \(trainer, progress\)$"
    with pytest.raises(TypeError, match=sentence):
        fit(callbacks=[Loud()])
    assert len(fit(callbacks=[Free()])) == 1


@pytest.mark.parametrize(("name", "first"), [("on_epoch_end", "epoch"), ("on_step_end", "batch")])
def test_a_method_with_the_arguments_of_keras_is_refused(name: str, first: str) -> None:
    source = f"lambda self, {first}, logs=None: None"
    callback = type("Loud", (Callback,), {name: eval(source)})
    sentence = rf"^fit: callbacks: Loud\.{name} takes '{first}' first, as in Keras, expected \(tra"
    with pytest.raises(TypeError, match=sentence):
        fit(callbacks=[callback()])


def test_two_writers_of_one_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    best = BestModel("best.cnnx", "loss")
    sentence = r"^fit: checkpoint and BestModel both write 'best\.cnnx', expected a file for each$"
    with pytest.raises(ValueError, match=sentence):
        fit(callbacks=[best], checkpoint=tmp_path / "best.cnnx")
    with pytest.raises(ValueError, match=r"^fit: BestModel and BestModel both write"):
        fit(callbacks=[best, BestModel(tmp_path / "best.cnnx", "loss")])
    with pytest.raises(ValueError, match=r"^fit: CSVLog and CSVLog both write"):
        fit(callbacks=[CSVLog("log.csv"), CSVLog("./log.csv")])
    assert list(tmp_path.iterdir()) == []
    fit(callbacks=[best, CSVLog("log.csv")], checkpoint="run.ckpt")
    assert {each.name for each in tmp_path.iterdir()} == {"best.cnnx", "log.csv", "run.ckpt"}


def test_arguments_of_a_function_for_the_progress_are_checked_before_the_fit() -> None:
    with pytest.raises(TypeError, match=r"^fit: progress takes \(\), expected one cnnx.Progress"):
        fit(progress=lambda: None)
    shown: list[object] = []
    assert len(fit(progress=shown.append)) == 1
    assert shown


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (3, "fit: Odd.state() is 3, expected a dict"),
        (
            {"a": {"b": {1, 2}}},
            "fit: checkpoint cannot hold the state of Odd: state.a.b is {1, 2}, "
            "expected plain values and arrays",
        ),
        (
            {"a": {1: "b"}},
            "fit: checkpoint cannot hold the state of Odd: state.a has the name 1, expected text",
        ),
    ],
)
def test_a_state_that_no_checkpoint_can_hold(state: Any, sentence: str, tmp_path: Path) -> None:
    class Odd(Callback):
        def state(self) -> dict[str, Any]:
            return state  # type: ignore[no-any-return]

    with pytest.raises(TypeError, match=f"^{re.escape(sentence)}$"):
        fit(callbacks=[Odd()], checkpoint=tmp_path / "run.ckpt")
    assert not list(tmp_path.iterdir())

"""Callbacks of resumed runs: those of the start, with their settings and states."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import cnnx
import pytest
from cnnx.callbacks import BestModel, Callback, EarlyStopping
from cnnx.training.history import Progress

SIZE = 16
x, y = cnnx.data.xo(23, size=SIZE, seed=1)


def trainer_of() -> cnnx.Trainer:
    return cnnx.Trainer(cnnx.models.small((SIZE, SIZE, 1), 2))


def press(progress: Progress) -> None:
    raise KeyboardInterrupt


def test_a_resumed_run_needs_its_callbacks(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"

    settings: dict[str, Any] = {"epochs": 2, "validation": 0.3, "checkpoint": path}
    trainer = trainer_of()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, callbacks=[EarlyStopping()], progress=press, **settings)
    for again in (trainer, cnnx.Trainer.resume(path)):
        for wrong in ([], [BestModel(tmp_path / "best.cnnx")]):
            with pytest.raises(ValueError, match=r"with a state are .*, expected .* EarlyStopping"):
                again.fit(x, y, callbacks=wrong)
        assert len(again.fit(x, y, callbacks=[EarlyStopping()])) == 2


@pytest.mark.parametrize(
    ("given", "warning"),
    [
        ({}, None),
        (
            {"patience": 7, "watch": "loss", "least": 0.5, "restore_best": False},
            r"patience of EarlyStopping is 7, but the resumed run keeps 3, with which it was start",
        ),
    ],
)
def test_a_resumed_run_keeps_the_settings_of_its_callbacks(
    given: dict[str, Any], warning: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "run.ckpt"
    own = {"patience": 3, "watch": "validation_accuracy", "least": 0.25, "restore_best": True}
    with pytest.raises(KeyboardInterrupt):
        trainer_of().fit(
            x,
            y,
            epochs=2,
            validation=0.3,
            checkpoint=path,
            callbacks=[EarlyStopping(**own)],
            progress=press,
        )
    resumed = EarlyStopping(**given)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cnnx.Trainer.resume(path).fit(x, y, callbacks=[resumed])
    assert {name: getattr(resumed, name) for name in own} == own
    sentences = [str(each.message) for each in caught]
    assert len(sentences) == len(given)
    assert warning is None or any(re.search(warning, each) for each in sentences), sentences


class Forgetful(Callback):
    """Restores something that its state does not have."""

    def state(self) -> dict[str, Any]:
        return {"epoch": 1}

    def restore(self, state: dict[str, Any]) -> None:
        state["seen"]


def test_a_callback_that_cannot_restore_its_state_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        trainer_of().fit(x, y, epochs=2, checkpoint=path, callbacks=[Forgetful()], progress=press)
    with pytest.raises(ValueError, match=r"^fit: Forgetful cannot restore its state: 'seen'$"):
        cnnx.Trainer.resume(path).fit(x, y, callbacks=[Forgetful()])


class Refusing(Callback):
    """Refuses each fit."""

    def on_fit_begin(self, trainer: cnnx.Trainer) -> None:
        raise ValueError("refused")


def test_a_fit_that_a_callback_refuses_keeps_the_unfinished_run(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    ends = []
    for is_refused in (False, True):
        model = cnnx.models.small((SIZE, SIZE, 1), 2)
        trainer = cnnx.Trainer(model, schedule=cnnx.CosineDecay())
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(x, y, epochs=2, batch_size=8, checkpoint=path, progress=press)
        if is_refused:
            with (
                pytest.warns(cnnx.Warning, match="leaves that of"),
                pytest.raises(ValueError, match=r"^refused$"),
            ):
                trainer.fit(x, y, epochs=5, callbacks=[Refusing()])
        assert len(trainer.fit(x, y)) == 2
        resumed = cnnx.Trainer.resume(path)
        assert resumed.history.loss == trainer.history.loss
        ends.append([array.tobytes() for array in resumed.model.parameters.values()])
        path.unlink()
    assert ends[0] == ends[1]


def test_a_fit_that_a_callback_accepts_begins_its_schedule() -> None:
    def rates_after(unfinished: int) -> list[float]:
        model = cnnx.models.small((SIZE, SIZE, 1), 2)
        trainer = cnnx.Trainer(model, schedule=cnnx.CosineDecay())
        if unfinished > 0:
            with pytest.raises(KeyboardInterrupt):
                trainer.fit(x, y, epochs=unfinished, batch_size=8, progress=press)
        rates: list[float] = []
        trainer.fit(x, y, epochs=2, progress=lambda each: rates.append(each.learning_rate))
        return rates

    assert rates_after(7) == rates_after(0)

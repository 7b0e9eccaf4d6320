"""Callbacks are copied and pickled before and after a fit, as searches and worker processes do."""

from __future__ import annotations

import copy
import importlib.util
import pickle
from collections.abc import Callable
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx.callbacks import (
    BestModel,
    Callback,
    CSVLog,
    EarlyStopping,
    FineTuning,
    LivePlot,
    TensorBoardLog,
)

MAKERS: dict[str, Callable[[Path], Callback]] = {
    "BestModel": lambda folder: BestModel(folder / "best.cnnx", "loss"),
    "CSVLog": lambda folder: CSVLog(folder / "log.csv"),
    "EarlyStopping": lambda folder: EarlyStopping("loss"),
    "FineTuning": lambda folder: FineTuning(head_epochs=1),
    "LivePlot": lambda folder: LivePlot(),
    "TensorBoardLog": lambda folder: TensorBoardLog(folder / "events"),
}


def fitted_with(callback: Callback) -> bytes:
    """The first weights of a small model after a fit with the callback."""
    x, y = cnnx.data.xo(16, size=16, seed=1)
    model = cnnx.models.small((16, 16, 1), ["X", "O"], seed=1)
    cnnx.Trainer(model, seed=1).fit(x, y, epochs=2, batch_size=8, callbacks=[callback])
    return np.asarray(model.parameters["conv2d_1.weight"]).tobytes()


def test_every_callback_is_tested() -> None:
    public = vars(cnnx.callbacks).values()
    kinds = {each for each in public if isinstance(each, type) and issubclass(each, Callback)}
    named = {each.__name__ for each in kinds if not each.__name__.startswith("_")}
    assert named - {"Callback"} == set(MAKERS)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_callback_is_copied_before_and_after_a_fit(kind: str, tmp_path: Path) -> None:
    if kind == "TensorBoardLog" and importlib.util.find_spec("tensorboardX") is None:
        pytest.skip("needs tensorboardX: install the extra tensorboard")
    callback = MAKERS[kind](tmp_path)
    copies = [copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))]
    expected = fitted_with(callback)
    copies += [copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))]
    assert [fitted_with(each) for each in copies] == [expected] * 4

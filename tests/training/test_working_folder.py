"""Relative paths of files that a training writes stay those of its beginning."""

from __future__ import annotations

import os
import re
from pathlib import Path

import cnnx
import pytest
from cnnx.callbacks import BestModel, CSVLog
from cnnx.training.history import Progress

SIZE = 16
x, y = cnnx.data.xo(24, size=SIZE, seed=1)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The working folder, and another one."""
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    monkeypatch.chdir(own)
    return own, other


def test_a_change_of_the_folder_in_a_fit_moves_no_file(folders: tuple[Path, Path]) -> None:
    own, other = folders

    def change(progress: Progress) -> None:
        os.chdir(other)

    trainer = cnnx.Trainer(cnnx.models.small((SIZE, SIZE, 1), 2))
    trainer.fit(
        x,
        y,
        epochs=3,
        progress=change,
        checkpoint="run.ckpt",
        callbacks=[BestModel("best.cnnx", watch="loss"), CSVLog("log.csv")],
    )
    assert sorted(each.name for each in own.iterdir()) == ["best.cnnx", "log.csv", "run.ckpt"]
    assert not list(other.iterdir())
    assert len((own / "log.csv").read_text().splitlines()) == 1 + 3
    assert len(cnnx.Trainer.resume(own / "run.ckpt").history) == 3


@pytest.mark.parametrize("again", [True, False])
def test_a_resumed_run_writes_to_the_file_of_its_beginning(
    folders: tuple[Path, Path], again: bool
) -> None:
    own, other = folders

    def press(progress: Progress) -> None:
        raise KeyboardInterrupt

    trainer = cnnx.Trainer(cnnx.models.small((SIZE, SIZE, 1), 2))
    with pytest.raises(KeyboardInterrupt, match=r"saved in 'run.ckpt'"):
        trainer.fit(x, y, epochs=2, progress=press, checkpoint="run.ckpt")
    if again:
        trainer = cnnx.Trainer.resume("run.ckpt")
    os.chdir(other)
    (other / "run.ckpt").write_text("another file")
    with pytest.raises(KeyboardInterrupt, match=re.escape(f"saved in {str(own / 'run.ckpt')!r}")):
        trainer.fit(x, y, progress=press)
    trainer.fit(x, y)
    assert (other / "run.ckpt").read_text() == "another file"
    assert len(cnnx.Trainer.resume(own / "run.ckpt").history) == 2


def test_a_callback_of_a_second_fit_follows_the_folder(folders: tuple[Path, Path]) -> None:
    own, other = folders
    log = CSVLog("log.csv")
    trainer = cnnx.Trainer(cnnx.models.small((SIZE, SIZE, 1), 2))
    trainer.fit(x, y, epochs=1, callbacks=[log])
    os.chdir(other)
    trainer.fit(x, y, epochs=1, callbacks=[log])
    assert len((own / "log.csv").read_text().splitlines()) == 1 + 1
    assert len((other / "log.csv").read_text().splitlines()) == 1 + 2

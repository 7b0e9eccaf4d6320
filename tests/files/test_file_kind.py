"""Files of another kind are not replaced, whatever writes to their path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest

X, Y = cnnx.data.xo(16, size=16, seed=1)
LABELS = b"file,label\na.png,cat\n"


def network() -> cnnx.Model:
    return cnnx.models.small((16, 16, 1), ["X", "O"])


def fit(**settings: Any) -> None:
    trainer = cnnx.Trainer(network(), seed=1)
    trainer.fit(X, Y, epochs=1, batch_size=8, validation=0.5, verbose=False, **settings)


def log(path: Path) -> None:
    fit(callbacks=[cnnx.callbacks.CSVLog(path)])


def best(path: Path) -> None:
    fit(callbacks=[cnnx.callbacks.BestModel(path)])


def checkpoint(path: Path) -> None:
    fit(checkpoint=path)


def report(path: Path) -> None:
    cnnx.report.write(path, network(), (X, Y))


def onnx(path: Path) -> None:
    cnnx.onnx.save(network(), path)


def model(path: Path) -> None:
    network().save(path)


WRITERS: dict[Callable[[Path], None], str] = {
    log: "CSVLog: path is PATH, which exists and is not a log of a training",
    best: "BestModel: path is PATH, which exists and is not a model of cnnx",
    checkpoint: "fit: checkpoint is PATH, which exists and is not a checkpoint of cnnx",
    report: "write: path is PATH, which exists and is not an HTML page",
    onnx: "save: path is PATH, which exists and is not an ONNX file",
    model: "save: path is PATH, which exists and is not a model of cnnx",
}


@pytest.fixture(params=[*WRITERS, "table"], scope="module")
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Path]]:
    """What wrote a file, and the file."""
    path = tmp_path_factory.mktemp("kinds") / "file"
    if request.param == "table":
        path.write_bytes(LABELS)
    else:
        request.param(path)
    return request.param, path


@pytest.mark.parametrize("write", WRITERS)
def test_only_files_of_the_same_kind_are_replaced(
    write: Callable[[Path], None], written: tuple[Any, Path]
) -> None:
    by, path = written
    before = path.read_bytes()
    if by is write or {by, write} == {model, best}:
        write(path)
        return
    sentence = WRITERS[write].replace("PATH", repr(str(path)))
    with pytest.raises(FileExistsError, match=re.escape(sentence)):
        write(path)
    assert path.read_bytes() == before


def test_an_empty_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    log(path)
    assert path.read_bytes().startswith(b"epoch,loss,")


def test_a_page_replaces_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.cnnx"
    network().save(path)
    with pytest.raises(
        FileExistsError, match=r"write: path is .*, which exists and is not an HTML"
    ):
        cnnx.playground.write(path, network())
    assert np.isfinite(cnnx.load(path).predict_proba(X)).all()

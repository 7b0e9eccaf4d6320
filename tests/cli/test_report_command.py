"""`cnnx report`: its page, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx.training.history_file import read_history
from command_line import Run
from page_parts import sections


def test_a_page_is_written_and_named(run: Run, idx: Path, model: Path) -> None:
    outcome = run("report", model, idx, "--threads", 1)
    assert (outcome.status, outcome.out) == (0, "saved report.html\n"), outcome.err
    page = Path("report.html").read_text(encoding="utf-8")
    assert f"Report on {model}" in page
    assert "without a history" in sections(page)["curves"].text
    assert f"cnnx report {model} {idx} --threads 1" in sections(page)["reproduce"].text
    assert "<script" not in page


def test_files_of_images_have_their_names(run: Run, classes: Path, model: Path) -> None:
    assert run("report", model, classes, "--out", "page.html").status == 0
    captions = sections(Path("page.html").read_text("utf-8"))["mistakes"].captions
    assert all((classes / "test" / caption[-1]).is_file() for caption in captions)


def test_a_history_is_read_back(run: Run, idx: Path) -> None:
    words = ("--epochs", 2, "--log", "run.csv", "--validation", 0, "--threads", 1)
    assert run("train", idx, *words).status == 0
    history = read_history("run.csv")
    assert len(history) == 2
    assert np.isnan(history.validation_loss).all()
    outcome = run("report", "model.cnnx", idx, "--history", "run.csv")
    assert outcome.status == 0, outcome.err
    text = sections(Path("report.html").read_text("utf-8"))["curves"].text
    assert f"loss after the last epoch: training {history.loss[-1]:.4g}" in text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a,b\n1,2\n", "its first line is none of a log, expected epoch,loss,"),
        (b"\xff\xfe\x00", "is no CSV file, expected a log"),
        (
            b"epoch,loss,accuracy,validation_loss,validation_accuracy,seconds\n1,2,x\n",
            "line 2 is '1,2,x', expected 6 numbers",
        ),
    ],
)
def test_other_files_are_no_history(
    run: Run, idx: Path, model: Path, content: bytes, sentence: str
) -> None:
    Path("run.csv").write_bytes(content)
    run("report", model, idx, "--history", "run.csv").refused(sentence)
    assert not Path("report.html").exists()


def test_wrong_files_are_refused(run: Run, idx: Path, model: Path) -> None:
    Path("report.html").write_text("mine", encoding="utf-8")
    run("report", model, idx).refused("report.html exists; add --overwrite to replace it")
    assert Path("report.html").read_text(encoding="utf-8") == "mine"
    assert run("report", model, idx, "--overwrite").status == 0
    run("report", "missing.cnnx", idx, "--out", "b.html").refused("missing.cnnx")
    run("report", model, idx, "--out", "no/b.html").refused("there is no folder no")
    run("report", model, idx, "--out", "b.html", "--history", "none.csv").refused("none.csv: no")
    run("report", model, idx, "--out", "b.html", "--history", "b.html").refused("are the same file")


def test_models_of_other_kinds_are_refused(run: Run, idx: Path) -> None:
    x, y = cnnx.data.xo(32, size=16, seed=1)
    values = cnnx.models.small((16, 16, 1), 1)
    cnnx.Trainer(values, loss=cnnx.MSE()).fit(x, y.astype(np.float32), epochs=1)
    values.save("values.cnnx")
    run("report", "values.cnnx", idx).refused("predicts values, expected a classifier")
    several = cnnx.models.small((16, 16, 1), 2)
    targets = np.eye(2, dtype=np.float32)[y]
    cnnx.Trainer(several, loss=cnnx.BinaryCrossEntropy()).fit(x, targets, epochs=1)
    several.save("several.cnnx")
    run("report", "several.cnnx", idx).refused("predicts several classes per image, expected one")


def test_a_network_of_one_output_and_one_without_maps_have_reports(run: Run, idx: Path) -> None:
    x, y = cnnx.data.xo(64, size=16, seed=1)
    layers = [cnnx.Flatten(), cnnx.Dense(1)]
    model = cnnx.Model(layers, input_shape=(16, 16, 1))
    cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy()).fit(x, y, epochs=1)
    model.save("one.cnnx")
    outcome = run("report", "one.cnnx", idx)
    assert outcome.status == 0, outcome.err
    parts = sections(Path("report.html").read_text("utf-8"))
    assert "thresholds" in parts
    assert parts["mistakes"].captions
    assert not any("Grad-CAM" in text for text in parts["mistakes"].images)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"model": "model.cnnx"}, "write: model is 'model.cnnx', expected a cnnx.Model"),
        ({"history": 3}, "write: history is 3, expected a History or a CSV file"),
        ({"settings": ["a"]}, "write: settings is .*, expected a mapping"),
        ({"title": None}, "write: title is None, expected text"),
        ({"path": 3}, "write: path is 3, expected a path"),
        ({"data": ["x"]}, "write: data: a batch is 'x', expected"),
    ],
)
def test_arguments_of_write_are_checked(tmp_path: Path, words: dict, sentence: str) -> None:  # type: ignore[type-arg]
    model = cnnx.models.small((16, 16, 1), ["X", "O"])
    given = {"path": tmp_path / "a.html", "model": model, "data": cnnx.data.xo(8, size=16), **words}
    with pytest.raises(TypeError, match=sentence):
        cnnx.report.write(**given)
    assert not (tmp_path / "a.html").exists()


def test_an_evaluation_of_other_classes_is_refused(tmp_path: Path) -> None:
    model = cnnx.models.small((16, 16, 1), ["X", "O"])
    evaluation = cnnx.evaluation.Evaluation([[0.2, 0.3, 0.5]], [1])
    with pytest.raises(ValueError, match="an evaluation of 3 classes, expected the model's 2"):
        cnnx.report.write(tmp_path / "a.html", model, evaluation)
    other = cnnx.evaluation.Evaluation([[0.2, 0.8]], [1], classes=["O", "X"])
    with pytest.raises(ValueError, match="the class 'O', expected the model's 'X' in its place"):
        cnnx.report.write(tmp_path / "a.html", model, other)
    assert not (tmp_path / "a.html").exists()
    cnnx.report.write(tmp_path / "a.html", model, cnnx.evaluation.Evaluation([[0.2, 0.8]], [1]))

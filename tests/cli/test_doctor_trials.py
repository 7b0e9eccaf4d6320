"""`cnnx doctor` with a model, --train and --labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.data.folder import FolderSet
from cnnx.doctor import LabelIssues, label_search
from command_line import Run
from idx_files import write_set


def save(model: cnnx.Model, path: Path) -> Path:
    model.save(path)
    return path


def broken(model: Path, out: Path) -> Path:
    """The model with a NaN."""
    damaged = cnnx.load(model)
    damaged.parameters["dense_1.bias"] = np.full(64, np.nan)
    return save(damaged, out)


def test_a_model_of_one_epoch_predicts_one_class(run: Run, model: Path, classes: Path) -> None:
    outcome = run("doctor", model, classes)
    assert outcome.status == 0
    assert outcome.out.startswith("warning  one-class  all of 60 images of 2 classes")
    assert outcome.out.endswith(f"{model}: 1 warning\n")


def test_a_damaged_model_is_an_error(run: Run, model: Path, classes: Path, tmp_path: Path) -> None:
    damaged = broken(model, tmp_path / "damaged.cnnx")
    outcome = run("doctor", damaged, classes, "--json")
    found = json.loads(outcome.out)
    assert outcome.status == 1
    assert (found["path"], found["model"]) == (str(classes), str(damaged))
    assert [each["check"] for each in found["findings"]] == ["non-finite-parameters"]
    outcome = run("doctor", damaged, classes, "--html", "page.html")
    assert "dense_1.bias" in Path("page.html").read_text(encoding="utf-8")
    run("doctor", damaged, classes, "--html", damaged).refused("are the same file")


def test_a_trial_training_suggests_a_learning_rate(run: Run, model: Path, classes: Path) -> None:
    for words in ((model, classes), (classes,)):
        outcome = run("doctor", *words, "--train")
        assert outcome.status == 0
        assert "suggested learning rate: 0.0" in outcome.out


def test_only_some_files_of_a_folder_are_decoded(
    run: Run, model: Path, classes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    load = FolderSet.load

    def counting(images: FolderSet, *shape: Any) -> cnnx.data.Dataset:
        decoded.append(len(images))
        return load(images, *shape)

    monkeypatch.setattr(FolderSet, "load", counting)
    monkeypatch.setattr("cnnx.cli.doctor_trials._IMAGES", 20)
    assert "all of 20 images of 2 classes" in run("doctor", model, classes).out
    assert decoded == [20]


def test_classes_are_compared(run: Run, model: Path, classes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    for name, source in (("O", "O"), ("T", "X")):
        (folder / name).mkdir(parents=True)
        for file in (classes / "train" / source).glob("*.png"):
            (folder / name / file.name).write_bytes(file.read_bytes())
    outcome = run("doctor", model, folder, "--train")
    assert outcome.status == 1
    assert "error    class-unknown-to-model" in outcome.out
    assert "1 class that the model does not have: T" in outcome.out
    assert "class-without-images" in outcome.out
    assert "learning-rate" not in outcome.out


def test_numbers_of_classes_are_compared(run: Run, idx: Path, tmp_path: Path) -> None:
    images, labels = cnnx.data.xo(30, size=16, seed=1)
    write_set(tmp_path, "train", images[..., 0], (labels + np.arange(30) % 2).astype(np.uint8))
    small = save(cnnx.models.small((16, 16, 1), 2), tmp_path / "model.cnnx")
    assert "class-count" in run("doctor", small, tmp_path).out
    assert run("doctor", small, idx).status == 0


def test_models_of_other_kinds(run: Run, classes: Path, tmp_path: Path) -> None:
    x, y = cnnx.data.xo(8, size=16, seed=1)
    network = cnnx.models.small((16, 16, 1), 2)
    cnnx.Trainer(network, loss=cnnx.MSE()).step(x, np.eye(2)[y])
    regression = save(network, tmp_path / "regression.cnnx")
    assert run("doctor", regression, classes).status == 0
    run("doctor", regression, classes, "--train").refused("predicts no single class per image")
    layers = [cnnx.Flatten(), cnnx.Dense(1)]
    single = cnnx.Model(layers, input_shape=(16, 16, 1), classes=["X", "O"])
    outcome = run("doctor", save(single, tmp_path / "single.cnnx"), classes, "--train")
    assert "learning-rate" in outcome.out
    layers = [cnnx.Flatten(), cnnx.Dense(2), cnnx.Softmax()]
    imported = cnnx.Model(layers, input_shape=(16, 16, 1), classes=["O", "X"])
    outcome = run("doctor", save(imported, tmp_path / "imported.cnnx"), classes, "--train")
    assert "learning-rate" in outcome.out
    maps = cnnx.Model([cnnx.Conv2d(2, 3)], input_shape=(16, 16, 1))
    assert run("doctor", save(maps, tmp_path / "maps.cnnx"), classes).status == 0


def test_suspect_labels_are_listed_by_file(
    run: Run, classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def suspects(x: object, y: np.ndarray, progress: object) -> LabelIssues:
        rows = np.array([40, 2])
        return LabelIssues(rows, 1 - y[rows], np.array([0.1, 0.2]), np.zeros((2, 2), np.int64))

    monkeypatch.setattr("cnnx.doctor.suspect_labels", suspects)
    (tmp_path / "train").symlink_to(classes / "train")
    (tmp_path / "test").symlink_to(classes / "test")
    files = [*sorted((classes / "train/O").iterdir()), *sorted((classes / "train/X").iterdir())]
    names = [f"train/{files[row].parent.name}/{files[row].name}" for row in (40, 2)]
    outcome = run("doctor", ".", "--labels", "--html", "page.html")
    assert outcome.status == 0
    listed = ", ".join(f"{name} ({seems}?)" for name, seems in zip(names, "OX", strict=True))
    assert "2 labels (3.3%) contradict" in outcome.out
    assert f": {listed}; look at them" in outcome.out
    assert f"<figcaption>{names[0]} (O?)" in Path("page.html").read_text(encoding="utf-8")


def test_labels_are_searched_with_networks(
    run: Run, classes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_search, "_FEW", label_search._FEW._replace(least_steps=30))
    first = run("doctor", classes, "--labels")
    assert first.status == 0
    assert run("doctor", classes, "--labels", "--threads", "1").out == first.out


def test_trials_that_cannot_run(run: Run, classes: Path, model: Path, tmp_path: Path) -> None:
    run("doctor", model).refused("is a model, expected its images, too; type .* PATH")
    run("doctor", classes, model).refused("is a folder, expected a model first")
    run("doctor", model, classes, "--labels").refused("--labels needs no model")
    run("doctor", tmp_path / "no.cnnx", classes).refused("no such file")
    (tmp_path / "note.cnnx").write_text("no model")
    run("doctor", tmp_path / "note.cnnx", classes).refused("note.cnnx")
    outcome = run("doctor", classes / "train" / "X", "--labels")
    assert outcome.status == 1
    images, labels = cnnx.data.xo(20, size=16, seed=1)
    write_set(tmp_path, "train", images[..., 0], (labels * 0).astype(np.uint8))
    outcome = run("doctor", tmp_path, "--labels")
    assert outcome.status == 1
    assert "cannot run before the errors are fixed" in outcome.err

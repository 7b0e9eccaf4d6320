"""The command line for a new user: its help, its output and its files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cnnx
import numpy as np
import pytest
from command_line import Run

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")


# --- help and usage


def test_help_shows_an_example(run: Run) -> None:
    outcome = run("--help")
    assert outcome.status == 0
    assert "cnnx train PATH --out model.cnnx" in outcome.out
    for command in ("demo", "train", "lr-find", "evaluate", "predict", "explain", "info", "import"):
        outcome = run(command, "--help")
        assert outcome.status == 0
        assert f"usage: cnnx {command}" in outcome.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train"], "PATH is missing"),
        (["tran", "x"], "tran is no command; type cnnx train"),
        (["train", "x", "--epochs", "0"], "--epochs is 0, expected an integer >= 1"),
        (["train", "x", "--epochs", "many"], "--epochs is many, expected an integer >= 1"),
        (["train", "x", "--learning-rate", "-1"], "--learning-rate is -1, expected a finite"),
        (["train", "x", "--learning-rate", "nan"], "--learning-rate is nan, expected a finite"),
        (["train", "x", "--validation", "1"], "--validation is 1, expected a fraction"),
        (["train", "x", "--seed", "-1"], "--seed is -1, expected an integer from 0 to"),
        (["train", "x", "--seed", str(2**63)], f"--seed is {2**63}, expected an integer from"),
        (["train", "x", "--size", "3x4x5"], "--size is 3x4x5, expected SIDE or"),
        (["train", "x", "--size", "64x"], "--size is 64x, expected SIDE or"),
        (["train", "x", "--mean", "0.5,x"], "--mean is 0.5,x, expected auto, a number or one"),
        (["train", "x", "--std", "0"], "--std is 0, expected auto, a number above 0 or"),
        (["train", "x", "--class-weights", "1,-1"], "--class-weights is 1,-1, expected balanced"),
        (["train", "x", "--optimizer", "best"], "--optimizer is best, expected adam,"),
        (["train", "x", "--schedule", "best"], "--schedule is best, expected drop,"),
        (
            ["train", "x", "--augment", "flip,turn"],
            "--augment has the word 'turn', expected",
        ),
        (["lr-find", "x", "--epochs", "3"], "--epochs is an option of cnnx train"),
    ],
)
def test_wrong_usage_is_status_2(run: Run, words: Sequence[str], sentence: str) -> None:
    run(*words).refused(re.escape(sentence), status=2)


def test_no_command_prints_the_help(run: Run) -> None:
    outcome = run()
    assert outcome.status == 2
    assert "start here" in outcome.err


# --- training, measuring, predicting


@pytest.mark.usefixtures("restore_threads")
def test_train_on_idx_files(run: Run, idx: Path) -> None:
    outcome = run(
        "train", idx, "--model", "lenet", "--epochs", 2, "--batch-size", 32, "--threads", 1
    )
    assert outcome.status == 0
    assert f"{idx}: 800 images, 100 for the test; 2 classes" in outcome.out
    assert re.search(r"lenet: [\d,]+ parameters, input 16 x 16 grey", outcome.out)
    assert "saved model.cnnx" in outcome.out
    accuracy = re.search(r"test accuracy (\d+\.\d\d)% of 100 images", outcome.out)
    assert accuracy is not None
    lines = outcome.err.splitlines()
    assert [line[:10] for line in lines] == ["epoch 1/2:", "epoch 2/2:"]
    assert all("validation accuracy" in line for line in lines)
    model = cnnx.load("model.cnnx")
    assert model.classes is None
    test = cnnx.data.load_idx(idx).test
    assert test is not None
    accuracy_of_model = (model.predict(test.x) == test.y).mean()
    assert float(accuracy[1]) == pytest.approx(100 * accuracy_of_model, abs=0.005)
    measured = run("evaluate", "model.cnnx", idx)
    assert f"accuracy {accuracy_of_model:.2%}" in measured.out
    assert "100 images of" in measured.out


def test_training_twice_on_class_folders_gives_the_same_model(run: Run, classes: Path) -> None:
    for out in ("a.cnnx", "b.cnnx"):
        words = ("train", classes, "--epochs", 1, "--seed", 5, "--validation", 0, "--out", out)
        assert run(*words).status == 0
    assert Path("a.cnnx").read_bytes() == Path("b.cnnx").read_bytes()
    assert cnnx.load("a.cnnx").classes == ["O", "X"]


def test_train_resizes_as_requested(run: Run, classes: Path) -> None:
    assert run("train", classes, "--epochs", 1, "--size", "20x24").status == 0
    assert cnnx.load("model.cnnx").input_shape == (20, 24, 1)


def test_evaluate_prefers_held_out_images(
    run: Run, model: Path, classes: Path, tmp_path: Path
) -> None:
    (tmp_path / "sets").mkdir()
    for name, source in (("train", "train"), ("validation", "test")):
        (tmp_path / "sets" / name).symlink_to(classes / source)
    outcome = run("evaluate", model, "sets")
    assert outcome.status == 0, outcome.err
    assert outcome.out.splitlines()[0].endswith("images of sets/validation")


def test_evaluate_prints_the_confusion_matrix(run: Run, model: Path, classes: Path) -> None:
    outcome = run("evaluate", model, classes)
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert lines[0] == f"20 images of {classes / 'test'}"
    assert lines[3].split() == ["true", "\\", "predicted", "O", "X"]
    counts = np.array([line.split()[1:] for line in lines[4:]], dtype=int)
    assert counts.sum(axis=1).tolist() == [10, 10]
    assert f"accuracy {counts.trace() / 20:.2%}" in lines[1]


def test_predict_prints_label_and_probability(run: Run, model: Path, classes: Path) -> None:
    files = sorted((classes / "test").rglob("*.png"))
    outcome = run("predict", model, *files)
    assert outcome.status == 0
    loaded = cnnx.load(model)
    pixels = np.stack([np.asarray(Image.open(file)) for file in files])
    expected = [
        f"{file}\t{label}\t{row.max():.4f}"
        for file, label, row in zip(
            files, loaded.predict(pixels), loaded.predict_proba(pixels), strict=True
        )
    ]
    assert outcome.out.splitlines() == expected


def test_predict_prints_exact_json(run: Run, model: Path, classes: Path) -> None:
    files = sorted((classes / "test").rglob("*.png"))
    outcome = run("predict", model, *files, "--json")
    assert outcome.status == 0
    loaded = cnnx.load(model)
    pixels = np.stack([np.asarray(Image.open(file)) for file in files])
    for line, file, label, row in zip(
        outcome.out.splitlines(),
        files,
        loaded.predict(pixels),
        loaded.predict_proba(pixels),
        strict=True,
    ):
        assert line.isascii()
        assert json.loads(line) == {
            "file": str(file),
            "label": label,
            "probability": float(row.max()),
            "probabilities": dict(zip(loaded.classes or [], row.tolist(), strict=True)),
        }


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_predict_prints_null_for_numbers_that_are_not_finite(
    run: Run, model: Path, classes: Path, tmp_path: Path, value: float
) -> None:
    loaded = cnnx.load(model)
    loaded.parameters[list(loaded.parameters)[-1]] = [value, value]
    loaded.save(tmp_path / "broken.cnnx")
    file = next((classes / "test" / "X").iterdir())
    outcome = run("predict", tmp_path / "broken.cnnx", file, "--json")
    assert outcome.status == 1
    assert outcome.err == f"cnnx predict: {file}: the model's outputs are not finite\n"
    text = run("predict", tmp_path / "broken.cnnx", file)
    assert (text.status, text.out, text.err) == (1, "", outcome.err)
    run("evaluate", tmp_path / "broken.cnnx", classes).refused("its outputs are not finite")
    prediction = json.loads(outcome.out, parse_constant=pytest.fail)
    assert prediction["label"] is prediction["probability"] is None
    assert set(prediction["probabilities"].values()) == {None}


def test_predict_names_wrong_files_and_predicts_the_others(
    run: Run, model: Path, classes: Path
) -> None:
    good = next((classes / "test" / "X").iterdir())
    Path("text.png").write_text("not an image")
    outcome = run("predict", model, "text.png", good, "missing.png")
    assert outcome.status == 1
    assert outcome.out.startswith(f"{good}\t")
    assert outcome.err.splitlines() == [
        "cnnx predict: text.png: cannot be read as an image",
        "cnnx predict: missing.png: no such file or directory",
    ]


def test_info(run: Run, model: Path) -> None:
    outcome = run("info")
    assert outcome.status == 0
    assert cnnx.__version__ in outcome.out
    assert cnnx.isa() in outcome.out
    assert ("OpenMP" if cnnx.has_threads() else "one thread only") in outcome.out
    outcome = run("info", model)
    assert outcome.status == 0
    assert "conv2d_1" in outcome.out
    assert re.search(r"classes +O, X", outcome.out)
    assert "resize stretch" in outcome.out


@pytest.mark.skipif(os.name == "nt", reason="closes the streams of a POSIX shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_do_not_stop_a_command(closed: str, classes: Path, tmp_path: Path) -> None:
    line = f'exec "$0" -m cnnx train "$1" --epochs 1 {closed}'
    done = subprocess.run(["sh", "-c", line, sys.executable, classes], cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "model.cnnx").exists()


def test_info_says_what_a_model_predicts(run: Run) -> None:
    image = cnnx.Input((8, 8, 1))
    features = cnnx.Flatten()(image)
    outputs = {"kind": cnnx.Dense(3)(features), "size": cnnx.Dense(1)(features)}
    model = cnnx.Model.from_graph(image, outputs)
    cnnx.Trainer(model, loss={"kind": cnnx.CrossEntropy(), "size": cnnx.MSE()})
    model.save("model.cnnx")
    lines = run("info", "model.cnnx").out.splitlines()
    assert "output         kind (3,), classification" in lines
    assert "output         size (1,), regression" in lines
    cnnx.Model([cnnx.Conv2d(2, 1)], input_shape=(8, 8, 1)).save("model.cnnx")
    assert "task           segmentation" in run("info", "model.cnnx").out.splitlines()

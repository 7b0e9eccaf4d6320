"""`cnnx doctor`: lines, JSON, page, exit status and refusals."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx.data import xo
from command_line import Run


def test_clean_data(run: Run, idx: Path, classes: Path) -> None:
    for path in (idx, classes):
        outcome = run("doctor", path)
        assert (outcome.status, outcome.out) == (0, f"{path}: no findings\n")


def test_errors_end_with_status_1(run: Run, classes: Path, tmp_path: Path) -> None:
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    (tmp_path / "pets" / "dog").symlink_to(classes / "train" / "X")
    outcome = run("doctor", "pets")
    assert outcome.status == 1
    assert outcome.out.splitlines() == [
        "error  empty-class  1 class has no images: cat; add images or remove the class",
        "pets: 1 error",
    ]
    outcome = run("doctor", "pets", "--json", "--html", "findings.html")
    assert outcome.status == 1
    assert json.loads(outcome.out)["findings"][0]["examples"] == ["cat"]
    page = (tmp_path / "findings.html").read_text(encoding="utf-8")
    assert "Empty class" in page
    assert "add images or remove the class" in page.replace("Add", "add")


def test_refusals(run: Run, idx: Path, tmp_path: Path) -> None:
    run("doctor", "pets").refused(r"pets: no such file or directory")
    (tmp_path / "empty").mkdir()
    run("doctor", "empty").refused("holds neither IDX files .* nor a subfolder of images")
    (tmp_path / "page.html").write_text("precious")
    run("doctor", idx, "--html", "page.html").refused("add --overwrite to replace it")
    run("doctor", idx, "--html", tmp_path).refused("is a folder, expected a file")
    run("doctor", idx, "--html", "none/page.html").refused("there is no folder none")
    assert (tmp_path / "page.html").read_text() == "precious"
    assert run("doctor", idx, "--html", "page.html", "--overwrite").status == 0
    run("doctor").refused("PATH is missing", status=2)


def test_training_says_what_is_wrong_with_its_images(
    run: Run, classes: Path, tmp_path: Path
) -> None:
    root = tmp_path / "pets"
    shutil.copytree(classes, root)
    first = sorted((root / "train" / "X").iterdir())[0].name
    shutil.copy(root / "train" / "X" / first, root / "test" / "X" / "copy.png")
    shutil.copy(root / "train" / "X" / first, root / "train" / "O" / "copy.png")
    outcome = run("train", "pets", "--epochs", 1)
    assert outcome.status == 0
    assert outcome.err.splitlines()[:-1] == [
        "cnnx train: warning: conflicting-labels: 3 images are equal to one with another label: "
        f"train/O/copy.png = train/X/{first} = test/X/copy.png; correct the labels or remove them",
        "cnnx train: warning: exact-leak: 1 image is equal to one of another set: "
        f"train/O/copy.png = train/X/{first} = test/X/copy.png; remove them from the training "
        "set: they raise the measured accuracy",
    ]


def test_training_names_images_of_arrays(run: Run, tmp_path: Path) -> None:
    x, y = xo(40, size=16, seed=1)
    x[30], y[30] = x[3], y[3]
    np.savez(tmp_path / "xo.npz", x=x, y=y)
    outcome = run("train", "xo.npz", "--epochs", 1)
    assert outcome.status == 0
    assert outcome.err.splitlines()[:-1] == [
        "cnnx train: warning: exact-duplicates: 1 image is equal to another one of the same class: "
        "3 = 30; keep one of each group"
    ]


def test_names_that_are_no_utf8(run: Run, classes: Path, tmp_path: Path) -> None:
    root = tmp_path / "pets"
    shutil.copytree(classes, root)
    try:
        (root / "train" / "X" / os.fsdecode(b"\xff.png")).touch()
    except OSError:
        pytest.skip("the file system refuses such names")
    outcome = run("doctor", "pets", "--html", "page.html")
    assert outcome.status == 1
    assert "train/X/\\udcff.png" in outcome.out
    assert "train/X/\\udcff.png" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_model_is_examined_in_bfloat16(run: Run, idx: Path) -> None:
    layers = [cnnx.Conv2d(8, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(16, 16, 1), seed=1)
    model.parameters["conv2d_1.bias"] = [1000.0] * 8
    weight = model.parameters["dense_1.weight"]
    model.parameters["dense_1.weight"] = weight - weight.mean(axis=0)
    model.save("model.cnnx")
    assert "bfloat16" not in run("doctor", "model.cnnx", idx).out
    outcome = run("doctor", "model.cnnx", idx, "--compute-dtype", "bfloat16")
    assert "warning  bfloat16-precision  bfloat16 changes the outputs by " in outcome.out
    outcome = run("doctor", idx, "--compute-dtype", "bfloat16")
    outcome.refused(f"--compute-dtype needs a model; type .* doctor MODEL {idx} --compute-dtype bf")

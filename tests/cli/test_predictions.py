"""`cnnx predict` of folders and of several labels, and `cnnx evaluate` with damaged files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cnnx
import numpy as np
import pytest
from command_line import Run

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")


def test_predict_classifies_the_images_of_a_folder(run: Run, model: Path, classes: Path) -> None:
    shutil.copytree(classes / "test", "new/deep")
    first = next((classes / "test" / "X").iterdir())
    for name in ("b.png", "a.png", ".hidden.png"):
        shutil.copy(first, Path("new", name))
    Path("new", "notes.txt").write_text("no image")
    outcome = run("predict", model, "new")
    assert outcome.status == 0, outcome.err
    files = [line.split("\t")[0] for line in outcome.out.splitlines()]
    deep = [str(file) for file in sorted(Path("new/deep").rglob("*.png"))]
    assert files == ["new/a.png", "new/b.png", *deep]
    Path("empty").mkdir()
    outcome = run("predict", model, "empty", "new/a.png")
    assert outcome.status == 1
    assert outcome.err == "cnnx predict: empty: holds no images\n"
    assert outcome.out.startswith("new/a.png\t")


def test_predict_names_images_of_other_formats(run: Run, model: Path, classes: Path) -> None:
    shutil.copytree(classes / "test" / "X", "mixed")
    Path("mixed/phone.heic").write_bytes(b"any")
    outcome = run("predict", model, "mixed")
    assert outcome.status == 0, outcome.err
    assert "mixed: 1 image of other formats, such as phone.heic, cannot be read" in outcome.err


@pytest.mark.parametrize("top", [1, 2, 3, 9])
def test_predict_prints_the_most_probable_labels(
    run: Run, classes: Path, tmp_path: Path, top: int
) -> None:
    names = ["a", "b", "c"]
    model = cnnx.models.small((16, 16, 1), names, seed=2)
    model.save(tmp_path / "three.cnnx")
    file = next((classes / "test" / "X").iterdir())
    (row,) = model.predict_proba(np.asarray(Image.open(file))[np.newaxis])
    order = np.argsort(-row, kind="stable")[:top]
    cells = [f"{names[each]}\t{row[each]:.4f}" for each in order]
    outcome = run("predict", tmp_path / "three.cnnx", file, "--top", top)
    assert outcome.out == "\t".join([str(file), *cells]) + "\n"
    outcome = run("predict", tmp_path / "three.cnnx", file, "--top", top, "--json")
    prediction = json.loads(outcome.out)
    assert list(prediction["probabilities"]) == [names[each] for each in order]
    assert prediction["probabilities"][names[order[0]]] == float(row.max())


def test_a_name_with_a_tab_or_newline_leaves_lines_whole(
    run: Run, classes: Path, tmp_path: Path
) -> None:
    cnnx.models.small((16, 16, 1), ["a\tb", "c\nd"]).save(tmp_path / "odd.cnnx")
    shutil.copy(next((classes / "test" / "X").iterdir()), "odd\nfile.png")
    outcome = run("predict", tmp_path / "odd.cnnx", "odd\nfile.png", "--top", 2)
    (line,) = outcome.out.splitlines()
    file, first, _, second, _ = line.split("\t")
    assert file == "odd\\nfile.png"
    assert {first, second} == {"a\\tb", "c\\nd"}
    outcome = run("predict", tmp_path / "odd.cnnx", "odd\nfile.png", "--json")
    assert set(json.loads(outcome.out)["probabilities"]) == {"a\tb", "c\nd"}


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_threads(run: Run, model: Path, classes: Path, command: str) -> None:
    words = (command, model, classes / "test")
    expected = run(*words).out
    outcome = run(*words, "--threads", 3)
    assert outcome.out == expected
    assert cnnx.get_num_threads() == 3


def test_evaluate_skips_unreadable_files(run: Run, model: Path, classes: Path) -> None:
    shutil.copytree(classes / "test", "pets")
    Path("pets", "X", "text.png").write_text("no image")
    run("evaluate", model, "pets").refused("1 file cannot be read as an image: X.text.png")
    outcome = run("evaluate", model, "pets", "--skip-unreadable")
    assert outcome.status == 0
    assert outcome.out.startswith("20 images of pets\n")
    assert outcome.err == f"skipped as unreadable: {Path('X', 'text.png')}\n"

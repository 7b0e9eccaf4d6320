"""`cnnx train --run-dir`: the files of a run in one folder, and its resumption."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
from pathlib import Path

import cnnx
import pytest
from cnnx.training.history_file import read_history
from command_line import Run, start
from page_parts import sections

FILES = ["best.cnnx", "last.cnnx", "log.csv", "report.html", "run.ckpt", "settings.json"]
FAST = ("--batch-size", 32, "--threads", 1)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_run_has_all_of_its_files(run: Run, idx: Path, tmp_path: Path) -> None:
    words = ("--epochs", 2, "--seed", 3, *FAST)
    outcome = run("train", idx, *words, "--run-dir", "runs/first")
    assert outcome.status == 0, outcome.err
    folder = tmp_path / "runs/first"
    assert names(folder) == FILES
    assert "saved runs/first/best.cnnx, of the epoch with the lowest validation loss" in outcome.out
    record = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    assert record["settings"]["seed"] == 3
    assert record["settings"]["learning_rate"] == 0.002
    assert record["settings"]["schedule"] == "drop"
    assert record["environment"]["cnnx"] == cnnx.__version__
    assert record["command"] == shlex.join(
        ["cnnx", "train", str(idx), *map(str, words), "--run-dir", "runs/first"]
    )
    assert len((folder / "log.csv").read_text(encoding="utf-8").splitlines()) == 3
    meant = r"is a folder, .*; did you mean runs/first/best\.cnnx\?$"
    run("explain", "runs/first", "photo.jpg").refused(meant)
    # The folder changes nothing about the training.
    assert run("train", idx, *words, "--out", "alone.cnnx").status == 0
    assert Path("alone.cnnx").read_bytes() == (folder / "last.cnnx").read_bytes()


def test_the_report_is_on_the_best_model_and_the_test_set(run: Run, idx: Path) -> None:
    assert run("train", idx, "--epochs", 2, *FAST, "--run-dir", "a").status == 0
    page = Path("a/report.html").read_text(encoding="utf-8")
    assert "Report on a/best.cnnx" in page
    assert "of 100 images of the test set" in page
    parts = sections(page)
    assert "2 epochs" in parts["curves"].text
    assert ["seed", "0"] in parts["reproduce"].tables[0]
    assert f"cnnx train {idx} --epochs 2" in parts["reproduce"].text
    # The command of its own writes the same page, but for its line among the commands.
    assert run("report", "a/best.cnnx", idx, "--threads", 1, "--out", "b.html").status == 0
    other = sections(Path("b.html").read_text(encoding="utf-8"))
    assert {name for name in parts if parts[name] != other[name]} == {"reproduce"}


def test_without_a_test_set_the_report_is_on_held_out_images(
    run: Run, idx: Path, tmp_path: Path
) -> None:
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"):
        (tmp_path / name).write_bytes((idx / name).read_bytes())
    assert run("train", ".", "--epochs", 1, *FAST, "--run-dir", "a").status == 0
    page = Path("a/report.html").read_text(encoding="utf-8")
    assert "of 80 images of the held-out images" in page
    words = "or see a/report.html on the held-out ones$"
    for command in ("evaluate", "report"):
        err = run(command, "a/best.cnnx", ".").err
        assert re.match(f"cnnx {command}: warning: a/best.cnnx was trained on .*{words}", err)
    # The validation accuracy of the last epoch is measured on the same images.
    accuracy = read_history("a/log.csv").validation_accuracy[-1]
    assert f"{accuracy:.2%} of 80 images" in page
    outcome = run("train", ".", "--epochs", 1, *FAST, "--run-dir", "b", "--validation", 0)
    assert outcome.status == 0
    assert "best.cnnx" not in outcome.out
    assert run("evaluate", "b/last.cnnx", ".").err.endswith("measure on other images\n")
    Path("last.cnnx").write_bytes(Path("b/last.cnnx").read_bytes())
    shutil.copytree(tmp_path, tmp_path / "copy")  # other images, as far as the path says
    for model, images in (("last.cnnx", "."), ("b/last.cnnx", "copy")):
        assert run("evaluate", model, images).err == ""
    assert names(Path("b")) == [name for name in FILES if name != "best.cnnx"]
    assert "of 800 images of the training set" in Path("b/report.html").read_text("utf-8")


def test_a_resumed_run_ends_as_the_whole_one(run: Run, idx: Path) -> None:
    whole = ("train", idx, *FAST, "--schedule", "constant")
    assert run(*whole, "--epochs", 3, "--run-dir", "whole").status == 0
    assert run(*whole, "--epochs", 1, "--run-dir", "part").status == 0
    outcome = run("train", idx, "--resume", "part", "--epochs", 3, "--threads", 1)
    assert outcome.status == 0, outcome.err
    for name in ("last.cnnx", "best.cnnx"):
        assert Path("part", name).read_bytes() == Path("whole", name).read_bytes()
    assert names(Path("part")) == FILES
    assert len(Path("part/log.csv").read_text("utf-8").splitlines()) == 4
    text = sections(Path("part/report.html").read_text("utf-8"))["reproduce"].text
    assert f"cnnx train {idx} --resume part --epochs 3" in text
    # A run that is over is resumed as a checkpoint is: nothing is trained.
    again = run("train", idx, "--resume", "part", "--threads", 1)
    assert again.status == 0
    assert "the run had ended after 3 epochs" in again.err


def test_an_interrupted_run_says_how_to_resume(idx: Path, tmp_path: Path) -> None:
    words = ("train", idx, *FAST, "--epochs", 100_000, "--run-dir", "a")
    process = start(*words, cwd=tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 2/"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the model as trained so far" in err
    assert "a/last.cnnx" in err
    assert f"train {idx} --resume a --threads 1" in err
    assert names(tmp_path / "a") == [name for name in FILES if name != "report.html"]


def test_the_best_model_is_as_trainable_as_the_last_one(run: Run, idx: Path) -> None:
    assert run("train", idx, "--epochs", 1, *FAST, "--run-dir", "a").status == 0
    best = cnnx.load("a/best.cnnx")
    best.freeze("conv*")  # as in the first phase of a fine-tuning
    best.save("a/best.cnnx")
    assert run("train", idx, "--resume", "a", "--threads", 1).status == 0
    assert all(layer.trainable for layer in cnnx.load("a/best.cnnx").layers)


@pytest.mark.parametrize("option", ["--out", "--log", "--checkpoint"])
def test_other_files_are_refused(run: Run, idx: Path, option: str) -> None:
    run("train", idx, "--run-dir", "a", option, "file").refused(
        f"{option} cannot be given with --run-dir a: its file is a/"
    )
    assert not Path("a").exists()


def test_an_existing_run_is_not_replaced(run: Run, idx: Path) -> None:
    assert run("train", idx, "--epochs", 1, *FAST, "--run-dir", "a").status == 0
    Path("a/notes.txt").write_text("mine", encoding="utf-8")
    run("train", idx, "--run-dir", "a").refused("a has a run; resume it with --resume a, add")
    outcome = run("train", idx, "--epochs", 1, *FAST, "--run-dir", "a", "--overwrite")
    assert outcome.status == 0, outcome.err
    assert names(Path("a")) == sorted([*FILES, "notes.txt"])


def test_a_refused_run_removes_nothing(run: Run, idx: Path) -> None:
    assert run("train", idx, "--epochs", 1, *FAST, "--run-dir", "a").status == 0
    before = {name: (Path("a") / name).read_bytes() for name in FILES}
    words = ("train", idx, "--epochs", 1, "--shards", 8, "--batch-size", 4, "--overwrite")
    for places in (
        ("--run-dir", "a"),
        ("--log", "a/log.csv", "--checkpoint", "a/run.ckpt", "--out", "new.cnnx"),
    ):
        run(*words, *places).refused("batch_size is 4, expected at least one image for each of")
        assert {name: (Path("a") / name).read_bytes() for name in FILES} == before
    run(*words[:-1], "--run-dir", "b").refused("batch_size is 4, expected at least one image")
    assert not Path("b").exists()


def test_folders_that_do_not_fit_are_refused(run: Run, idx: Path) -> None:
    Path("full").mkdir()
    Path("full/notes.txt").touch()
    Path("file").touch()
    run("train", idx, "--run-dir", "full").refused("full is not empty, expected a new folder")
    run("train", idx, "--run-dir", "file").refused("--run-dir file is a file, expected a folder")
    run("train", idx, "--resume", "full").refused("there is no settings.json in this folder")
    run("train", idx, "--resume", "file", "--run-dir", "a").refused("resumed run keeps its files")
    run("train", "nowhere", "--run-dir", "a").refused("nowhere")
    assert not Path("a").exists()


def test_a_model_beside_the_settings_of_another_program_has_a_report(
    run: Run, idx: Path, model: Path
) -> None:
    Path("best.cnnx").write_bytes(model.read_bytes())
    Path("settings.json").write_text('{"editor.tabSize": 2}', encoding="utf-8")
    outcome = run("report", "best.cnnx", idx)
    assert outcome.status == 0, outcome.err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"settings": {}, "command": 3}'])
def test_damaged_settings_are_named(run: Run, idx: Path, model: Path, text: str) -> None:
    Path("best.cnnx").write_bytes(model.read_bytes())
    Path("settings.json").write_text(text, encoding="utf-8")
    Path("log.csv").write_text("epoch,loss,accuracy,validation_loss,validation_accuracy,seconds\n")
    run("report", "best.cnnx", idx).refused("settings.json: is damaged, expected the settings of")
    assert not Path("report.html").exists()

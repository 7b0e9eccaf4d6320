"""Runs of `cnnx train`: recipes, checkpoints, logs; and `cnnx lr-find`."""

from __future__ import annotations

import csv
import os
import re
import shlex
import signal
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.cli.recipes import AUGMENTATIONS, augmentation_of, optimizer_of, schedule_of
from command_line import PROGRAM, Run, start

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")


@pytest.mark.parametrize(
    "words", [["--optimizer", name] for name in ("adamw", "muon", "rmsprop", "sgd")]
)
def test_every_optimizer_trains(run: Run, idx: Path, words: list[str]) -> None:
    outcome = run("train", idx, "--epochs", 2, *words)
    assert outcome.status == 0, outcome.err
    accuracy = re.search(r"test accuracy ([\d.]+)%", outcome.out)
    assert accuracy is not None
    assert float(accuracy[1]) > 60


def test_words_select_recipes() -> None:
    assert optimizer_of("sgd", 0.3) == cnnx.SGD(0.3, momentum=0.9, nesterov=True, weight_decay=5e-4)
    assert optimizer_of("adam", None) == cnnx.Adam(2e-3)
    assert schedule_of("drop", 7) == cnnx.StepDecay(0.2, at=[5])
    assert schedule_of("constant", 7) is None
    assert schedule_of("one-cycle", 7) == cnnx.OneCycle()
    assert augmentation_of([], (32, 32, 3)) is None
    assert augmentation_of(["flip"], (32, 32, 3)) == cnnx.data.Augmentation(flip="random")
    every = augmentation_of(list(AUGMENTATIONS), (32, 48, 3))
    assert every is not None
    assert (every.crop_padding, every.cutout, every.shift) == (4, 8, 2.0)


def test_any_network_of_the_package_is_trained_by_its_name(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(5):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number}.png")
    for name, first in (("resnet20", "conv2d_1"), ("fast-cifar", "whitening")):
        words = ("--model", name, "--epochs", 1, "--batch-size", 4, "--overwrite")
        # Nine training images make a last batch of one, and the networks have batch norm.
        outcome = run("train", "pets", *words, "--augment", "flip,crop", "--schedule", "triangular")
        assert outcome.status == 0, outcome.err
        model = cnnx.load("model.cnnx")
        assert model.layers[0].name == first
        assert all(np.isfinite(array).all() for array in model.parameters.values())


def test_a_class_with_one_image_is_no_error(run: Run, tmp_path: Path) -> None:
    for name, count in (("cat", 1), ("dog", 6)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(count):
            Image.new("L", (16, 16), number).save(tmp_path / "pets" / name / f"{number}.png")
    outcome = run("train", "pets", "--epochs", 1)
    assert outcome.status == 0, outcome.err


@pytest.mark.skipif(os.name == "nt", reason="sends the signal of a POSIX terminal")
def test_labels_without_images_are_said(run: Run, tmp_path: Path) -> None:
    x, y = cnnx.data.xo(32, seed=1)
    np.savez(tmp_path / "from_one.npz", x=x, y=y + 1)
    outcome = run("train", tmp_path / "from_one.npz", "--out", tmp_path / "m.cnnx", "--epochs", "1")
    assert outcome.status == 0
    sentence = "1 label has no images: 0; number the classes from 0 without gaps"
    assert f"cnnx train: warning: unused-labels: {sentence}\n" in outcome.err


def test_an_interrupted_run_resumes_to_the_same_model(run: Run, idx: Path, tmp_path: Path) -> None:
    words: tuple[Any, ...] = ("--epochs", 6, "--augment", "affine,light", "--schedule", "cosine")
    checkpoint = ("--checkpoint", "run.ckpt", "--checkpoint-every", 5)
    process = start("train", idx, *words, *checkpoint, "--log", "run.csv", cwd=tmp_path)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("epoch 1/6:")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    line = re.fullmatch(
        r"cnnx train: interrupted; the model as trained so far \([\d,]+ steps\) is in "
        rf"model\.cnnx; resume with {PROGRAM} (train \S+ --resume run\.ckpt --checkpoint-every 5 "
        r"--log run\.csv --out model\.cnnx)",
        err.splitlines()[-1],
    )
    assert line is not None
    outcome = run(*shlex.split(line[1]))
    assert outcome.status == 0, outcome.err
    assert outcome.err.splitlines()[-1].startswith("epoch 6/6:")
    assert "test accuracy" in outcome.out
    assert run("train", idx, *words, "--out", "whole.cnnx").status == 0
    assert Path("model.cnnx").read_bytes() == Path("whole.cnnx").read_bytes()
    with Path("run.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == [str(n) for n in range(1, 7)]
    words = ("--resume", "run.ckpt", "--out", "again.cnnx", "--log", "again.csv")
    again = run("train", idx, *words)
    assert again.status == 0  # nothing was left to do
    assert Path("again.csv").read_bytes() == Path("run.csv").read_bytes()
    assert Path("again.cnnx").read_bytes() == Path("whole.cnnx").read_bytes()


def test_a_validation_folder_is_given_again(run: Run, classes: Path, tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    for name, source in (("train", "train"), ("validation", "test")):
        (tmp_path / "sets" / name).symlink_to(classes / source)
    words = ("train", "sets", "--epochs", 1, "--checkpoint", "run.ckpt")
    assert run(*words).status == 0
    outcome = run("train", "sets", "--resume", "run.ckpt", "--out", "again.cnnx")
    assert outcome.status == 0, outcome.err
    assert Path("model.cnnx").read_bytes() == Path("again.cnnx").read_bytes()
    outcome = run("train", classes, "--resume", "run.ckpt", "--out", "third.cnnx")
    outcome.refused("validation holds no arrays, expected arrays, with which the run was started")


def test_refusals_of_runs(run: Run, idx: Path, classes: Path) -> None:
    words = ("train", idx, "--epochs", 1)
    run(*words, "--checkpoint-every", 3).refused("--checkpoint-every needs --checkpoint FILE or")
    run("train", idx, "--seed", 3, "--resume", "run.ckpt").refused(
        "--seed cannot be given with --resume"
    )
    run("train", idx, "--resume", "run.ckpt").refused("run.ckpt: no such file or directory")
    run(*words, "--checkpoint", "gone/run.ckpt").refused(
        "--checkpoint gone/run.ckpt: there is no f"
    )
    run(*words, "--log", "gone/run.csv").refused("--log gone/run.csv: there is no folder gone")
    run(*words, "--log", ".").refused(r"--log \. is a folder, expected a file such as log\.csv$")
    Path("photo.jpg").write_bytes(b"dear")
    run(*words, "--log", "photo.jpg").refused(
        "photo.jpg exists; add --overwrite to replace it or choose another --log"
    )
    assert Path("photo.jpg").read_bytes() == b"dear"
    both = ("--log", "photo.jpg", "--checkpoint", "paper.doc", "--overwrite")
    Path("paper.doc").write_bytes(b"dear")
    assert run(*words, *both).status == 0
    assert Path("photo.jpg").read_bytes().startswith(b"epoch,loss")
    assert cnnx.Trainer.resume("paper.doc").history.loss
    Path("model.cnnx").unlink()
    assert run(*words, "--checkpoint", "run.ckpt").status == 0
    run(*words, "--checkpoint", "run.ckpt", "--out", "b.cnnx").refused(
        "run.ckpt exists; resume it with --resume run.ckpt, or add --overwrite to replace it"
    )
    outcome = run("train", idx, "--resume", "model.cnnx", "--overwrite")
    outcome.refused(
        "model.cnnx: is no checkpoint but a model; to start from its weights type .* --init"
    )
    run("train", classes, "--resume", "run.ckpt", "--out", "b.cnnx").refused(
        "another data set than the run was started with|classes"
    )


def test_a_learning_rate_that_explodes_saves_no_broken_model(run: Run, idx: Path) -> None:
    words = ("--optimizer", "sgd", "--learning-rate", "1e30", "--checkpoint", "run.ckpt")
    run("train", idx, *words).refused(
        r"in step \d+ of epoch 1 the loss is .*, because .*try a smaller learning rate; "
        r"no model was saved, because its outputs are not finite; an earlier state is in run\.ckpt"
    )
    assert not Path("model.cnnx").exists()
    assert cnnx.load("run.ckpt").input_shape == (16, 16, 1)


def test_a_full_disk_keeps_the_model_elsewhere(
    run: Run, idx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def full(path: bytes, *rest: object) -> None:
        if Path(os.fsdecode(path)).exists():
            raise OSError(28, "No space left on device", os.fsdecode(path))
        Path(os.fsdecode(path)).touch()

    monkeypatch.setattr("cnnx.training.trainer.save_checkpoint", full)
    outcome = run("train", idx, "--checkpoint", "run.ckpt", "--epochs", 2)
    assert outcome.status == 1
    assert outcome.err.splitlines()[-1].startswith(
        "cnnx train: run.ckpt: no space left on device; the model as trained so far (12 steps) is "
        "in model.cnnx"
    )
    assert cnnx.load("model.cnnx").input_shape == (16, 16, 1)


@pytest.mark.parametrize("error", [cnnx.FormatError("x was cut short"), MemoryError()])
def test_an_error_after_some_steps_saves_the_model(
    error: Exception, run: Run, idx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def fail(*_: Any) -> None:  # after some epochs, then also for the images of the last check
        nonlocal calls
        calls += 1
        if calls > 3:
            raise error

    for module in ("training.fit_inputs", "batch_arguments"):
        monkeypatch.setattr(f"cnnx.{module}.check_mapping", fail)
    outcome = run("train", idx, "--epochs", 9)
    assert outcome.status == 1
    assert re.search(
        r"^cnnx train: (x was cut short|not enough memory .*); the model as trained so far "
        r"\([\d,]+ steps\) is in model.cnnx; train it further with ",
        outcome.err.splitlines()[-1],
    )
    assert cnnx.load("model.cnnx").input_shape == (16, 16, 1)


def test_an_error_before_the_first_step_saves_nothing(
    run: Run, idx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise cnnx.FormatError("x was cut short")

    monkeypatch.setattr("cnnx.training.fit_inputs.check_mapping", fail)
    run("train", idx).refused("x was cut short$")
    assert not Path("model.cnnx").exists()


def test_lr_find_suggests_a_rate(run: Run, idx: Path) -> None:
    outcome = run("lr-find", idx, "--optimizer", "sgd", "--seed", 1)
    assert outcome.status == 0, outcome.err
    lines = outcome.out.splitlines()
    found = re.fullmatch(r"suggestion: --learning-rate (\S+)", lines[-1])
    assert found is not None
    assert 1e-5 < float(found[1]) < 10
    assert "      rate  loss" in lines
    trained = run("train", idx, "--optimizer", "sgd", "--learning-rate", found[1], "--epochs", 2)
    assert trained.status == 0


@pytest.mark.parametrize("suggestion", [0.01, 0.23])
def test_lr_find_names_the_usual_rate_beside_one_far_above_it(
    suggestion: float, run: Run, idx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = cnnx.LearningRateRange((1e-6, 10 * suggestion), (1.0, 0.5), suggestion)
    monkeypatch.setattr(cnnx, "lr_find", lambda *_, **__: found)
    last = run("lr-find", idx).out.splitlines()[-1]
    if suggestion > 0.1:
        assert re.fullmatch("note: the usual rate of adam is 0.00[12]; try that first", last)
    else:
        assert last == "suggestion: --learning-rate 0.01"

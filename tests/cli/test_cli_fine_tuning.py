"""`cnnx train --from`, `--freeze` and `--recipe fine-tune` against the calls of Python."""

from __future__ import annotations

import csv
import os
import re
import signal
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx.callbacks import FineTuning
from cnnx.cli.recipes import fine_tuning_of
from command_line import Run, start

pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")


@pytest.fixture
def base(tmp_path: Path) -> cnnx.Model:
    """A model of three classes and images of another size, in base.cnnx."""
    layers = [
        cnnx.Conv2d(4, 3, name="stem"),
        cnnx.BatchNorm2d(),
        cnnx.ReLU(),
        cnnx.GlobalAvgPool2d(),
        cnnx.Dense(3, name="end"),
    ]
    how = cnnx.Preprocessing("crop", 0.5, 0.25)
    model = cnnx.Model(layers, input_shape=(12, 12, 1), classes=["a", "b", "c"], preprocessing=how)
    model.save(tmp_path / "base.cnnx")
    return model


def arrays(model: cnnx.Model) -> dict[str, bytes]:
    return {name: a.tobytes() for name, a in {**model.parameters, **model.buffers}.items()}


def test_the_recipe_is_the_callback_with_warm_up_and_cosine(
    run: Run, classes: Path, base: cnnx.Model
) -> None:
    words = ("--from", "base.cnnx", "--recipe", "fine-tune", "--epochs", 4, "--seed", 3)
    outcome = run("train", classes, *words, "--log", "run.csv")
    assert outcome.status == 0, outcome.err
    assert "base.cnnx: 58 parameters, input 12 x 12 grey" in outcome.out
    model = base.with_classes(["O", "X"], seed=3)
    trainer = cnnx.Trainer(
        model,
        optimizer=cnnx.AdamW(2e-3),
        schedule=cnnx.Warmup(0.5, cnnx.CosineDecay()),
        seed=3,
    )
    images = cnnx.data.load(classes, input_shape=(12, 12, 1), resize="crop")
    trainer.fit(
        images.x, images.y, epochs=4, batch_size=32, validation=0.1, callbacks=[FineTuning()]
    )
    tuned = cnnx.load("model.cnnx")
    assert arrays(tuned) == arrays(model)
    assert (tuned.classes, tuned.preprocessing) == (["O", "X"], base.preprocessing)
    with Path("run.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 4


def test_the_last_layer_is_trained_alone_for_a_quarter_of_the_epochs() -> None:
    found = {epochs: fine_tuning_of(epochs).head_epochs for epochs in (2, 3, 4, 8, 9, 40)}
    assert found == {2: 1, 3: 1, 4: 1, 8: 2, 9: 2, 40: 10}


def test_frozen_layers_keep_their_weights(run: Run, classes: Path, base: cnnx.Model) -> None:
    words = ("train", classes, "--from", "base.cnnx", "--epochs", 1)
    outcome = run(*words, "--freeze", "*", "--freeze", "st*")
    assert outcome.status == 0, outcome.err
    assert "frozen: 2 layers\n" in outcome.out  # without the last one, which is new
    before, after = arrays(base), arrays(cnnx.load("model.cnnx"))
    assert {name for name in after if after[name] != before[name]} == {"end.weight", "end.bias"}
    words = ("train", classes, "--init", "model.cnnx", "--out", "again.cnnx", "--epochs", 1)
    outcome = run(*words, "--freeze", "batch*")
    assert outcome.status == 0, outcome.err
    assert "frozen: 2 layers\n" in outcome.out  # as in model.cnnx
    assert arrays(cnnx.load("again.cnnx"))["stem.weight"] == before["stem.weight"]


@pytest.mark.usefixtures("base")
def test_the_new_last_layer_cannot_be_frozen_alone(run: Run, classes: Path) -> None:
    words = ("train", classes, "--from", "base.cnnx", "--epochs", 1)
    run(*words, "--freeze", "en*").refused(
        r"--freeze en\* matches end alone, the new last layer, .* --freeze stem$"
    )


@pytest.mark.usefixtures("base")
def test_size_and_preprocessing_may_change(run: Run, classes: Path) -> None:
    words = ("train", classes, "--from", "base.cnnx", "--epochs", 1)
    outcome = run(*words, "--mean", 0.25, "--std", 0.5, "--size", "9x11")
    assert outcome.status == 0, outcome.err
    assert cnnx.load("model.cnnx").input_shape == (9, 11, 1)
    assert cnnx.load("model.cnnx").preprocessing == cnnx.Preprocessing("crop", 0.25, 0.5)


def test_an_onnx_file_is_a_start_too(run: Run, classes: Path, base: cnnx.Model) -> None:
    pytest.importorskip("onnx", reason="needs onnx: install the extra onnx")
    cnnx.onnx.save(base, "base.onnx")
    words = ("train", classes, "--epochs", 1, "--freeze", "*")
    for file, out in (("base.cnnx", "one.cnnx"), ("base.onnx", "two.cnnx")):
        outcome = run(*words, "--from", file, "--out", out)
        assert outcome.status == 0, outcome.err
    run(*words, "--from", "base.onnx", "--size", 9, "--out", "three.cnnx").refused(
        r"^cnnx train: --from base\.onnx: its input has shape "
    )
    one, two = cnnx.load("one.cnnx"), cnnx.load("two.cnnx")
    x = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 1), np.uint8)
    assert two.predict_proba(x) == pytest.approx(one.predict_proba(x), abs=1e-5)
    assert two.classes == one.classes


@pytest.mark.usefixtures("base")
@pytest.mark.skipif(os.name == "nt", reason="sends the signal of a POSIX terminal")
def test_an_interrupted_run_resumes_in_its_phase(run: Run, classes: Path, tmp_path: Path) -> None:
    words = ("--from", "base.cnnx", "--recipe", "fine-tune", "--epochs", 40, "--batch-size", 4)
    process = start("train", classes, *words, "--checkpoint", "run.ckpt", cwd=tmp_path)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("epoch 1/40:")  # of the first phase's ten
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    outcome = run("train", classes, "--resume", "run.ckpt")
    assert outcome.status == 0, outcome.err
    assert run("train", classes, *words, "--out", "whole.cnnx").status == 0
    assert Path("model.cnnx").read_bytes() == Path("whole.cnnx").read_bytes()
    assert run("train", classes, "--resume", "run.ckpt").status == 0  # nothing was left to do
    assert Path("model.cnnx").read_bytes() == Path("whole.cnnx").read_bytes()


@pytest.mark.usefixtures("base")
def test_refusals(run: Run, classes: Path) -> None:
    cnnx.Model([cnnx.Conv2d(2, 3), cnnx.GlobalAvgPool2d()], input_shape=(12, 12, 1)).save("b.cnnx")
    Path("text.cnnx").write_text("no model")
    recipe = ("--recipe", "fine-tune")
    refusals = [
        (("--from", "base.cnnx", "--init", "base.cnnx"), "--init cannot be given with --from: --i"),
        (("--from", "base.cnnx", "--model", "lenet"), "--model cannot be given with --from: base."),
        (("--from", "base.cnnx", "--size", 2), r"--from base\.cnnx: "),
        (("--from", "text.cnnx"), r"^cnnx train: text\.cnnx: "),
        (("--from", "gone.cnnx"), r"gone\.cnnx: no such file or directory"),
        (
            ("--from", "b.cnnx"),
            r"--from b\.cnnx: the last layer with parameters, conv2d_1, is a 3x3 convolution, ",
        ),
        (
            ("--from", "base.cnnx", "--freeze", "conv*"),
            r"--freeze: pattern 'conv\*' matches no layer with parameters, expected one such as ",
        ),
        (("--freeze", "conv*"), "--freeze needs --from FILE or --init FILE, a trained model"),
        (recipe, "--recipe fine-tune needs --from FILE, a trained model to start from, or --init"),
        (
            ("--from", "base.cnnx", *recipe, "--schedule", "drop"),
            "--schedule cannot be given with --recipe fine-tune: the recipe has",
        ),
        (
            ("--from", "base.cnnx", *recipe, "--epochs", 1),
            "--epochs is 1, expected at least 2 with --recipe fine-tune",
        ),
        (("--resume", "run.ckpt", "--from", "base.cnnx"), "--from cannot be given with --resume"),
        (("--resume", "run.ckpt", *recipe), "--recipe cannot be given with --resume"),
    ]
    for words, sentence in refusals:
        run("train", classes, *words).refused(sentence)
    assert not Path("model.cnnx").exists()
    cnnx.models.small((12, 12, 1), ["O", "X"]).save("same.cnnx")
    run("train", classes, "--init", "same.cnnx", "--freeze", "*").refused(
        r"--freeze leaves no layer to train, .*; --from same\.cnnx begins with a new last layer"
    )
    assert re.search(r"--from FILE", run("train", "--help").out)

"""`cnnx quantize`: the accuracies, layers and sizes that it prints are those of the models."""

from __future__ import annotations

from pathlib import Path

import cnnx
import pytest
from command_line import Run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, idx: Path) -> Path:
    data = cnnx.data.load(idx)
    model = cnnx.models.small((16, 16, 1), 2)
    cnnx.Trainer(model).fit(data.x, data.y, epochs=4)
    out = tmp_path_factory.mktemp("trained") / "trained.cnnx"
    model.save(out)
    return out


def test_the_test_set_checks_the_accuracy(run: Run, trained: Path, idx: Path) -> None:
    outcome = run("quantize", trained, idx, "--out", "small.cnnx")
    assert outcome.status == 0, outcome.err
    test = cnnx.data.load(idx).test
    before, after = (
        cnnx.evaluation.evaluate(cnnx.load(path), test).accuracy for path in (trained, "small.cnnx")
    )
    sizes = [path.stat().st_size for path in (trained, Path("small.cnnx"))]
    lines = outcome.out.splitlines()
    assert lines[0] == "4 of 4 convolutions and dense layers in int8, 100.0% of their multiply-adds"
    assert lines[1].startswith("256 images for the calibration, ")
    assert lines[2] == f"accuracy {before:.2%} -> {after:.2%} on 100 labelled images"
    assert lines[3].startswith("checked on ")
    assert lines[3].endswith("t10k-*")
    assert lines[4] == f"saved small.cnnx: {sizes[0]:,} -> {sizes[1]:,} bytes"
    assert sizes[1] < 0.35 * sizes[0]
    assert "int8" in run("info", "small.cnnx").out


def test_images_that_do_not_calibrate_check_a_single_set(
    run: Run, model: Path, classes: Path
) -> None:
    Path("images").symlink_to(classes / "train")  # without a test set beside it
    outcome = run("quantize", model, "images", "--out", "small.cnnx")
    assert outcome.status == 0, outcome.err
    count = len(cnnx.data.load(classes / "train").y)
    assert f"{count // 2} images for the calibration" in outcome.out
    assert f"{count - count // 2} other images of images" in outcome.out
    assert f" on {count - count // 2} labelled images" in outcome.out


def test_other_images_check_the_accuracy(run: Run, model: Path, classes: Path) -> None:
    Path("images").symlink_to(classes / "train")
    words = ("--check", "images", "--calibration", "min_max")
    outcome = run("quantize", model, classes, "--out", "small.cnnx", *words)
    assert outcome.status == 0, outcome.err
    count = len(cnnx.data.load(classes / "train").y)
    assert f" on {count} labelled images\nchecked on images\n" in outcome.out


def test_refusals(run: Run, trained: Path, idx: Path) -> None:
    Path("there.cnnx").write_bytes(b"")
    run("quantize", trained, idx, "--out", "there.cnnx").refused("there.cnnx exists")
    run("quantize", trained, idx, "--out", trained).refused("are the same file")
    assert run("quantize", trained, idx, "--out", "small.cnnx").status == 0
    again = run("quantize", "small.cnnx", idx, "--out", "smaller.cnnx")
    again.refused("the model's layer conv2d_1 has int8 weights already, expected a float model")
    layers = [cnnx.Flatten(), cnnx.Dense(1)]
    values = cnnx.Model(layers, input_shape=(16, 16, 1))
    cnnx.Trainer(values, loss=cnnx.MSE())
    values.save("values.cnnx")
    run("quantize", "values.cnnx", idx, "--out", "out.cnnx").refused(
        "predicts values, expected a classifier; use cnnx.quantize from Python"
    )
    assert not Path("out.cnnx").exists()

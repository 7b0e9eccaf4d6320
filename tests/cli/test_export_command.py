"""`cnnx export`: the file of `cnnx.onnx.save`, and refusals."""

from __future__ import annotations

from pathlib import Path

import cnnx
import pytest
from command_line import Run
from small_models import small


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    small(["a", "b", "c"]).save(tmp_path / "model.cnnx")
    return tmp_path / "model.cnnx"


def test_export(run: Run, model_file: Path) -> None:
    out = model_file.with_name("model.onnx")
    outcome = run("export", model_file, "--out", out)
    assert outcome.status == 0
    size = out.stat().st_size
    assert outcome.out == f"{out}: {size:,} bytes, opset 18, input uint8\n"
    own = model_file.with_name("own.onnx")
    cnnx.onnx.save(cnnx.load(model_file), own)
    assert out.read_bytes() == own.read_bytes()


def test_export_with_options(run: Run, model_file: Path) -> None:
    out = model_file.with_name("model.onnx")
    words = ("--input", "float32", "--opset", 20, "--no-labels")
    assert run("export", model_file, "--out", out, *words).status == 0
    own = model_file.with_name("own.onnx")
    cnnx.onnx.save(cnnx.load(model_file), own, input="float32", opset=20, labels=False)
    assert out.read_bytes() == own.read_bytes()


def test_export_refusals(run: Run, model_file: Path) -> None:
    out = model_file.with_name("model.onnx")
    out.write_bytes(b"precious")
    run("export", model_file, "--out", out).refused("add --overwrite to replace it")
    run("export", model_file, "--out", out, "--overwrite", "--opset", 9).refused(
        "opset is 9, expected an integer from 15 to 23"
    )
    run("export", model_file, "--out", model_file, "--overwrite").refused("are the same file")
    run("export", model_file, "--out", model_file.parent).refused("is a folder, expected a file")
    for name, form in (("model-2.cnnx", "cnnx"), ("model.pth", "PyTorch")):
        run("export", model_file, "--out", out.with_name(name)).refused(
            rf"{name} has the extension of {form}, but cnnx export writes ONNX; type --out .*x$"
        )
    run("export", out, "--out", out.with_suffix(".2.onnx")).refused("model.onnx")
    run("export", model_file).refused(
        "--out is missing; type cnnx export MODEL --out FILE", status=2
    )
    assert out.read_bytes() == b"precious"
    assert run("export", model_file, "--out", out, "--overwrite").status == 0

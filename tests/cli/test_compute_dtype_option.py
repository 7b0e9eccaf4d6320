"""`cnnx train --compute-dtype`, and what `cnnx info` says about bfloat16."""

from __future__ import annotations

import json
from pathlib import Path

import cnnx
import pytest
from cnnx import _core
from command_line import Run

FAST = ("--epochs", 1, "--batch-size", 64, "--threads", 1)
BFLOAT16 = ("--compute-dtype", "bfloat16")
CAUTION = "warning: --compute-dtype is bfloat16, but this CPU has no instructions for it: "


@pytest.fixture(autouse=True)
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """No warning, whatever this CPU has."""
    monkeypatch.setattr(_core, "has_native_bfloat16", lambda: True)


def dtype_of(file: str) -> str:
    return cnnx.load(file).compute_dtype


def settings_of(folder: str) -> str:
    record = json.loads(Path(folder, "settings.json").read_text(encoding="utf-8"))
    dtype: str = record["settings"]["compute_dtype"]
    return dtype


def test_help_says_where_it_is_slower(run: Run) -> None:
    words = " ".join(run("train", "--help").out.split())
    assert "small networks on small images are slower" in words


def test_a_model_is_trained_in_it(run: Run, idx: Path) -> None:
    outcome = run("train", idx, *FAST, *BFLOAT16)
    assert (outcome.status, CAUTION in outcome.err) == (0, False), outcome.err
    assert ", computes in bfloat16\n" in outcome.out
    assert dtype_of("model.cnnx") == "bfloat16"
    other = run("train", idx, *FAST, "--out", "other.cnnx")
    assert "computes in" not in other.out
    assert dtype_of("other.cnnx") == "float32"


def test_a_model_with_another_mean_keeps_it(run: Run, idx: Path) -> None:
    assert run("train", idx, *FAST, *BFLOAT16, "--mean", "auto").status == 0
    assert dtype_of("model.cnnx") == "bfloat16"


def test_a_resumed_run_keeps_it(run: Run, idx: Path) -> None:
    assert run("train", idx, *FAST, *BFLOAT16, "--run-dir", "a", "--seed", 1).status == 0
    assert settings_of("a") == "bfloat16"
    outcome = run("train", idx, "--resume", "a", "--epochs", 2, "--threads", 1)
    assert outcome.status == 0, outcome.err
    assert ", computes in bfloat16\n" in outcome.out
    assert dtype_of("a/last.cnnx") == "bfloat16"
    assert settings_of("a") == "bfloat16"
    refused = run("train", idx, "--resume", "a", *BFLOAT16)
    refused.refused("--compute-dtype cannot be given with --resume: a resumed run keeps its")


@pytest.mark.parametrize("option", ["--init", "--from"])
def test_a_model_file_decides_unless_the_option_does(run: Run, idx: Path, option: str) -> None:
    assert run("train", idx, *FAST, *BFLOAT16).status == 0
    start = (option, "model.cnnx", *FAST)
    assert run("train", idx, *start, "--run-dir", "same").status == 0
    assert (dtype_of("same/last.cnnx"), settings_of("same")) == ("bfloat16", "bfloat16")
    assert run("train", idx, *start, "--compute-dtype", "float32", "--run-dir", "b").status == 0
    assert (dtype_of("b/last.cnnx"), settings_of("b")) == ("float32", "float32")


def test_other_words_are_refused(run: Run, idx: Path) -> None:
    outcome = run("train", idx, *FAST, "--compute-dtype", "float16")
    outcome.refused("--compute-dtype is float16, expected float32 or bfloat16$", status=2)


def test_lr_find_has_the_option(run: Run, idx: Path) -> None:
    outcome = run("lr-find", idx, "--threads", 1, *BFLOAT16)
    assert outcome.status == 0, outcome.err
    assert ", computes in bfloat16\n" in outcome.out


def test_a_warning_on_a_cpu_without_it(
    run: Run, idx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_core, "has_native_bfloat16", lambda: False)
    outcome = run("train", idx, *FAST, *BFLOAT16)
    assert outcome.status == 0
    assert outcome.err.count("no instructions for it") == 1
    assert f"cnnx train: {CAUTION}" in outcome.err
    assert "for speed type --compute-dtype float32" in outcome.err
    assert "bfloat16" not in run("train", idx, *FAST, "--out", "other.cnnx").err


@pytest.mark.parametrize(
    ("level", "native", "int8", "bfloat16"),
    [
        ("amx", True, "amx, native: AMX tiles", "native: AMX tiles"),
        ("avx512_bf16", True, "avx512_bf16, native: AVX-512 VNNI", "native: AVX-512 BF16"),
        ("avx2", False, "avx2, without dot products of bytes: same", "emulated: same bits, slower"),
    ],
)
def test_info_says_how_the_cpu_runs_both(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    level: str,
    native: bool,
    int8: str,
    bfloat16: str,
) -> None:
    monkeypatch.setattr(_core, "integer_isa", lambda: level)
    monkeypatch.setattr(_core, "has_native_bfloat16", lambda: native)
    lines = run("info").out.splitlines()
    assert any(line.startswith(f"int8             {int8}") for line in lines)
    assert any(line.startswith(f"bfloat16         {bfloat16}") for line in lines)


def test_info_on_a_model(run: Run, tmp_path: Path) -> None:
    model = cnnx.models.lenet5()
    model.save("float32.cnnx")
    model.compute_dtype = "bfloat16"
    model.save("bfloat16.cnnx")
    assert "\ncomputes in    bfloat16, native: " in run("info", "bfloat16.cnnx").out
    assert "bfloat16" not in run("info", "float32.cnnx").out.replace("bfloat16.cnnx", "")


def test_a_warning_of_a_model_that_it_changes(run: Run, idx: Path) -> None:
    layers = [cnnx.Conv2d(8, 3), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    model = cnnx.Model(layers, input_shape=(16, 16, 1), classes=["0", "1"], seed=1)
    model.parameters["conv2d_1.bias"] = [1000.0] * 8
    weight = model.parameters["dense_1.weight"]
    model.parameters["dense_1.weight"] = weight - weight.mean(axis=0)
    model.save("model.cnnx")
    words = ("--init", "model.cnnx", *FAST, "--learning-rate", 1e-9, "--out", "out.cnnx")
    assert "bfloat16-precision" not in run("train", idx, *words).err
    outcome = run("train", idx, *words, *BFLOAT16, "--overwrite")
    assert outcome.status == 0
    assert (
        "cnnx train: warning: bfloat16-precision: bfloat16 changes the outputs by " in outcome.err
    )

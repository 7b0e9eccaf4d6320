"""Model.compute_dtype: which copies and files keep it, which words and models it refuses."""

from __future__ import annotations

import copy
import json
import pickle
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx import _core
from comparison import assert_same_bits
from model_file_parts import read_parts, write_parts
from quantized_networks import plain

X = np.random.default_rng(0).random((6, 16, 16, 3), dtype=np.float32)


@pytest.fixture
def model() -> cnnx.Model:
    layers = [cnnx.Conv2d(8, 3), cnnx.ReLU(), cnnx.AvgPool2d(14), cnnx.Flatten(), cnnx.Dense(3)]
    made = cnnx.Model(layers, input_shape=(16, 16, 3), classes=["a", "b", "c"], seed=1)
    made._core.compute_dtype = "bfloat16"
    return made


def in_float32(model: cnnx.Model) -> cnnx.Model:
    copied = model.clone()
    copied.compute_dtype = "float32"
    return copied


def test_bfloat16_rounds_and_stays_close(model: cnnx.Model) -> None:
    rounded, exact = model(X), in_float32(model)(X)
    assert (rounded != exact).any()
    np.testing.assert_allclose(rounded, exact, atol=0.02 * float(np.abs(exact).max()))
    model.compute_dtype = "float32"
    assert_same_bits(model(X), exact)


def test_layer_outputs_are_those_of_float32(model: cnnx.Model) -> None:
    expected = in_float32(model).layer_outputs(X)
    for name, outputs in model.layer_outputs(X).items():
        assert_same_bits(outputs, expected[name])


COPIES: dict[str, Callable[[cnnx.Model], cnnx.Model]] = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "clone": cnnx.Model.clone,
    "resized": lambda model: model.resized(16),
    "with_classes": lambda model: model.with_classes(5),
    "with_preprocessing": lambda model: model.with_preprocessing(cnnx.Preprocessing(mean=0.5)),
    "with_new_weights": cnnx.Model.with_new_weights,
    "until": lambda model: model.until("relu_1"),
}


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_copies_keep_it(model: cnnx.Model, name: str, dtype: str) -> None:
    model._core.compute_dtype = dtype
    assert COPIES[name](model).compute_dtype == dtype


def test_a_file_keeps_it(model: cnnx.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.cnnx")
    again = cnnx.load(tmp_path / "model.cnnx")
    assert again.compute_dtype == "bfloat16"
    assert_same_bits(again(X), model(X))
    graph = json.loads(read_parts(tmp_path / "model.cnnx")[0]["__metadata__"]["cnnx.graph"])
    assert graph["compute_dtype"] == "bfloat16"


def test_a_file_in_float32_has_no_such_member(model: cnnx.Model, tmp_path: Path) -> None:
    in_float32(model).save(tmp_path / "model.cnnx")
    graph = json.loads(read_parts(tmp_path / "model.cnnx")[0]["__metadata__"]["cnnx.graph"])
    assert "compute_dtype" not in graph
    assert cnnx.load(tmp_path / "model.cnnx").compute_dtype == "float32"


def rewritten(path: Path, word: object) -> Path:
    """A file whose graph has another word."""
    header, data = read_parts(path)
    graph = json.loads(header["__metadata__"]["cnnx.graph"])
    graph["compute_dtype"] = word
    header["__metadata__"]["cnnx.graph"] = json.dumps(graph)
    write_parts(path, header, data)
    return path


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        (
            "float16",
            r'model\.cnnx: cnnx\.graph\.compute_dtype: unknown word "float16", expected one of '
            '"float32", "bfloat16"$',
        ),
        ("BFLOAT16", 'unknown word "BFLOAT16"'),
        (16, "compute_dtype"),
        (None, "compute_dtype"),
    ],
)
def test_other_words_in_a_file_are_refused(
    model: cnnx.Model, tmp_path: Path, word: object, sentence: str
) -> None:
    model.save(tmp_path / "model.cnnx")
    with pytest.raises(cnnx.FormatError, match=sentence):
        cnnx.load(rewritten(tmp_path / "model.cnnx", word))


def test_a_file_of_a_quantized_model_in_bfloat16_is_refused(tmp_path: Path) -> None:
    plain().save(tmp_path / "model.cnnx")
    with pytest.raises(cnnx.FormatError, match="compute_dtype is bfloat16, but layer quantize_1 "):
        cnnx.load(rewritten(tmp_path / "model.cnnx", "bfloat16"))


@pytest.mark.parametrize("word", ["float16", "bf16", "", None, 16, np.float32])
def test_other_words_are_refused(model: cnnx.Model, word: str) -> None:
    with pytest.raises(ValueError, match="expected 'float32' or 'bfloat16'") as refused:
        model.compute_dtype = word
    assert str(refused.value).startswith("model: compute_dtype is ")
    assert model.compute_dtype == "bfloat16"


def test_a_quantized_model_is_refused() -> None:
    model = plain()
    sentence = "layer quantize_1 is quantized, expected float32 or a model before quantize"
    with pytest.raises(ValueError, match=sentence):
        model.compute_dtype = "bfloat16"
    assert model.compute_dtype == "float32"
    model.compute_dtype = "float32"


def test_quantization_works_from_the_float32_weights(model: cnnx.Model) -> None:
    x = np.random.default_rng(1).random((2000, 16, 16, 3), dtype=np.float32)
    model.parameters["dense_1.bias"] = -in_float32(model)(x).mean(axis=0)  # small margins
    y = in_float32(model)(x).argmax(axis=1)
    assert (model(x).argmax(axis=1) != y).any()
    reports = [
        cnnx.quantization.quantize_with_report(each, X, check=(x, y), max_accuracy_drop=1)
        for each in (model, in_float32(model))
    ]
    assert reports[0].model.compute_dtype == "float32"
    assert reports[0].check is not None
    assert reports[0].check.before == 1
    assert_same_bits(reports[0].model(X), reports[1].model(X))
    assert model.compute_dtype == "bfloat16"


def test_the_summary_says_it(model: cnnx.Model) -> None:
    assert model.summary().splitlines()[-1] == "computes in bfloat16"
    assert "bfloat16" not in in_float32(model).summary()
    assert "bytes, computes in bfloat16" in model._repr_html_()
    assert "bfloat16" not in in_float32(model)._repr_html_()


def test_a_warning_where_the_cpu_emulates_it(
    model: cnnx.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_core, "has_native_bfloat16", lambda: False)
    with pytest.warns(cnnx.Warning, match="no instructions for it: results have the same bits"):
        model.compute_dtype = "bfloat16"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.compute_dtype = "float32"
        monkeypatch.setattr(_core, "has_native_bfloat16", lambda: True)
        model.compute_dtype = "bfloat16"


def test_instructions_are_those_of_the_level() -> None:
    assert cnnx.has_native_bfloat16() == (cnnx.integer_isa() in ("amx", "avx512_bf16"))


def test_other_threads_run_while_it_waits_for_a_prediction() -> None:
    layers = [cnnx.Conv2d(64, 3), cnnx.Conv2d(64, 3), cnnx.GlobalAvgPool2d()]
    model = cnnx.Model(layers, input_shape=(64, 64, 3))
    count = 64
    ticks, is_over = [0], threading.Event()

    def tick() -> None:
        while not is_over.wait(0.001):
            ticks[0] += 1

    clock = threading.Thread(target=tick)
    clock.start()
    waited, ticked = 0.0, 0
    while waited < 0.05:  # the prediction may be over before
        count *= 2
        x = np.zeros((count, 64, 64, 3), np.float32)
        prediction = threading.Thread(target=model, args=(x,))
        prediction.start()
        time.sleep(0.01)
        before, begun = ticks[0], time.perf_counter()
        model.compute_dtype = "float32"
        waited, ticked = time.perf_counter() - begun, ticks[0] - before
        prediction.join()
    is_over.set()
    clock.join()
    assert ticked > 5

"""What a model computes with, through the C interface."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import cnnx
import numpy as np
import pytest
from c_functions import INVALID_ARGUMENT, UINT8, CApi
from comparison import assert_same_bits

C = CApi()
LAYERS = "conv2d out_channels=8 kernel_size=3\nrelu\nmax_pool2d kernel_size=2\nflatten\n"
LAYERS += "dense out_features=3"
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)


@pytest.fixture
def model() -> Iterator[ctypes.c_void_p]:
    handle = C.made(C.model_create, LAYERS, 16, 16, 3, None, 0, "seed=3")
    yield handle
    C.model_destroy(handle)


def outputs_of(handle: ctypes.c_void_p) -> np.ndarray:
    outputs = np.zeros((4, 3), np.float32)
    C.ok(C.model_run(handle, PIXELS.ctypes.data, UINT8, 4, outputs, outputs.size))
    return outputs


def test_it_is_float32_and_can_be_set(model: ctypes.c_void_p, tmp_path: Path) -> None:
    assert C.text(C.model_compute_dtype, model) == "float32"
    exact = outputs_of(model)
    C.ok(C.model_set_compute_dtype(model, "bfloat16"))
    assert C.text(C.model_compute_dtype, model) == "bfloat16"
    assert (outputs_of(model) != exact).any()
    C.ok(C.model_save(model, tmp_path / "model.cnnx"))
    ours = cnnx.load(tmp_path / "model.cnnx")
    assert ours.compute_dtype == "bfloat16"
    assert_same_bits(ours(PIXELS), outputs_of(model))
    again = C.made(C.model_load, tmp_path / "model.cnnx")
    assert C.text(C.model_compute_dtype, again) == "bfloat16"
    C.model_destroy(again)
    C.ok(C.model_set_compute_dtype(model, "float32"))
    assert_same_bits(outputs_of(model), exact)


@pytest.mark.parametrize("word", ["float16", "", "BFLOAT16", "bfloat16 "])
def test_other_words_are_refused(model: ctypes.c_void_p, word: str) -> None:
    sentence = f'^cnnx_model_set_compute_dtype: dtype is "{word}", expected float32 or bfloat16$'
    C.refused(C.model_set_compute_dtype(model, word), INVALID_ARGUMENT, sentence)
    assert C.text(C.model_compute_dtype, model) == "float32"


def test_a_quantized_model_is_refused() -> None:
    layers = "quantize scale=0.004\nflatten\ndense out_features=3"
    handle = C.made(C.model_create, layers, 16, 16, 3, None, 0, None)
    sentence = "layer quantize_1 is quantized, expected float32 or a model before quantize"
    C.refused(C.model_set_compute_dtype(handle, "bfloat16"), INVALID_ARGUMENT, sentence)
    C.model_destroy(handle)

"""ONNX files of models that compute in bfloat16: float32 graphs whose metadata restore it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from comparison import assert_same_bits

onnx: Any = pytest.importorskip("onnx")

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 12, 12, 3), np.uint8)


def network(dtype: str, *layers: cnnx.layers.Layer) -> cnnx.Model:
    all_layers = [cnnx.Conv2d(8, 3), cnnx.ReLU(), *layers, cnnx.Flatten(), cnnx.Dense(3)]
    model = cnnx.Model(all_layers, input_shape=(12, 12, 3), seed=1)
    model._core.compute_dtype = dtype
    return model


# ONNX cannot express the algorithm, so the check of the exported graph runs both models.
@pytest.mark.parametrize("layers", [(), (cnnx.Conv2d(4, 3, algorithm="direct"),)])
def test_the_graph_is_that_of_float32(
    layers: tuple[cnnx.layers.Layer, ...], tmp_path: Path
) -> None:
    files = {}
    for dtype in ("float32", "bfloat16"):
        cnnx.onnx.save(network(dtype, *layers), tmp_path / f"{dtype}.onnx")
        files[dtype] = onnx.load(tmp_path / f"{dtype}.onnx")
    assert files["bfloat16"].graph == files["float32"].graph
    texts = {name: {each.key: each.value for each in files[name].metadata_props} for name in files}
    assert texts["bfloat16"] == {**texts["float32"], "cnnx.compute_dtype": '"bfloat16"'}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_loaded_file_computes_as_the_model_did(dtype: str, tmp_path: Path) -> None:
    model = network(dtype)
    cnnx.onnx.save(model, tmp_path / "model.onnx")
    again = cnnx.onnx.load(tmp_path / "model.onnx")
    assert again.compute_dtype == dtype
    assert_same_bits(again(PIXELS), model(PIXELS))


@pytest.mark.parametrize("text", ['"float16"', "16", "[", '["bfloat16"]'])
def test_other_words_are_refused(text: str, tmp_path: Path) -> None:
    cnnx.onnx.save(network("bfloat16"), tmp_path / "model.onnx")
    file = onnx.load(tmp_path / "model.onnx")
    for each in file.metadata_props:
        if each.key == "cnnx.compute_dtype":
            each.value = text
    onnx.save(file, tmp_path / "model.onnx")
    with pytest.raises(cnnx.FormatError, match=r"its cnnx\.compute_dtype is "):
        cnnx.onnx.load(tmp_path / "model.onnx")

"""Models that cnnx wrote as ONNX files come back: layers, names, arrays, outputs, metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import layer_kinds
import numpy as np
import pytest
from onnx_exports import random_pixels

pytest.importorskip("onnx", reason="needs onnx: install the extra onnx")

OMITTED = {"dropout"}  # kinds that are not in the files, because they do nothing in inference


def round_trip(model: cnnx.Model, folder: Path, **settings: Any) -> cnnx.Model:
    path = folder / "model.onnx"
    cnnx.onnx.save(model, path, **settings)
    return cnnx.onnx.load(path)


def layer_list(model: cnnx.Model) -> list[tuple[str, str]]:
    return [(layer.name, layer.kind) for layer in model.layers if layer.kind not in OMITTED]


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("kind", layer_kinds.KINDS)
def test_every_kind_of_layer_comes_back(kind: str, changed: bool, tmp_path: Path) -> None:
    first = cnnx.Conv2d(4, 3, padding=1, name="first")
    model = layer_kinds.model(kind, first, changed=changed)
    again = round_trip(model, tmp_path, opset=21)
    pixels = random_pixels(model)
    expected, got = model(pixels), again(pixels)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    by_one = (kind, changed) == ("upsample2d", False)  # which is not in the file
    if not by_one and kind != "input_part":  # several layers, unless it reads an input
        assert layer_list(again) == layer_list(model)


NETWORKS = {
    "small": lambda: cnnx.models.small((32, 32, 1), ["X", "O"]),
    "resnet20": lambda: cnnx.models.resnet20((32, 32, 3), list("abcdefghij")),
    "mobilenet_v2": lambda: cnnx.models.mobilenet_v2((32, 32, 3), list("abc")),
    "mobilenet_v3_small": lambda: cnnx.models.mobilenet_v3_small((64, 64, 3), list("abc")),
}


@pytest.mark.parametrize("pixels_in_file", ["uint8", "float32"])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_come_back_with_the_same_bits(
    name: str, pixels_in_file: str, tmp_path: Path
) -> None:
    model = NETWORKS[name]()
    again = round_trip(model, tmp_path, input=pixels_in_file)
    assert layer_list(again) == layer_list(model)
    assert again.classes == model.classes
    assert again.preprocessing == model.preprocessing
    pixels = random_pixels(model)
    assert np.array_equal(again(pixels), model(pixels))


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [(cnnx.BinaryCrossEntropy(), 1), (cnnx.BinaryCrossEntropy(), 3), (cnnx.MSE(), 2)],
)
def test_the_meaning_of_the_outputs_comes_back(loss: Any, outputs: int, tmp_path: Path) -> None:
    layers = [cnnx.Conv2d(4, 3), cnnx.GlobalAvgPool2d(), cnnx.Dense(outputs)]
    model = cnnx.Model(layers, input_shape=(8, 8, 1))
    cnnx.Trainer(model, loss=loss)
    pixels = random_pixels(model)
    again = round_trip(model, tmp_path)
    assert np.array_equal(again.predict(pixels), model.predict(pixels))
    assert again._core.probability_kind == model._core.probability_kind


def test_a_mean_and_deviation_come_back_beside_a_scale_of_the_network(tmp_path: Path) -> None:
    layers = [cnnx.Scale2d(), cnnx.Conv2d(4, 3), cnnx.Flatten(), cnnx.Dense(2)]
    preprocessing = cnnx.Preprocessing("fit", mean=(0.5, 0.25, 0.125), std=(0.1, 0.2, 0.3))
    model = cnnx.Model(layers, input_shape=(6, 5, 3), preprocessing=preprocessing)
    model.parameters["scale2d_1.weight"] = [0.5, 1.5, 2.0]
    again = round_trip(model, tmp_path)
    assert again.preprocessing == model.preprocessing
    assert layer_list(again) == layer_list(model)
    pixels = random_pixels(model)
    assert np.array_equal(again(pixels), model(pixels))

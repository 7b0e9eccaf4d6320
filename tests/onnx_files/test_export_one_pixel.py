"""Networks with sides of one pixel as ONNX files, which importers cannot tell from features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cnnx.layers.base import Symbol
from cnnx.onnx.export_layers import EXPORTERS
from cnnx.onnx.export_windows import averages
from onnx_exports import assert_onnx_runtime_agrees, random_pixels
from onnx_models import OnnxModel, check, kinds

Part = Callable[[cnnx.Input], Symbol]


def assert_comes_back(model: cnnx.Model, file: Path) -> None:
    assert_onnx_runtime_agrees(model)
    cnnx.onnx.save(model, file)
    loaded = cnnx.onnx.load(file)
    images = random_pixels(model)
    assert [layer.kind for layer in loaded.layers] == [layer.kind for layer in model.layers]
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.usefixtures("onnx_runtime")
@pytest.mark.parametrize("size", [(2, 4), (4, 1), (1, 3), (3, 3)])
@pytest.mark.parametrize("shape", [(2, 1, 3), (1, 1, 1), (1, 4, 1), (1, 1, 3)])
def test_adaptive_pools_repeat_one_pixel(
    shape: tuple[int, int, int], size: tuple[int, int], tmp_path: Path
) -> None:
    pool = cnnx.Model([cnnx.AdaptiveAvgPool2d(size), cnnx.Tanh()], input_shape=shape)
    assert_comes_back(pool, tmp_path / "model.onnx")


IMAGES: dict[str, Part] = {
    "parameter of one pixel": lambda image: cnnx.Parameter((1, 1), 3)(image),
    "parameter of two rows": lambda image: cnnx.Parameter((2, 1), 3)(image),
    "gates": lambda image: cnnx.Multiply()(image, cnnx.Sigmoid()(cnnx.GlobalAvgPool2d()(image))),
}
READERS: dict[str, Callable[[Symbol], Symbol]] = {
    "nothing": lambda image: cnnx.Tanh()(image),
    "adaptive pool": lambda image: cnnx.AdaptiveAvgPool2d((3, 1))(image),
    "upsampling": lambda image: cnnx.Upsample2d(size=(2, 4))(image),
    "edges": lambda image: cnnx.Pad2d(((1, 0), (1, 1)), mode="edge")(image),
}


@pytest.mark.usefixtures("onnx_runtime")
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("part", IMAGES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 1), (2, 1, 3)])
def test_images_of_one_pixel_stay_images(
    shape: tuple[int, int, int], part: str, reader: str, tmp_path: Path
) -> None:
    image = cnnx.Input(shape)
    model = cnnx.Model.from_graph(image, READERS[reader](IMAGES[part](image)))
    assert_comes_back(model, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "layer",
    [cnnx.ChannelShuffle(2), cnnx.SliceChannels(0, 2), cnnx.ZeroPad2d(0), cnnx.Reshape((2, 1), 2)],
)
def test_a_network_that_computes_nothing_is_written(
    layer: cnnx.layers.Layer, tmp_path: Path
) -> None:
    cnnx.onnx.save(cnnx.Model([layer], input_shape=(2, 1, 2)), tmp_path / "model.onnx")


def test_a_graph_that_the_importer_refuses_is_a_refusal_of_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXPORTERS, "relu", lambda layer: layer.last("Erf", layer.x))
    model = cnnx.Model([cnnx.ReLU()], input_shape=(2, 1, 3))
    sentence = r"^save: the graph cannot be checked, and no file was written: .*\n  Erf \(relu_1\)"
    with pytest.raises(cnnx.onnx.UnsupportedError, match=sentence):
        cnnx.onnx.save(model, tmp_path / "model.onnx")
    assert not [*tmp_path.iterdir()]


def test_two_products_along_the_height_are_two_pools() -> None:
    m = OnnxModel(2, 3, 9, 5)
    six = m.node("MatMul", m.constant(averages(9, 6)), "x")
    result = check(m, m.node("MatMul", m.constant(averages(6, 4)), six))
    assert kinds(result) == ["adaptive_avg_pool2d", "adaptive_avg_pool2d"]

"""Models saved as ONNX and loaded again: the same layers, outputs, names and functions."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
import random_graphs
from comparison import assert_same_bits
from graph_networks import NETWORKS, build, with_random_values
from layer_kinds import KINDS, model
from onnx_exports import MODELS, random_pixels
from small_models import build as model_of

pytestmark = pytest.mark.usefixtures("onnx_package")

# Settings that ONNX cannot express, and layers that are computed as others, which round otherwise.
ROUNDS_OTHERWISE = {
    ("conv2d", True),  # algorithm
    ("conv_transpose2d", True),
    ("adaptive_avg_pool2d", False),
    ("adaptive_avg_pool2d", True),
}


@pytest.fixture(scope="session")
def onnx_package() -> None:
    """Skip without the package that reads the files."""
    pytest.importorskip("onnx")


def loaded(model: cnnx.Model, folder: Path, **settings: Any) -> cnnx.Model:
    cnnx.onnx.save(model, folder / "model.onnx", **settings)
    return cnnx.onnx.load(folder / "model.onnx")


def assert_same_model(model: cnnx.Model, back: cnnx.Model, *, bits: bool = True) -> None:
    assert back.input_shape == model.input_shape
    assert back.classes == model.classes
    assert back.preprocessing == model.preprocessing
    assert back._core.probability_kind == model._core.probability_kind
    pixels = random_pixels(model)
    outputs, expected = back(pixels), model(pixels)
    if bits:
        assert_same_bits(outputs, expected)
    else:
        scale = float(np.abs(expected).max()) + 1e-30
        np.testing.assert_allclose(outputs / scale, expected / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("kind", sorted({*KINDS} - {"dropout"}))
def test_a_kind(kind: str, changed: bool, tmp_path: Path) -> None:
    made = with_random_values(model(kind, cnnx.Conv2d(4, 1), changed=changed))
    back = loaded(made, tmp_path, opset=22)
    assert_same_model(made, back, bits=(kind, changed) not in ROUNDS_OTHERWISE)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network(name: str, tmp_path: Path) -> None:
    made = build(name)
    assert_same_model(made, loaded(made, tmp_path))
    assert_same_model(made, loaded(made, tmp_path, input="float32", opset=15))


@pytest.mark.parametrize("seed", range(0, 60, 4))
def test_a_random_graph(seed: int, tmp_path: Path) -> None:
    made = random_graphs.RandomGraph(seed).model()
    assert_same_model(made, loaded(made, tmp_path, opset=19 + seed % 5), bits=False)


@pytest.mark.parametrize("name", MODELS)
def test_a_model(name: str, tmp_path: Path) -> None:
    made = with_random_values(getattr(cnnx.models, name)((32, 32, 3), ["X", "O", "+"]))
    back = loaded(made, tmp_path)
    assert_same_model(made, back)
    assert [*back.parameters] == [*made.parameters]


@pytest.mark.parametrize("momentum", [0.1, 0.01, 0.003, 0.25, 1.0, 0.0])
def test_the_momentum_of_batch_norms(momentum: float, tmp_path: Path) -> None:
    """ONNX has that of the old statistics, 1 - momentum, as a float32."""
    made = model_of(cnnx.Conv2d(2, 3), cnnx.BatchNorm2d(momentum=momentum), cnnx.ReLU())
    back = loaded(made, tmp_path)
    expected = made._core.layers[1][1]["momentum"]
    assert np.float32(back._core.layers[1][1]["momentum"]) == np.float32(expected)


SIZES = [(7, 23), (20, 29), (36, 7), (40, 18), (5, 2), (53, 4), (1, 1)]


@pytest.mark.parametrize("size", SIZES)
def test_a_nearest_size_whose_coordinates_a_float_rounds(
    size: tuple[int, int], tmp_path: Path
) -> None:
    layers = [cnnx.Conv2d(4, 1), cnnx.Upsample2d(size=size)]
    made = cnnx.Model(layers, input_shape=(11, 14, 3))
    assert_same_model(made, loaded(made, tmp_path))


def test_a_model_without_any_operator_is_saved(tmp_path: Path) -> None:
    """The importer refuses such a file, so that the check before it is in place cannot read it."""
    for layer in (cnnx.Dropout(0.5), cnnx.Upsample2d(1)):
        cnnx.onnx.save(model_of(layer), tmp_path / "model.onnx", input="float32")


RESHAPES = {
    "looks like a pixel shuffle of channels": (
        (4, 2, 1),
        [cnnx.Reshape((1, 1), 8), cnnx.ChannelShuffle(2), cnnx.Reshape((2, 2), 2)],
    ),
    "looks like a pixel shuffle of an image": ((4, 4, 3), [cnnx.Reshape((1, 1), 48)]),
    "of one feature": (
        (6, 1, 1),
        [cnnx.GlobalAvgPool2d(), cnnx.Reshape((1, 1), 1), cnnx.Upsample2d((1, 2))],
    ),
}


@pytest.mark.parametrize("case", RESHAPES)
def test_reshapes(case: str, tmp_path: Path) -> None:
    """The layers, which other layers with the same numbers do not replace."""
    shape, layers = RESHAPES[case]
    made = cnnx.Model([*layers, cnnx.ReLU()], input_shape=shape)
    back = loaded(made, tmp_path, input="float32")
    assert_same_model(made, back)
    assert [layer.kind for layer in back.layers] == [layer.kind for layer in made.layers]


LOSSES = {
    "softmax": (cnnx.CrossEntropy(), [0, 1, 0]),
    "sigmoid": (cnnx.BinaryCrossEntropy(), np.eye(3, 2, dtype=np.float32)),
    "none": (cnnx.MSE(), np.eye(3, 2, dtype=np.float32)),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_the_function_of_the_outputs(kind: str, tmp_path: Path) -> None:
    made = model_of(cnnx.Conv2d(2, 3), cnnx.GlobalAvgPool2d())
    loss, targets = LOSSES[kind]
    cnnx.Trainer(made, loss=loss).step(random_pixels(made, 3), targets)
    assert made._core.probability_kind == kind
    assert_same_model(made, loaded(made, tmp_path))


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("resize", ["fit", "stretch"])
def test_preprocessing_and_names(kind: str, resize: Any, tmp_path: Path) -> None:
    made = model_of(
        cnnx.Conv2d(2, 3),
        cnnx.GlobalAvgPool2d(),
        classes=["it's", "O"],
        preprocessing=cnnx.Preprocessing(resize, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    )
    warns = pytest.warns(cnnx.Warning, match="leaves out the preprocessing by mean and std")
    with warns if kind == "float32" else nullcontext():
        again = loaded(made, tmp_path, input=kind)
    assert_same_model(made, again)

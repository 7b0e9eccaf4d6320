"""Models with several inputs as ONNX: ONNX Runtime computes them, and they are imported again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import (
    Add,
    BatchNorm2d,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    GlobalAvgPool2d,
    Input,
    Model,
    ReLU,
)
from comparison import assert_same_bits
from graph_networks import with_random_values
from input_graphs import SEEDS, arrays_for, drawn_model
from onnx_models import OnnxModel

SHAPES = {"image": (8, 6, 3), "depth": (4, 3, 2), "place": (1, 1, 5)}


def scene(*, heads: bool = False) -> Model:
    image, depth, place = (Input(shape) for shape in SHAPES.values())
    far = cnnx.Upsample2d(2)(Conv2d(4, 3, padding="same")(depth))
    maps = ReLU()(BatchNorm2d()(Conv2d(4, 3, padding="same")(Concat()(image, far))))
    features = Concat()(Flatten()(maps), Dense(4)(Flatten()(place)), Flatten()(depth))
    outputs: Any = Dense(3)(features)
    if heads:
        outputs = {"class": outputs, "far": Conv2d(2, 1)(far), "mask": Conv2d(2, 1)(maps)}
    inputs = {"image": image, "depth": depth, "place": place}
    return with_random_values(Model.from_graph(inputs, outputs, seed=1))


def pixels_for(model: Model, count: int) -> dict[str, Any]:
    random = np.random.default_rng(0)
    x: dict[str, Any] = {
        name: random.integers(0, 256, (count, *shape), np.uint8)
        for name, shape in model.inputs.items()
    }
    x["place"] = random.random((count, *SHAPES["place"]), np.float32)
    return x


def run(path: Path, x: dict[str, Any], dtype: str) -> dict[str, Any]:
    """What ONNX Runtime computes, channels last."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = {}
    for each in session.get_inputs():
        array = x[each.name]
        if each.type == "tensor(float)":
            array = array.astype(np.float32) / (255 if array.dtype == np.uint8 else 1)
            array = np.ascontiguousarray(np.moveaxis(array, 3, 1))
        assert (each.type == "tensor(uint8)") == (dtype == "uint8" and each.name != "place")
        given[each.name] = array
    found = session.run(None, given)
    names = [each.name for each in session.get_outputs()]
    assert [each.name for each in session.get_inputs()] == list(x)
    return {
        name: np.moveaxis(array, 1, 3) if array.ndim == 4 else array
        for name, array in zip(names, found, strict=True)
    }


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("count", [1, 5])
def test_onnx_runtime_computes_the_outputs(dtype: Any, count: int, tmp_path: Path) -> None:
    model = scene()
    x = pixels_for(model, count)
    cnnx.onnx.save(model, tmp_path / "model.onnx", input=dtype)
    found = run(tmp_path / "model.onnx", x, dtype)
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(x), atol=2e-6)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_onnx_runtime_computes_several_outputs_of_several_inputs(
    dtype: Any, tmp_path: Path
) -> None:
    model = scene(heads=True)
    x = pixels_for(model, 4)
    cnnx.onnx.save(model, tmp_path / "model.onnx", input=dtype)
    found = run(tmp_path / "model.onnx", x, dtype)
    expected = model.predict_proba(x)
    for name in ("class", "far", "mask"):
        np.testing.assert_allclose(found[name], expected[name], atol=2e-6)


@pytest.mark.parametrize("seed", SEEDS[:20])
def test_onnx_runtime_computes_drawn_graphs(seed: int, tmp_path: Path) -> None:
    model = drawn_model(seed)
    cnnx.onnx.save(model, tmp_path / "model.onnx", input="float32")
    x = arrays_for(model, 3, seed)
    (found,) = run(tmp_path / "model.onnx", x, "float32").values()
    is_classifier = len(model.output_shape) == 1
    expected = model.predict_proba(x) if is_classifier else model(x)
    np.testing.assert_allclose(found, expected, atol=2e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_the_model_comes_back(dtype: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    model = scene()
    cnnx.onnx.save(model, tmp_path / "model.onnx", input=dtype)
    again = cnnx.onnx.load(tmp_path / "model.onnx")
    assert again.inputs == SHAPES
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    x = pixels_for(model, 3)
    assert_same_bits(again(x), model(x))


def test_an_output_comes_back_with_the_inputs_that_it_needs(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    model = scene(heads=True)
    cnnx.onnx.save(model, tmp_path / "model.onnx")
    x = pixels_for(model, 3)
    mask = cnnx.onnx.load(tmp_path / "model.onnx", outputs=["mask"])
    assert mask.inputs == {name: SHAPES[name] for name in ("image", "depth")}
    np.testing.assert_allclose(
        mask({name: x[name] for name in mask.inputs}), model.predict_proba(x)["mask"], atol=1e-5
    )
    far = cnnx.onnx.load(tmp_path / "model.onnx", outputs=["far"])
    assert (far.inputs, far.input_shape) == ({}, SHAPES["depth"])
    np.testing.assert_allclose(far(x["depth"]), model.predict_proba(x)["far"], atol=1e-5)


def test_names_of_inputs_and_outputs_must_differ(tmp_path: Path) -> None:
    a, b = Input((4, 4, 1)), Input((4, 4, 1))
    sums = Add()(Conv2d(1, 1)(a), Conv2d(1, 1)(b))
    model = Model.from_graph({"a": a, "b": b}, {"a": sums, "c": GlobalAvgPool2d()(sums)})
    with pytest.raises(ValueError, match="save: the model has an input and an output named 'a'"):
        cnnx.onnx.save(model, tmp_path / "model.onnx")


def two_input_file(folder: Path) -> Path:
    """A file of another program, whose inputs have names that no layer may have."""
    model = OnnxModel(1, 3, 8, 6)
    weight = model.constant(np.random.default_rng(0).standard_normal((4, 3, 3, 3)))
    first = model.node("Conv", "x", weight, pads=[1, 1, 1, 1])
    second = model.node("Conv", "input", weight, pads=[1, 1, 1, 1])
    output = model.node("Add", first, second)
    proto = model.proto(output)
    proto.graph.input.add().CopyFrom(proto.graph.input[0])
    proto.graph.input[1].name = "input"
    path = folder / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_a_file_of_another_program_is_loaded(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    path = two_input_file(tmp_path)
    model = cnnx.onnx.load(path)
    assert model.inputs == {"x": (8, 6, 3), "input_1": (8, 6, 3)}
    x = arrays_for(model, 1)
    given = {"x": x["x"], "input": x["input_1"]}
    (expected,) = run(path, given, "float32").values()
    np.testing.assert_allclose(model(x), expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"input_shape is .*expected None, because there are 2"):
        cnnx.onnx.load(path, input_shape=(8, 6, 3))
    with pytest.raises(ValueError, match=r"preprocessing is .*expected None, because there are 2"):
        cnnx.onnx.load(path, preprocessing=cnnx.Preprocessing())

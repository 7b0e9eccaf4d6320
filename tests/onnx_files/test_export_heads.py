"""Models with several outputs as ONNX: ONNX Runtime computes each of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import BatchNorm2d, Conv2d, Dense, Flatten, GlobalAvgPool2d, Input, Model, ReLU
from cnnx.model.heads import core_heads

SHAPE = (8, 6, 3)


def trained() -> tuple[Model, np.ndarray[Any, Any]]:
    image = Input(SHAPE)
    maps = ReLU()(BatchNorm2d()(Conv2d(6, 3, padding="same")(image)))
    outputs = {
        "class": Dense(4)(GlobalAvgPool2d()(maps)),
        "box": Dense(4)(Flatten()(maps)),
        "mask": Conv2d(3, 1)(maps),
        "edge": Conv2d(1, 1)(maps),
        "pixels": Flatten()(Conv2d(2, 1)(maps)),
    }
    model = Model.from_graph(image, outputs, seed=1)
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (10, *SHAPE), np.uint8)
    y = {
        "class": random.integers(0, 4, 10),
        "box": random.random((10, 4)),
        "mask": random.integers(0, 3, (10, *SHAPE[:2])),
        "edge": random.integers(0, 2, (10, *SHAPE[:2])),
        "pixels": random.random((10, 96)),
    }
    losses: Any = {
        "class": cnnx.CrossEntropy(),
        "box": (cnnx.L1(), 3),
        "mask": cnnx.losses.Dice(),
        "edge": cnnx.BinaryCrossEntropy(),
        "pixels": cnnx.MSE(),
    }
    cnnx.Trainer(model, loss=losses).fit(x, y, epochs=2)
    return model, x


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_onnx_runtime_computes_each_output(dtype: Any, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model, x = trained()
    cnnx.onnx.save(model, tmp_path / "model.onnx", input=dtype)
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    given = x if dtype == "uint8" else np.moveaxis(x, 3, 1).astype(np.float32) / 255
    found = session.run(None, {session.get_inputs()[0].name: given})
    names = [each.name for each in session.get_outputs()]
    assert names == [head.name for head in model.heads]
    expected = model.predict_proba(x)
    for name, array in zip(names, found, strict=True):
        channels_last = np.moveaxis(array, 1, 3) if array.ndim == 4 else array
        np.testing.assert_allclose(channels_last, expected[name], atol=2e-6)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_all_outputs_come_back_with_the_same_bits(dtype: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    model, x = trained()
    model.metadata = {"licence": "CC0"}
    cnnx.onnx.save(model, tmp_path / "model.onnx", input=dtype)
    again = cnnx.onnx.load(tmp_path / "model.onnx")
    assert again.heads == model.heads
    assert again.metadata == model.metadata
    layers, expected = (
        {name: (kind, inputs) for kind, _, name, inputs, _ in each._core.layers}
        for each in (again, model)
    )
    assert layers == expected
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], array, err_msg=name)
    for call in ("predict", "predict_proba", "__call__"):
        found, wanted = getattr(again, call)(x), getattr(model, call)(x)
        for head in model.heads:
            np.testing.assert_array_equal(found[head.name], wanted[head.name], err_msg=head.name)


def test_a_head_that_ends_in_probabilities_comes_back(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    image = Input(SHAPE)
    maps = Conv2d(4, 3)(image)
    outputs = {
        "soft": cnnx.Softmax()(Dense(3)(GlobalAvgPool2d()(maps))),
        "gate": cnnx.Sigmoid()(Conv2d(1, 1)(maps)),
        "plain": Dense(1)(Flatten()(maps)),
    }
    model = Model.from_graph(image, outputs, seed=1)
    x = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), np.uint8)
    cnnx.onnx.save(model, tmp_path / "model.onnx")
    again = cnnx.onnx.load(tmp_path / "model.onnx")
    assert again.heads == model.heads
    assert [head.probabilities for head in core_heads(again._core)] == [
        head.probabilities for head in core_heads(model._core)
    ]
    for name, array in model(x).items():
        np.testing.assert_array_equal(again(x)[name], array, err_msg=name)
    some = cnnx.onnx.load(tmp_path / "model.onnx", outputs=["plain", "soft"])
    assert [head.name for head in some.heads] == ["plain", "soft"]
    np.testing.assert_array_equal(some(x)["soft"], model(x)["soft"])


# The last has as many inputs of its Concat as heads, of other sizes.
@pytest.mark.parametrize("last", ["dense", "concat"])
def test_ranges_of_another_output_are_cut_out_of_it(last: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    image = Input(SHAPE)
    values = GlobalAvgPool2d()(Conv2d(4, 3)(image))
    parts = [Dense(size)(values) for size in ((11,) if last == "dense" else (5, 5, 1))]
    model = Model.from_graph(image, parts[0] if last == "dense" else cnnx.Concat()(*parts), seed=1)
    model._core.set_heads(
        [("class", [3], "softmax"), ("map", [2, 1, 3], "softmax"), ("age", [2], "none")]
    )
    x = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), np.uint8)
    cnnx.onnx.save(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    found = dict(zip(("class", "map", "age"), session.run(None, {"images": x}), strict=True))
    expected = model.predict_proba(x)
    np.testing.assert_allclose(found["class"], expected["class"], atol=2e-6)
    np.testing.assert_allclose(np.moveaxis(found["map"], 1, 3), expected["map"], atol=2e-6)
    np.testing.assert_allclose(found["age"], expected["age"], atol=2e-6)
    again = cnnx.onnx.load(tmp_path / "model.onnx")
    assert again.heads == model.heads
    np.testing.assert_allclose(again.predict_proba(x)["map"], expected["map"], atol=2e-6)


@pytest.mark.parametrize("text", ["[1]", '{"class": "logits"}', "{"])
def test_damaged_names_of_outputs_are_refused(text: str, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model, _ = trained()
    cnnx.onnx.save(model, tmp_path / "model.onnx")
    proto = onnx.load(tmp_path / "model.onnx")
    for each in proto.metadata_props:
        if each.key == "cnnx.heads":
            each.value = text
    onnx.save(proto, tmp_path / "damaged.onnx")
    with pytest.raises(cnnx.FormatError, match=r"damaged\.onnx: its cnnx\.heads is"):
        cnnx.onnx.load(tmp_path / "damaged.onnx")
    for each in proto.metadata_props:
        if each.key == "cnnx.heads":
            each.value = '{"class": "softmax"}'
    onnx.save(proto, tmp_path / "damaged.onnx")
    with pytest.raises(cnnx.FormatError, match=r"its cnnx\.heads names class, not its "):
        cnnx.onnx.load(tmp_path / "damaged.onnx")


def test_a_chosen_output_is_loaded_again(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    model, x = trained()
    cnnx.onnx.save(model, tmp_path / "model.onnx")
    box = cnnx.onnx.load(tmp_path / "model.onnx", outputs=["box"])
    np.testing.assert_allclose(box(x), model(x)["box"], atol=2e-6)
    some = cnnx.onnx.load(tmp_path / "model.onnx", outputs=["mask", "class"])
    heads = {head.name: head for head in model.heads}
    assert list(some.heads) == [heads["mask"], heads["class"]]
    for name, array in some(x).items():
        np.testing.assert_array_equal(array, model(x)[name], err_msg=name)
